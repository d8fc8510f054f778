"""The demo's application: one task, which analyses one Python file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pgqueue import PgQueue
from pgqueue.demo.analysis import analysed

app = PgQueue("demo")  # the database is the one that PGQUEUE_DSN names

PATH = """
select r.folder, f.path
from pgqueue_demo.files f join pgqueue_demo.runs r on r.id = f.run_id
where f.id = %s
"""
INSERT = """
insert into pgqueue_demo.analyses
    (file_id, job_id, sha256, lines, functions, classes, imports, seconds)
values
    (%(file_id)s, %(job_id)s, %(sha256)s, %(lines)s, %(functions)s, %(classes)s, %(imports)s,
     %(seconds)s)
"""


@app.task(
    name="demo.analyse",
    bind=True,
    queue="demo",
    autoretry_for=(SyntaxError, ValueError, OSError),
    max_retries=2,
    retry_backoff=0.5,
    retry_jitter=False,
)
def analyse(self: Any, file_id: int) -> None:
    """Read a file, count what is in it, and write the counts in the commit that ends the job."""
    with app.transaction() as conn:
        folder, path = conn.execute(PATH, [file_id]).fetchone()
    found = analysed(Path(folder, path).read_bytes(), path)
    with self.transaction() as conn:  # the row and the job's success: both, once, or neither
        conn.execute(INSERT, {"file_id": file_id, "job_id": self.request.id, **found})
        self.set_result({"lines": found["lines"], "functions": found["functions"]})
