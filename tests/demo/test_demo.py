"""What `pgq demo` promises to whoever runs it as the first command."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from pgqueue.demo import queries
from support.waiting import wait_for

STATEMENT = re.compile(r"^ +select .*?;$", re.MULTILINE | re.DOTALL)


def test_every_promise_held_and_a_second_run_works_like_the_first(runs):
    for number, (code, out, err) in enumerate(runs[1], 1):
        assert (code, err) == (0, "")
        assert f"pgqueue demo, run {number}\n" in out
        assert "every promise held" in out


def test_a_run_reports_about_itself_only(runs):
    for _, out, _ in runs[1]:
        assert re.search(r"^  succeeded +5 +5$", out, re.MULTILINE)
        assert re.search(r"^  failed +3 +9$", out, re.MULTILINE)


def test_every_file_is_analysed_whatever_its_name(ask):
    found = ask("""
        select f.path, a.lines, a.functions, a.classes, a.imports
        from pgqueue_demo.files f join pgqueue_demo.analyses a on a.file_id = f.id
        where f.run_id = 1 order by f.path collate "C"
    """)
    assert found == [
        ("a.py", 5, 1, 0, ["os", "sys"]),
        ("b/c.py", 5, 1, 1, ["os"]),
        ("empty.py", 0, 0, 0, []),
        ("latin_declared.py", 2, 0, 0, []),
        ("new\nline and space.py", 1, 0, 0, ["os"]),
    ]


def test_the_row_and_the_result_of_the_job_say_the_same(ask):
    assert ask("""
        select count(*) from pgqueue.jobs j join pgqueue_demo.analyses a on a.job_id = j.id
        where j.result = jsonb_build_object('lines', a.lines, 'functions', a.functions)
    """) == [(10,)]


def test_files_that_are_not_python_fail_visibly_after_their_retries(out):
    shown = dict(re.findall(r"^  (\S+\.py) +3  (\w+Error): ", out, re.MULTILINE))
    assert shown.keys() == {"latin.py", "nul.py", "syntax.py"}
    assert shown["syntax.py"] == "SyntaxError"


def test_a_rolled_back_file_leaves_neither_row_nor_job(out, ask):
    assert "9 transactions: 8 committed a row and its job, 1 rolled both back" in out
    assert ask("select path from pgqueue_demo.rolled_back where run_id = 1") == [("c.py",)]
    assert ask("select from pgqueue_demo.files where path = 'c.py'") == []
    assert ask("select count(*) from pgqueue.jobs") == [(2 * 8,)]


def test_the_printed_sql_can_be_pasted(out, ask):
    report, proofs = out.split("The promises")
    for text in STATEMENT.findall(report):
        assert ask(text)
    assert [ask(text) for text in STATEMENT.findall(proofs)] == [[(0,)]] * 6


def test_a_broken_promise_is_told_and_is_the_exit_code(demo, folder, connection):
    connection.execute(queries.text("tables"))
    connection.execute("""
        create function twice() returns trigger language plpgsql as $$
        begin
            if pg_trigger_depth() = 1 then
                insert into pgqueue_demo.analyses
                    (file_id, job_id, sha256, lines, functions, classes, imports, seconds)
                values (new.file_id, new.job_id, '', 0, 0, 0, '{}', 0);
            end if;
            return new;
        end $$;
        create trigger twice after insert on pgqueue_demo.analyses
            for each row execute function twice();
    """)
    code, out, _ = demo(folder)
    assert code == 1
    assert "  5  files with two rows of results" in out
    assert "a promise was broken" in out


def test_ctrl_c_stops_the_worker_and_cancels_the_rest(
    start_demo, many, worker_pid, gone, connection
):
    demo = start_demo(many)
    pid = worker_pid()
    demo.process.send_signal(signal.SIGINT)
    code, out, _ = demo.ended()
    assert code == 130
    assert re.search(r"the [\d,]+ jobs of run 1 that had not ended are cancelled", out)
    assert gone(pid)
    assert connection.execute("select count(*) from pgqueue.jobs_live").fetchone() == (0,)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_worker_goes_even_if_the_demo_is_killed(start_demo, many, worker_pid, gone):
    demo = start_demo(many)
    pid = worker_pid()
    demo.process.kill()
    wait_for(lambda: gone(pid), "the end of the worker", 30)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_dsn_is_on_no_command_line(start_demo, many, worker_pid, database):
    start_demo(many)
    command = Path(f"/proc/{worker_pid()}/cmdline").read_text()
    assert "pgqueue.demo.app" in command
    assert database not in command


def test_a_worker_that_dies_is_told_with_the_end_of_its_log(start_demo, many, worker_pid):
    demo = start_demo(many)
    pid = worker_pid()
    os.kill(pid, signal.SIGKILL)
    code, _, err = demo.ended()
    assert code == 1
    assert "the worker has ended" in err
    assert re.search(r"its log says at last:\n.+", err)


def test_limit_takes_the_first_files_only(demo, folder, connection):
    code, out, _ = demo(folder, "--limit", "2")
    assert code == 0
    assert "2 Python files" in out
    assert connection.execute("select path from pgqueue_demo.files").fetchall() == [
        ("a.py",),
        ("b/c.py",),
    ]


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere", "is not a folder"), ("empty", "holds no .py file")]
)
def test_a_folder_without_files_is_refused_before_anything_is_made(
    demo, tmp_path, connection, name, said
):
    (tmp_path / "empty").mkdir()
    code, out, err = demo(tmp_path / name)
    assert (code, out) == (1, "")
    assert said in err
    made = connection.execute("select to_regnamespace('pgqueue_demo')").fetchone()
    assert made == (None,)
