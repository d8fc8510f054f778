"""What a code base uses of Celery, and what becomes of it here: pure, it neither imports nor runs it.

`knowledge/` says what each name of Celery's is called here. `files` finds what there is to read,
`project` and `modules` know which name means what, `types` what an expression is, and `python`
and `deployment` list the uses. `report` adds them up.
"""
