"""The texts of `sql/`: without comments, and in the schema that was asked for."""

from __future__ import annotations

import re

import pytest

from pgqueue.errors import ConfigurationError
from pgqueue.statements import FOLDER, checked_schema, script, statement

FILES = sorted(FOLDER.rglob("*.sql"))
PARAMETER = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("name", ["pgqueue", "q", "_q", "queue_2", "a" * 40])
def test_a_name_that_needs_no_quotes_is_a_schemas_name(name):
    assert checked_schema(name) == name


@pytest.mark.parametrize(
    "name", ["", "Q", "2q", "a-b", "a.b", "a b", "a\n", 'a"', "é", "a" * 41, "pg_q", "q;drop"]
)
def test_any_other_is_refused_with_the_rule(name):
    with pytest.raises(ConfigurationError) as caught:
        checked_schema(name)
    assert str(caught.value).startswith(f"schema={name!r}: a schema's name here is at most 40 ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(FOLDER).as_posix())
def test_a_file_loses_its_comments_and_names_only_the_schema_that_was_asked_for(file):
    default, other = script(file, "pgqueue"), script(file, "elsewhere")
    assert default
    assert not re.search(r"^\s*--", default, re.MULTILINE)
    assert not re.search(r"(?<![{,])pgqueue", other)
    assert not re.search(r"(?:[>?] |\()'elsewhere'(?!\))", other), "write the key as a path"
    assert other.replace("elsewhere", "pgqueue") == default
    assert PARAMETER.findall(other) == PARAMETER.findall(file.read_text())


def test_the_schemas_name_is_replaced_as_a_word_in_tables_channels_and_messages(tmp_path):
    file = tmp_path / "each.sql"
    file.write_text(
        "-- all of pgqueue\n"
        "select 'pgqueue.jobs', pgqueue.now(), \"pgqueue\".x\n"
        "  -- pgqueue\n"
        "from my_pgqueue, pgqueues\n"
    )
    assert script(file, "q") == "select 'q.jobs', q.now(), \"q\".x\nfrom my_pgqueue, pgqueues"


def test_the_key_of_headers_that_is_ours_has_the_same_name_in_every_schema(tmp_path):
    file = tmp_path / "key.sql"
    file.write_text(
        "select headers #> '{pgqueue}', job #>> '{headers,pgqueue,unique}' from pgqueue.jobs"
    )
    wanted = "select headers #> '{pgqueue}', job #>> '{headers,pgqueue,unique}' from q.jobs"
    assert script(file, "q") == wanted


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.sql")), ids=lambda file: file.stem)
def test_a_statement_is_its_file_without_any_comment(file):
    assert statement(file.stem, "elsewhere") == script(file, "elsewhere")
    assert "--" not in statement(file.stem)  # nothing but what PostgreSQL has to parse, each time


def test_no_text_is_made_for_a_schema_that_is_refused():
    with pytest.raises(ConfigurationError, match=r"schema='x;drop'"):
        statement("enqueue", "x;drop")
