"""What crosses the pipe between the supervisor and a child: batches of raw text.

A frame is four bytes of length and a UTF-8 text: one letter for its kind, then records. The
supervisor passes payloads and results on as the JSON text that is stored; it reads neither. JSON
as PostgreSQL prints it, and as `codec` writes it, has no control characters, so two of them can
separate records and fields.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from signal import Signals
from typing import Any

from pgqueue.limits import Limits
from pgqueue.rows import ClaimedJob

JOBS, RECALL, QUIT, CANCEL, LIMITS = "J", "R", "Q", "C", "L"  # to the child
NOTICE = "N"  # the same: what happens to the worker, for the application
HELLO, OUTCOMES, BROKEN = "H", "O", "B"  # from the child

#: The first field of an outcome's record.
SUCCEEDED, FAILED, RETRIED, CANCELLED = "S", "F", "R", "C"
UNSTARTED, DONE, STALE = "U", "D", "X"
#: Failed as its task said it may, and given back by its task.
EXPECTED, REQUEUED = "E", "Q"

#: What a notice is about, if it is about a job: of the worker's own life see `moments`.
REVOKED, KILLED = "revoked", "killed"

RECORD, FIELD = "\x1e", "\x1f"
_LENGTH = struct.Struct("!I")
_SEPARATORS = str.maketrans({RECORD: " ", FIELD: " "})

Record = list[str]


def frame(kind: str, body: str = "") -> bytes:
    """Return a frame of this kind."""
    data = (kind + body).encode("utf-8", "replace")
    return _LENGTH.pack(len(data)) + data


def jobs_frame(jobs: Iterable[ClaimedJob]) -> bytes:
    """Return the frame that hands jobs to a child."""
    return frame(JOBS, RECORD.join([job_record(job) for job in jobs]))


def cancel_frame(orders: Iterable[tuple[str, int, str | None]]) -> bytes:
    """Return the frame that asks a child to cancel jobs: id, claim, and the signal to come."""
    records = [
        FIELD.join((id_, str(claim), str(signum(name) or ""))) for id_, claim, name in orders
    ]
    return frame(CANCEL, RECORD.join(records))


def signum(name: object) -> int | None:
    """Return the number of a signal that ends a job; of what is none, which SQL can say: SIGKILL.

    >>> signum("SIGTERM"), signum("at once"), signum(None)
    (15, 9, None)
    """
    return Signals.__members__.get(str(name), Signals.SIGKILL).value if name else None


def limits_frame(limits: Mapping[str, Limits]) -> bytes:
    """Return the frame that says which tasks have other limits than they declare."""
    return frame(LIMITS, json.dumps(limits))


def read_records(body: str) -> list[Record]:
    """Return the jobs of a frame as their fields: see `job_record` for the order."""
    return [record.split(FIELD) for record in body.split(RECORD)]


def outcome_record(code: str, id: str, claim: str, *fields: str) -> str:  # noqa: A002 (a field's name)
    """Return the record of how a job ended; `fields` depend on the code."""
    return FIELD.join((code, id, claim, *fields))


def plain(text: str | None) -> str:
    """Return a text of unknown origin without the characters that separate records."""
    return (text or "").translate(_SEPARATORS)


def outcomes_frame(records: Iterable[str]) -> bytes:
    """Return the frame that reports how jobs ended."""
    return frame(OUTCOMES, RECORD.join(records))


def hello_frame(hello: dict[str, Any]) -> bytes:
    """Return the frame with which a child introduces itself."""
    return frame(HELLO, json.dumps(hello))


def notice_frame(event: str, **about: Any) -> bytes:
    """Return the frame that tells a child what happens to the worker."""
    return frame(NOTICE, json.dumps({"event": event, **about}))


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Take some bytes; yield the kind and body of every frame that is complete now."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            text = buffer[start + _LENGTH.size : end].decode("utf-8")
            start = end
            yield text[0], text[1:]
        del buffer[:start]


def job_record(job: ClaimedJob) -> str:
    """Return a job as the fields that a child gets of it."""
    return FIELD.join(
        (
            job.id,
            str(job.claim),
            str(job.attempt),
            "" if job.max_attempts is None else str(job.max_attempts),
            job.times or "",
            job.queue,
            str(job.priority),
            job.task,
            job.args,
            job.kwargs,
            job.headers or "",
            job.parent_id or "",
            job.root_id or "",
            "t" if job.linked else "",
        )
    )
