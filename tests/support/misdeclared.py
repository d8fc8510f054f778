"""An application with a schedule that cannot be kept."""

from pgqueue import PgQueue

app = PgQueue("misdeclared")


@app.task(name="tidy")
def tidy():
    return None


app.add_periodic_task(30, tidy, name="tidy", overlap="perhaps")
