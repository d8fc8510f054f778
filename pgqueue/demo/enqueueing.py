"""Enqueues one job per file, each in the transaction that writes the file's row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgqueue.demo.app import analyse, app
from pgqueue.demo.folder import SourceFile

#: Of so many transactions one is rolled back: the third, so that a small folder has one, too.
ROLLED_BACK_EVERY = 20

INSERT = "insert into pgqueue_demo.files (run_id, path, bytes) values (%s, %s, %s) returning id"
REMEMBER = "insert into pgqueue_demo.rolled_back (run_id, path, job_id) values (%s, %s, %s)"


class ChangedOurMind(Exception):  # noqa: N818 (it is no error)
    """Raised inside a transaction, which rolls it back."""


def enqueue(run: int, files: Iterable[SourceFile]) -> Iterator[bool]:
    """Enqueue the files one by one; yields after each of them whether it was committed."""
    for number, file in enumerate(files, 1):
        if number % ROLLED_BACK_EVERY == 3:  # noqa: PLR2004 (see above)
            _roll_back(run, file)
            yield False
        else:
            _commit(run, file)
            yield True


def _commit(run: int, file: SourceFile) -> None:
    with app.transaction() as conn:
        (file_id,) = conn.execute(INSERT, [run, file.path, file.size]).fetchone()
        analyse.using(conn, headers={"run": run}).delay(file_id)


def _roll_back(run: int, file: SourceFile) -> None:
    try:
        with app.transaction() as conn:
            (file_id,) = conn.execute(INSERT, [run, file.path, file.size]).fetchone()
            job = analyse.using(conn, headers={"run": run}).delay(file_id)
            raise ChangedOurMind  # noqa: TRY301 (what is shown is that a raise does it)
    except ChangedOurMind:
        with app.transaction() as conn:
            conn.execute(REMEMBER, [run, file.path, job.id])
