"""Every block of a page does what the page says; what is not run is little, and says why."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from blocks import PAGES, ROOT, RUN, Block, Page

#: Languages of blocks that are there to be read only.
READ = ("", "text", "toml", "ini", "json", "yaml")
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


def test_the_shop_of_the_readme(database, connection, play):
    playing = play(database)
    readme = Page(ROOT / "README.md")
    playing.run(next(block for block in readme.blocks if block.language == "sql"))
    playing.run(next(block for block in readme.blocks if block.file))
    playing.run(_block("bash", "pgq worker -A shop --processes 1"))
    playing.run(_block("python", "import shop\norder = shop.place_order('lamp')"))
    playing.run(
        _block(
            "python",
            "ids = 'select id from pgqueue.jobs order by id'\n"
            "with shop.app.transaction() as conn:\n"
            "    jobs = [shop.app.AsyncResult(id) for (id,) in conn.execute(ids)]\n"
            "[job.get(timeout=30) for job in jobs]  # → ['receipt for order 1', None]\n",
        )
    )
    assert connection.execute("select order_id from reservations").fetchall() == [(1,)]


def _block(language, text):
    return Block(ROOT / "README.md", 0, language, text, None)
