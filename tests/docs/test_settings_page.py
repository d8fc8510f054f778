"""The tables of settings on their page are those that the code goes by."""

from __future__ import annotations

from blocks import page

from pgqueue.settings.__main__ import tables


def test_the_tables_are_the_codes():
    """`python -m pgqueue.settings` prints them."""
    assert page("settings.md").section("All settings").endswith("\n\n" + tables() + "\n")
