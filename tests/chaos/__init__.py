"""Faults caused on real workers and a real PostgreSQL, and what became of every job.

`faults` says what goes wrong, `scene` where, `checker` what became of it, `report` how it is told.
"""
