"""Who looks at Django's connections: nobody, where Django is not used."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from pgqueue.signals import task_postrun, task_prerun
from pgqueue.worker import django


@pytest.mark.parametrize(
    ("module", "settings", "looks"),
    [(True, "proj.settings", True), (True, None, False), (False, "proj.settings", False)],
)
def test_it_is_looked_at_around_runs_only_if_it_is_in_use(monkeypatch, module, settings, looks):
    for signal in (task_prerun, task_postrun):
        monkeypatch.setattr(signal, "receivers", ())
    monkeypatch.delitem(sys.modules, "django.db", raising=False)
    if module:
        monkeypatch.setitem(sys.modules, "django.db", ModuleType("django.db"))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    if settings:
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", settings)
    django.watch()
    assert task_prerun.has_listeners()
    django.settle()
    assert (task_prerun.has_listeners(), task_postrun.has_listeners()) == (looks, looks)
