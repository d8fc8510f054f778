"""Where the database is: given, or in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from pgqueue.errors import ConfigurationError

NO_DATABASE = """no database is named. Either
  - set PGQUEUE_DSN (or DATABASE_URL, or libpq's PGHOST, PGDATABASE …), for example
        export PGQUEUE_DSN=postgresql:///shop
  - or let pgqueue run one for this project: add --embedded to the command, or start it with
        pgq up   (needs: pip install 'pgqueue[embedded]')
    which prints the line that your own programs need"""

_KEYWORD_FORM = r"(?s)(password\s*=\s*)('(?:\\.|''|[^'\\])*(?:'|\Z)|(?:\\.|[^\s\\])*)"
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")


def find_dsn(given: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the connection string to use: the given one, or the environment's.

    Looked at in this order: `given`, `PGQUEUE_DSN`, `DATABASE_URL`, libpq's own variables (for
    which the connection string is empty). Raises `ConfigurationError` if there is none.

    >>> find_dsn(None, {"DATABASE_URL": "postgres+psycopg://shop@db/shop"})
    'postgres://shop@db/shop'
    """
    dsn = given or environ.get("PGQUEUE_DSN") or environ.get("DATABASE_URL")
    if dsn:
        scheme, separator, _ = dsn.partition("://")
        if separator and re.split(r"[+]", scheme)[0] not in ("postgres", "postgresql"):
            raise ConfigurationError(
                f"{hide_password(dsn)} is not a PostgreSQL database: give a URL that begins with "
                "postgresql://, or libpq's form 'host=db dbname=shop'"
            )
        # SQLAlchemy's URLs name a driver; libpq knows none.
        return re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", dsn)
    if any(environ.get(name) for name in _LIBPQ):
        return ""
    raise ConfigurationError(NO_DATABASE)


def hide_password(dsn: str) -> str:
    """Return a connection string that may be shown: its password is replaced by stars.

    >>> hide_password("postgresql://shop:secret@db/shop")
    'postgresql://shop:***@db/shop'
    >>> hide_password("host=db password='my secret' user=shop")
    'host=db password=*** user=shop'
    """
    # Rather too much is hidden than too little: of what libpq refuses, too, it is a password.
    if re.match(r"[\w+.-]+://", dsn):
        dsn = re.sub(r"(?s)(://[^:/@?]*):.*@", r"\1:***@", dsn)
        return re.sub(r"(password=)[^&]*", r"\1***", dsn)
    return re.sub(_KEYWORD_FORM, r"\1***", dsn)
