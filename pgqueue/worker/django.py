"""Django's connections in a child: looked at around each run, as Django does around a request.

Otherwise a thread would keep its connection for ever, also one that the server has closed since.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from pgqueue.request import current
from pgqueue.signals import task_postrun, task_prerun


def watch() -> None:
    """Look at connections before each run: ahead of the application's own receivers."""
    task_prerun.connect(refresh)


def settle() -> None:
    """Look at them after each run, too; at none, where the application does not use Django."""
    if "django.db" in sys.modules and os.environ.get("DJANGO_SETTINGS_MODULE"):
        task_postrun.connect(refresh)
    else:
        task_prerun.disconnect(refresh)


def refresh(**_: Any) -> Any:
    """Close connections that are broken, or older than CONN_MAX_AGE; of coroutines, theirs."""
    request = current.get()
    if request is not None and request.is_eager:  # within another run, whose transaction it is in
        return None
    from django.db import close_old_connections  # noqa: PLC0415 (only where it is there)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        close_old_connections()
        return None
    from asgiref.sync import sync_to_async  # noqa: PLC0415 (the same)

    return sync_to_async(close_old_connections)()  # in the thread where they are
