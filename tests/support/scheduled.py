"""An application with schedules: what `pgq worker -A support.scheduled` and `pgq beat` keep."""

from __future__ import annotations

import sys

from pgqueue import PgQueue, crontab, signals

app = PgQueue("scheduled")
app.conf.beat_schedule = {
    "often": {"task": "tick", "schedule": 0.5, "args": [1]},
    "nightly": {"task": "tick", "schedule": crontab(minute=30, hour=2), "options": {"priority": 3}},
}


@app.task(name="tick", bind=True)
def tick(self, value=None):
    return self.request.notes


@app.on_after_configure.connect
def set_up(sender, **kwargs):
    sender.add_periodic_task(3600, tick.s(2), name="hourly")


@app.periodic_task("0 0 1 1 *", name="yearly", timezone="Europe/Berlin", overlap="skip")
def yearly():
    return None


@signals.beat_init.connect
def begun(sender, **kwargs):
    sys.stderr.write("beat_init was sent\n")
