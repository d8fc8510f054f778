"""`pgq bench`: what pgqueue does on a database, beside what the bare statements do there.

From the bottom up: `figures.py` (pure arithmetic), `processes.py` and `meters.py` (what is read off
the machine and the server), `scratch.py` (a schema of its own, and what fills it), `worker.py` and
`producer.py` (the processes that are measured), `baseline.py` (the bare statements).
"""
