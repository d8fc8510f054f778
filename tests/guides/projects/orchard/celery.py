"""The application of the project, where a code base that comes from Celery has it."""

from __future__ import annotations

from pgqueue import PgQueue

app = PgQueue("orchard", include=["orchard.tasks"])

app.conf.update(task_track_started=True)
