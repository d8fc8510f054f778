"""A connection that was inherited through a fork is never used, nor ended, by the child.

Each test is a program of its own, which forks; `operations.backend` says whose session answers.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from support.servers import Server, own
from support.waiting import wait_for

pytestmark = pytest.mark.sessions("a session is nobody's own")

#: What psycopg says in a child that unwinds its parent's blocks.
DISCARDED = r".*discarding closed connection.*"

BEGINNING = """
import asyncio, ctypes, json, multiprocessing, os, signal, sys, threading, warnings

import psycopg
from pgqueue import PgQueue, operations

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
app = PgQueue("forks", dsn=sys.argv[1])


def who():
    return app.run(operations.backend())


async def awho():
    return await app.arun(operations.backend())


def in_child(act, fork=os.fork, end=sys.exit):
    "What `act` returns in a child, which then ends as programs do: finalizers, atexit and all."
    ours, theirs = os.pipe()
    child = fork()
    if not child:
        signal.alarm(50)  # one that hangs is not left behind
        os.write(theirs, json.dumps(act()).encode())
        end(0)
    os.close(theirs)
    said = os.read(ours, 65536)
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(said)
"""


@pytest.fixture(scope="module")
def tls(server):
    """The DSN of a server that is reached under TLS only."""
    with psycopg.connect(server.dsn()) as connection:
        if not connection.execute("show ssl_library").fetchone()[0]:
            pytest.skip(f"{server.name} was built without TLS")
    files = {"ssl_key_file": "../key", "ssl_cert_file": "../certificate"}  # as the data folder sees
    secret = Server(server.binaries, {"listen_addresses": "127.0.0.1", "ssl": "on", **files})
    key, certificate = Path(secret.host, "key"), Path(secret.host, "certificate")
    made = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    command = ["openssl", "req", "-x509", *made, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    own(key)
    secret.port = free_port()
    secret.start()
    yield f"postgresql://{secret.user}@127.0.0.1:{secret.port}/postgres?sslmode=require"
    secret.stop()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def run(database):
    """Runs a program, and returns what it puts into `found`."""

    def run(program, dsn=database, says=""):
        program = f"{BEGINNING}\n{program}\nprint(json.dumps(found))"
        command = [sys.executable, "-W", "error", "-c", program, dsn]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(says, done.stderr, re.DOTALL), done.stderr
        return json.loads(done.stdout)

    return run


def test_parent_and_child_have_sessions_of_their_own_and_the_parents_outlives_the_child(run):
    before, child, after = run("found = [who(), in_child(who), who()]")
    assert before == after != child


@pytest.mark.parametrize("act", ["lambda: None", "app.close", "app.pools.close"])
def test_a_child_that_closes_or_throws_away_what_it_inherited_does_not_end_it(run, act):
    before, after = run(f"found = [who()]; in_child({act}); found.append(who())")
    assert before == after


def test_under_tls_the_childs_end_does_not_reach_the_parents_session_either(run, tls):
    """A word in the parent's name would be one too many in the count of its records."""
    program = """
found = [who(), in_child(who)]
in_child(app.close)
found += [who(), app.run(operations.backend())]
"""
    before, child, after, again = run(program, tls)
    assert before == after == again != child


def test_the_children_of_multiprocessing_have_sessions_of_their_own(run):
    program = """
def work(_):
    barrier.wait(30)
    return who()

barrier = multiprocessing.get_context("fork").Barrier(3)
found = [who()]
with multiprocessing.get_context("fork").Pool(3) as pool:
    found += pool.map(work, range(3), chunksize=1)
found.append(who())
"""
    before, *children, after = run(program)
    assert before == after
    assert len({before, *children}) == 4


def test_four_children_enqueue_at_once_and_the_parent_too(run, connection):
    program = """
who()
children = []
for child in range(4):
    children.append(os.fork())
    if not children[-1]:
        break
for number in range(250):
    app.send_task("add", (number,))
if not children[-1]:
    sys.exit()
found = [os.waitpid(child, 0)[1] for child in children]
"""
    assert run(program) == [0] * 4
    assert connection.execute("select count(*) from pgqueue.jobs").fetchone()[0] == 5 * 250


@pytest.mark.parametrize("loop", ["loop", "asyncio.new_event_loop()"])
def test_an_event_loops_sessions_are_not_inherited_either(run, loop):
    program = f"""
loop = asyncio.new_event_loop()
found = [loop.run_until_complete(awho())]


def again():
    other = {loop}
    return other.run_until_complete(awho()), other.run_until_complete(app.aclose()), other.close()


found.append(in_child(again, end=os._exit)[0])  # Python would complain of the parent's loop
found.append(loop.run_until_complete(awho()))
loop.run_until_complete(app.aclose())
loop.close()
"""
    before, child, after = run(program)
    assert before == after != child


def test_a_child_born_in_a_transaction_leaves_it_to_the_parent(run, connection):
    """It unwinds the parent's blocks, which roll back and give connections back."""
    program = """
def enqueue_apart():
    with app.bind(None):
        return app.send_task("child").id


with app.transaction():
    app.send_task("before")
    found = in_child(enqueue_apart)
    app.send_task("after")
"""
    run(program, says=DISCARDED)
    tasks = connection.execute("select task from pgqueue.jobs order by task").fetchall()
    assert tasks == [("after",), ("before",), ("child",)]


def test_a_child_that_goes_on_in_its_parents_transaction_is_told_that_the_session_is_gone(run):
    program = """
def meddle():
    try:
        conn.execute("select 1")
    except psycopg.OperationalError:
        return "refused"

with app.transaction() as conn:
    found = [in_child(meddle), conn.execute("select 'goes on'").fetchone()[0]]
"""
    assert run(program, says=DISCARDED) == ["refused", "goes on"]


def test_what_another_thread_held_at_the_fork_does_not_stop_the_child(run):
    program = """
who()
pools = app.pools
with app._lock, pools._lock:
    found = in_child(who)
"""
    assert run(program)


def test_parent_and_child_wait_for_the_same_result_each_on_its_own(run, connection):
    program = """
job = app.send_task("add")
future = app.outcome(job.id)  # the parent's thread waits


def cancel_and_wait():
    job.revoke()
    return app.outcome(job.id).result(30).state


found = [in_child(cancel_and_wait), future.result(30).state]
"""
    assert run(program) == ["cancelled", "cancelled"]


def test_a_fork_that_python_knows_nothing_of_is_noticed(run):
    """uWSGI forks so, unless it is told otherwise."""
    before, child, after = run("found = [who(), in_child(who, ctypes.PyDLL(None).fork), who()]")
    assert before == after != child


def test_nothing_is_left_of_the_child_on_the_server(run, connection):
    run("found = [who(), in_child(who)]")
    sessions = "select count(*) from pg_stat_activity where application_name = 'pgqueue'"
    wait_for(lambda: connection.execute(sessions).fetchone()[0] == 0, "both to be gone")
