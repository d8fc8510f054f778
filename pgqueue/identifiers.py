"""Job ids: UUIDs of version 7 (RFC 9562), made by the client.

The handle of a job exists before its row, an enqueue can be sent again under the same id, and ids
made together lie together in the index.
"""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

from pgqueue.errors import InvalidOption

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Return a new id, greater than every id that this process made before it.

    48 bits of milliseconds, 12 bits of their fractions, 62 random bits.

    >>> uuid7() < uuid7()
    True
    >>> uuid7().version
    7
    """
    global _last  # noqa: PLW0603 (one sequence per process)
    ticks = time.time_ns() * 4096 // 1_000_000
    with _lock:
        _last = ticks = max(ticks, _last + 1)
    random = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    milliseconds, fraction = divmod(ticks, 4096)
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random)


def job_id(value: object) -> UUID:
    """Return `value` as a job id; refuse what is not a UUID.

    >>> job_id("0198c0de-0000-7000-8000-000000000001")
    UUID('0198c0de-0000-7000-8000-000000000001')
    """
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        raise InvalidOption(
            f"task_id={value!r}: a job's id is a UUID; leave it out to have one made, or derive "
            "it from your own key with uuid.uuid5(namespace, key)"
        ) from None
