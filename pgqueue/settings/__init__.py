"""Settings: which there are, where they are written down, and what they are."""

from pgqueue.settings.conf import ConfigurationWarning, Settings
from pgqueue.settings.names import celery_setting
from pgqueue.settings.table import SETTINGS, Setting

__all__ = ["SETTINGS", "ConfigurationWarning", "Setting", "Settings", "celery_setting"]
