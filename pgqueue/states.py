"""Celery's names for the states of jobs, and its sets of them.

`result.state` is one of these, or what the task itself says with `self.update_state`.

>>> "SUCCESS" in READY_STATES
True
"""

from __future__ import annotations

#: It waits, or nobody knows it.
PENDING = "PENDING"
#: Not in use here: a job that a worker has taken is STARTED.
RECEIVED = "RECEIVED"
STARTED = "STARTED"
SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
REVOKED = "REVOKED"
#: It waits for its next attempt.
RETRY = "RETRY"
#: Not the state of a job here, but what signals say of a run that raised `Reject`.
REJECTED = "REJECTED"
#: The task raised `Ignore`.
IGNORED = "IGNORED"

READY_STATES = frozenset({SUCCESS, FAILURE, REVOKED})
UNREADY_STATES = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES = frozenset({RETRY, FAILURE, REVOKED})
PROPAGATE_STATES = frozenset({FAILURE, REVOKED})
ALL_STATES = frozenset({PENDING, RECEIVED, STARTED, SUCCESS, FAILURE, RETRY, REVOKED})
