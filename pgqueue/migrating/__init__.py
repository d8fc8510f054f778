"""What a code base uses of Celery, and what becomes of it here.

All of it is pure but for reading files: nothing of what is scanned is imported or run.
`knowledge/` says what each name of Celery's is called here. `files` finds what there is to read;
`scopes`, `index`, `things` and `project` know what a name or an expression is; `python`,
`settings` and `deployment` list the uses; `scan` does all that, and `report` adds it up.
"""
