"""An application that forgot its tasks."""

from pgqueue import PgQueue

app = PgQueue("taskless")
