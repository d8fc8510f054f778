"""`pgq demo`: a small application on pgqueue, and the run that shows what it promises.

Read `app.py` first, which is what a user of pgqueue writes; then `enqueueing.py`, which calls it,
and `sql/`, which asks what became of it. `run.py` puts them together, `pgqueue/cli/demo.py` shows it.
"""
