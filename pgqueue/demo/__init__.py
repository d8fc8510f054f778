"""`pgq demo`: a small application on pgqueue, and a run that shows what pgqueue promises.

Read `app.py` first, which is what users of pgqueue write; then `enqueueing.py`, which calls it;
then `sql/`, which asks what came of it. `run.py` is one run, `pgqueue/cli/demo.py` shows it.
"""
