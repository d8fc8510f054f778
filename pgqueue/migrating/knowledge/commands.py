"""The command `celery` with its options, as they stand in deployment files."""

from __future__ import annotations

from pgqueue.migrating.knowledge.row import change, rows, same

#: Options that take a value, with their short forms; others are flags.
SHORT = {
    "-A": "--app", "-b": "--broker", "-C": "--no-color", "-q": "--quiet", "-n": "--hostname",
    "-c": "--concurrency", "-P": "--pool", "-Q": "--queues", "-X": "--exclude-queues",
    "-I": "--include", "-l": "--loglevel", "-f": "--logfile", "-D": "--detach",
    "-E": "--task-events", "-O": "--optimization", "-B": "--beat", "-s": "--schedule",
    "-S": "--scheduler", "-d": "--destination", "-t": "--timeout", "-j": "--json",
}  # fmt: skip
#: Old spellings, and `-S`, which is another option of a worker.
SPELLINGS = {
    "--events": "--task-events", "--maxtasksperchild": "--max-tasks-per-child",
    "--maxmemperchild": "--max-memory-per-child", "--discard": "--purge",
    "--schedule-filename": "--schedule", "--detached": "--detach", "--log-level": "--loglevel",
    "--log-file": "--logfile", "--queue": "--queues", "--soft_time_limit": "--soft-time-limit",
}  # fmt: skip
FLAGS = {
    "--no-color", "--quiet", "--detach", "--task-events", "--beat", "--purge", "--json", "--force",
    "--without-gossip", "--without-mingle", "--without-heartbeat", "--disable-prefetch",
    "--skip-checks", "--version", "--help",
}  # fmt: skip

COMMANDS = rows(
    "command",
    same("worker", ours="pgq worker"),
    same("beat", ours="pgq beat", note="not needed beside workers: they keep time as well"),
    change("status", ours="pgq status",
           note="shows jobs and queues, too; as a health check use pgq inspect ping, which exits "
                "with 69 if nobody answers"),
    same("inspect", ours="pgq inspect"),
    same("control", ours="pgq control"),
    same("purge", ours="pgq purge"),
    same("call", ours="pgq call"),
    same("result", ours="pgq result"),
    same("report", ours="pgq inspect report"),
    change("flower", ours="pgq status, pgq jobs, pgq inspect",
           note="the history is in pgqueue.jobs, for SQL as well"),
    change("events", ours="pgq jobs list", note="everything is recorded: select from pgqueue.jobs"),
    change("multi", ours="pgq worker", note="one per service of systemd, supervisor or compose"),
    change("list", ours="pgq queues list", note="there are no bindings"),
    change("shell", ours="python -i -m proj.app", note="import the application and use it"),
    change("migrate", "upgrade", "amqp", "graph", "logtool", note="can go: there is no broker"),
)  # fmt: skip

GLOBAL_OPTIONS = rows(
    "command option",
    same("--app", ours="-A"),
    same("--version", "--help"),
    change("--broker", "--result-backend", ours="--dsn", note="or PGQUEUE_DSN"),
    change("--workdir", note="start it in that folder"),
    change("--config", ours="config_from_object", note="in the application"),
    change("--loader", "--skip-checks", "--quiet", note="can go"),
    change("--no-color", ours="NO_COLOR=1", note="in the environment"),
    same("--destination", "--timeout", "--json", "--force"),
)  # fmt: skip

WORKER_OPTIONS = rows(
    "worker option",
    same("--queues", ours="-Q"),
    same("--concurrency", ours="-c"),
    same("--hostname", ours="-n"),
    same("--loglevel", ours="-l"),
    same("--time-limit", "--soft-time-limit"),
    same("--max-tasks-per-child", note="each process runs many jobs at once"),
    same("--max-memory-per-child", note="given with a unit"),
    change("--beat", note="can go: workers keep time unless told --without-scheduler"),
    change("--pool", note="can go: async def tasks run on a loop, others in threads of processes"),
    change("--optimization", "--prefetch-multiplier", "--disable-prefetch",
           note="can go: a worker claims what it can run soon"),
    change("--task-events", "--without-gossip", "--without-mingle", "--without-heartbeat",
           "--heartbeat-interval", "--pool-start-method", note="can go: it is no question here"),
    change("--autoscale", ours="pgq control pool_grow", note="or start more workers"),
    change("--purge", ours="pgq purge", note="before the start"),
    change("--include", ours="include=", note="of PgQueue(…)"),
    change("--exclude-queues", ours="-Q", note="name those that it serves"),
    change("--schedule", "--scheduler", "--max-interval", "--statedb", "--schedule-file",
           note="can go: schedules and revoked jobs are rows"),
    change("--detach", "--pidfile", "--logfile", "--uid", "--gid", "--umask", "--executable",
           ours="systemd, supervisor, compose",
           note="a worker stays in the foreground and logs to standard error"),
)  # fmt: skip

ROWS = (*COMMANDS, *GLOBAL_OPTIONS, *WORKER_OPTIONS)
