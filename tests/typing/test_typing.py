"""The public surface keeps its types, for users who check theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

API = Path(__file__).with_name("api.py")


def test_what_users_write_type_checks_and_their_errors_are_found(pytestconfig):
    """`api.py` marks wrong uses with `type: ignore[…]`; one that is no error any more is unused."""
    # mypy's cache is kept between runs: 1 s instead of 8.
    cache = pytestconfig.cache.mkdir("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, API]
    checked = subprocess.run(
        command, cwd=pytestconfig.rootpath, check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
