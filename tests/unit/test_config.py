"""Where the database is said to be, and how that is shown without its password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given, strategies as st
from psycopg.conninfo import make_conninfo

from pgqueue.config import find_dsn, hide_password
from pgqueue.errors import ConfigurationError

PLACES = {"PGQUEUE_DSN": "host=first", "DATABASE_URL": "host=second", "PGHOST": "third"}


def test_a_given_dsn_comes_before_the_environment():
    assert find_dsn("host=given", PLACES) == "host=given"


@pytest.mark.parametrize(
    ("missing", "found"),
    [((), "host=first"), (("PGQUEUE_DSN",), "host=second"), (("PGQUEUE_DSN", "DATABASE_URL"), "")],
)
def test_the_environment_is_asked_in_the_documented_order(missing, found):
    assert find_dsn(None, {k: v for k, v in PLACES.items() if k not in missing}) == found


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE"])
def test_any_of_libpqs_variables_names_a_database(name):
    assert find_dsn(None, {name: "x"}) == ""


def test_an_empty_variable_is_none():
    assert find_dsn("", {"PGQUEUE_DSN": "", "DATABASE_URL": "host=second"}) == "host=second"


@pytest.mark.parametrize("environ", [{}, {"PGHOST": ""}, {"PGPASSWORD": "secret"}])
def test_without_a_database_both_ways_to_one_are_said(environ):
    with pytest.raises(ConfigurationError) as caught:
        find_dsn(None, environ)
    message = str(caught.value)
    assert message.startswith("no database is named")
    assert "export PGQUEUE_DSN=postgresql:///shop" in message
    assert "DATABASE_URL" in message
    assert "--embedded" in message
    assert "pip install 'pgqueue[embedded]'" in message
    assert "secret" not in message


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg", "psycopg_async"])
def test_sqlalchemys_urls_are_understood(scheme, driver):
    url = f"{scheme}+{driver}://shop:a+b@db/shop"
    assert find_dsn(url, {}) == f"{scheme}://shop:a+b@db/shop"
    assert find_dsn(None, {"DATABASE_URL": url}) == f"{scheme}://shop:a+b@db/shop"


# ── passwords ──


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
@example("://:@")
def test_no_password_shows_in_a_keyword_string_or_url(password):
    dsn = make_conninfo(user="shop", password=password, host="db")
    assert hide_password(dsn) == "user=shop password=*** host=db"
    url = f"postgresql://shop:{quote(password, safe='')}@db/shop?sslmode=require"
    assert hide_password(url) == "postgresql://shop:***@db/shop?sslmode=require"
    query = f"postgresql://db/shop?password={quote(password, safe='')}&user=shop"
    assert hide_password(query) == "postgresql://db/shop?password=***&user=shop"


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://shop:p@ss@db/shop", "postgresql://shop:***@db/shop"),
        ("postgresql://shop:p/ss@db/shop", "postgresql://shop:***@db/shop"),
        ("postgresql://shop:p?s@s@db/shop", "postgresql://shop:***@db/shop"),
        ("postgresql://shop:p:ss@db/shop", "postgresql://shop:***@db/shop"),
        ("postgresql://shop:p ss@db/shop", "postgresql://shop:***@db/shop"),
        ("postgresql://shop:p\nss@db/shop", "postgresql://shop:***@db/shop"),
        ("postgresql://:pass@db/shop", "postgresql://:***@db/shop"),
        ("postgresql+psycopg://shop:pass@db/shop", "postgresql+psycopg://shop:***@db/shop"),
        ("postgresql://db/shop?password=my pass", "postgresql://db/shop?password=***"),
        (
            "postgresql://db/s?sslpassword=a&password=b",
            "postgresql://db/s?sslpassword=***&password=***",
        ),
        ("host=db password=a&b user=shop", "host=db password=*** user=shop"),
        ("host=db password=p@ss user=shop", "host=db password=*** user=shop"),
        (r"host=db password=my\ pass user=shop", "host=db password=*** user=shop"),
        (r"host=db password='it\'s it' user=shop", "host=db password=*** user=shop"),
        ("host=db password='it''s it' user=shop", "host=db password=*** user=shop"),
        ("host=db password = 'my\npass' user=shop", "host=db password = *** user=shop"),
        ("host=db password='never closed", "host=db password=***"),
        ("host=db password='' user=shop", "host=db password=*** user=shop"),
        ("host=db password= pass user=shop", "host=db password= *** user=shop"),
    ],
)
def test_odd_passwords_do_not_show_either(dsn, shown):
    assert hide_password(dsn) == shown


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "host=db user=shop passfile=/run/pass",
        "postgresql://db/shop",
        "postgresql://shop@db:5432/shop?sslmode=require",
        "postgresql:///shop?host=/run/postgresql&user=me@work",
    ],
)
def test_what_has_no_password_is_shown_as_it_is(dsn):
    assert hide_password(dsn) == dsn


def test_the_url_of_another_service_is_refused_without_its_password():
    with pytest.raises(ConfigurationError) as caught:
        find_dsn(None, {"PGQUEUE_DSN": "redis://me:secret@localhost/0"})
    assert "redis://me:***@localhost/0 is not a PostgreSQL database" in str(caught.value)
