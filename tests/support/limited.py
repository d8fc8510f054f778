"""The application of the tests of limits: tasks that hang, spread, grow, or kill their process."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from pgqueue import PgQueue, SoftTimeLimitExceeded
from pgqueue.worker.processes import resident
from support.tasks import hold as hold_lock

app = PgQueue("limited")
kept = []

if "--alone" in sys.argv:
    time.sleep(float(os.environ.get("SLOW_START", "0")))

FOREVER = 10**9


def wait_in_a_query():
    with psycopg.connect(app.dsn) as connection:
        connection.execute("select pg_sleep(%s)", [FOREVER])


def swallow():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(FOREVER)


#: Ways not to come to an end. The last three are deaf to exceptions.
HANGING = {
    "sleep": lambda: time.sleep(10**6),
    "receive": lambda: (pair := socket.socketpair()) and pair[0].recv(1),
    "query": wait_in_a_query,
    "spin": lambda: next(n for n in itertools.count() if n < 0),
    "hold the interpreter": lambda: sum(itertools.repeat(1, 10**14)),
    "regular expression": lambda: re.match(r"(a+)+$", "a" * 60 + "b"),
    "swallow": swallow,
}


def overrun(group):
    """Take memory until that is too much: for a control group, or for somebody who watches."""
    if group:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    elif os.fork() == 0:
        while resident(os.getppid()) < 2**18:
            time.sleep(0.01)
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    while True:
        kept.append(b"x" * 2**24)


def take_for_granted():
    """Write where there is no memory, as C does that asks nobody whether an allocation failed."""
    resource.setrlimit(resource.RLIMIT_AS, (2**32, resource.RLIM_INFINITY))
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    ctypes.memset(libc.malloc(ctypes.c_size_t(2**40)) or 0, 1, 1)


#: Ways to end a process, by what is said of it.
DYING = {
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda: ctypes.string_at(0),
    "SIGABRT": os.abort,
    "status 3": lambda: os._exit(3),
}


@app.task(name="who")
def who():
    return os.getpid()


@app.task(name="awho")
async def awho():
    return os.getpid()


@app.task(name="hold")
def hold(key):
    """Run for as long as the test holds the advisory lock `key`; say in which process."""
    hold_lock(key)
    return os.getpid()


@app.task(name="hang")
def hang(how):
    HANGING[how]()


@app.task(name="hang_briefly", time_limit=0.3)
def hang_briefly():
    time.sleep(1)
    return "done"


@app.task(name="retry_anything", time_limit=0.3, max_retries=5, autoretry_for=[Exception])
def retry_anything():
    time.sleep(FOREVER)


@app.task(
    name="retry_soft",
    bind=True,
    soft_time_limit=0.3,
    autoretry_for=[SoftTimeLimitExceeded],
    default_retry_delay=0,
)
def retry_soft(self):
    if self.request.retries == 0:
        time.sleep(FOREVER)
    return self.request.retries


@app.task(name="save", soft_time_limit=0.3)
def save(how):
    try:
        HANGING[how]()
    except SoftTimeLimitExceeded as exceeded:
        return f"saved: {exceeded}"


@app.task(name="asave", soft_time_limit=0.3)
async def asave():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(FOREVER))
    except SoftTimeLimitExceeded as exceeded:
        await asyncio.sleep(0)
        return f"saved: {exceeded}"


@app.task(name="ahang")
async def ahang():
    await asyncio.sleep(FOREVER)


@app.task(name="limits", bind=True, time_limit=60, soft_time_limit=50)
def limits(self):
    return [self.request.time_limit, self.request.soft_time_limit, self.request.headers]


@app.task(name="about", time_limit=0.05)
def about(seconds):
    """Take about as long as it may."""
    time.sleep(seconds)
    return "in time"


SLEEP = "import time; time.sleep(1000)"
DAEMON = f"import os\nif os.fork(): os._exit(0)\nos.setsid()\n{SLEEP}"


@app.task(name="spread")
def spread():
    """Start processes that end up in three places, and hang."""
    subprocess.Popen([sys.executable, "-c", SLEEP])
    subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    subprocess.Popen([sys.executable, "-c", DAEMON])
    if os.fork() == 0:  # it has the pipe to the supervisor, too
        time.sleep(1000)
    time.sleep(1000)


@app.task(name="die")
def die(how):
    DYING[how]()


@app.task(name="die_of_memory")
def die_of_memory(group):
    overrun(group)


@app.task(name="die_of_a_failed_allocation")
def die_of_a_failed_allocation():
    take_for_granted()


@app.task(name="ask_for_too_much")
def ask_for_too_much():
    """Ask for more than there can be; the limit is this task's only."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**32, before[1]))
    try:
        return len(bytearray(2**40))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@app.task(name="kill_worker")
def kill_worker(key):
    hold_lock(key)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(FOREVER)


@app.task(name="fork_and_die")
def fork_and_die():
    """Die while another process holds the pipe open."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
    os._exit(3)


@app.task(name="grow")
def grow(mebibytes):
    """Keep so much memory, for good."""
    kept.append(b"x" * (mebibytes * 2**20))
    return os.getpid()
