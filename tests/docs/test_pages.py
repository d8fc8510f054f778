"""Every block of a page does what the page says; what is not run is little, and says why."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from blocks import PAGES, ROOT, RUN, Page

#: Languages of blocks that are there to be read only.
READ = ("", "text", "toml", "ini")
#: Pages that begin by making the schema.
FROM_NOTHING = ("tutorial.md",)
MOST_NOT_RUN = 5

pages = pytest.mark.parametrize("page", [Page(path) for path in PAGES], ids=str)


@pytest.fixture
def dsn(request, page, clean_roles):
    """The database of a page, gone before its roles are."""
    del clean_roles
    fresh = page.path.name in FROM_NOTHING
    return request.getfixturevalue("empty_database" if fresh else "database")


@pages
def test_a_page_does_what_it_says(page, server, dsn, play):
    del server
    playing = play(dsn)
    for block in page.blocks:
        if block.language in RUN and not block.reason:
            playing.run(block)


@pages
def test_little_is_not_run_and_each_says_why(page):
    left_out = [block for block in page.blocks if block.reason is not None]
    assert len(left_out) <= MOST_NOT_RUN
    assert page.text.count("<!-- not run") == len(left_out), "each stands before a block"
    for block in left_out:
        assert block.language in RUN, block
        assert len(block.reason.split()) >= 3, block


@pages
def test_no_block_escapes(page):
    assert Counter(block.language for block in page.blocks).keys() <= {*RUN, *READ}
    assert not re.findall(r"^[ \t]+```", page.text, re.MULTILINE), "an indented block is not seen"


def test_the_index_names_every_page():
    index = (ROOT / "docs/README.md").read_text()
    for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md")]:
        if path.name != "README.md":
            assert f"({path.relative_to(ROOT / 'docs').as_posix()})" in index
