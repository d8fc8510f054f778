"""Finding a setting by what people call it: its name, its old name, or nearly one of them."""

from __future__ import annotations

from pgqueue import misspelt
from pgqueue.settings.table import SETTINGS, Setting

_OLD = {old: each.name for each in SETTINGS.values() for old in each.old if not each.ours}
#: How alike a name must be for it to be meant, from 0 to 1; and one that may well be another's.
ALIKE, VERY_ALIKE = 0.75, 0.9
#: Names in capitals that begin so are Celery's.
CELERYS = ("CELERY_", "CELERYD_", "CELERYBEAT_", "BROKER_")


def celery_setting(name: str) -> Setting | None:
    """Return what a setting of Celery means here, by its name or its old name in capitals.

    >>> celery_setting("task_routes").meaning, celery_setting("CELERYD_CONCURRENCY").name
    ('same', 'worker_concurrency')
    >>> celery_setting("broker_url").meaning, celery_setting("broker_ulr")
    ('none', None)
    """
    found = SETTINGS.get(canonical(name) or "")
    return None if found is None or found.ours else found


def canonical(name: str) -> str | None:
    """Return the name that a setting has here; None if nothing is called so.

    >>> canonical("CELERY_ALWAYS_EAGER"), canonical("result_backend"), canonical("shop")
    ('task_always_eager', 'result_backend', None)
    """
    return name if name in SETTINGS else _OLD.get(name)


def nearest(name: str, alike: float = ALIKE) -> str | None:
    """Return the name that is probably meant by one that is not known.

    >>> nearest("task_rutes"), nearest("CELERY_ALWAYS_EGER"), nearest("colour")
    ('task_routes', 'CELERY_ALWAYS_EAGER', None)
    """
    known = _OLD if name.isupper() else SETTINGS
    return misspelt.nearest(name, known, alike)
