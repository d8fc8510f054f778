"""A module with a misspelt argument."""

from pgqueue import crontab

crontab(minutes=3)
