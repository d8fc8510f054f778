"""`pgq schedules`, and `pgq beat` where it cannot begin."""

from __future__ import annotations

import pytest

from pgqueue import operations
from pgqueue.rows import Declaration
from pgqueue.schedules import as_json


def rows(jobs):
    return {row.name: row for row in jobs.run(operations.schedules())}


@pytest.fixture
def nightly(pgq):
    said = pgq("schedules", "add", "nightly", "tidy", "30 2 * * *", "--timezone", "Europe/Oslo")
    first, *times = said.out.splitlines()
    assert (said.code, first) == (0, "added nightly: 30 2 * * * Europe/Oslo")
    assert [time.split()[0] for time in times] == ["next", "next"]
    assert all(time.split()[2].endswith(":30:00") for time in times)


def test_a_schedule_is_added_with_what_the_application_says_of_its_task(pgq, shop, jobs):
    said = pgq("schedules", "add", "-A", "shop", "sum", "add", "every 5 minutes", "-a", "[1, 2]")
    assert said.code == 0
    row = rows(jobs)["sum"]
    assert (row.queue, row.priority, row.args, row.schedule) == (
        *("sums", 3, "[1, 2]", "every 5 minutes"),
    )
    assert pgq("schedules", "add", "-A", "shop", "bad", "add", "@daily", "-a", "[]").code == 1
    again = pgq("schedules", "add", "sum", "add", "@daily")
    assert (again.code, "already" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["every now"], "write five fields"),
        (["0 0 31 2 *"], "never comes"),
        (["0 0 3 * * mon"], "of six fields the last one is the seconds"),
        (["@daily", "--timezone", "Middle/Earth"], "no such time zone"),
        (["@daily", "--args", "{}"], "give a JSON array"),
        (["@daily", "--overlap", "perhaps"], "allow"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(pgq, jobs, arguments, complaint):
    said = pgq("schedules", "add", "a", "tidy", *arguments)
    assert said.code in (1, 2)
    assert complaint in said.err
    assert rows(jobs) == {}


def test_schedules_are_listed_in_the_order_of_their_time(pgq, jobs, nightly, connection):
    pgq("schedules", "add", "long " * 20, "tidy", "every 2 hours")
    pgq("schedules", "add", "resting", "tidy", "every 2 hours")
    pgq("schedules", "pause", "resting")
    jobs.run(operations.refuse_schedule("nightly", "it is too dark"))
    said = pgq("schedules", "list")
    assert [line.split()[0] for line in said.lines] == ["NAME", "nightly", "long", "resting"]
    assert "refused: it is t" in said.lines[1]
    assert said.lines[3].endswith("paused")
    assert max(map(len, said.lines)) <= 100
    document = pgq("schedules", "list", "--json").json
    assert [document[0][key] for key in ("name", "args", "error")] == [
        *("nightly", [], "it is too dark"),
    ]


def test_a_schedule_is_shown_with_its_times_and_jobs(pgq, nightly):
    job = pgq("schedules", "run-now", "nightly").out.strip()
    said = pgq("schedules", "show", "nightly")
    assert "02:30:00 C" in said.out
    assert any(job in line and "queued" in line for line in said.lines)
    assert "UTC" not in said.out  # all times are by the clock of the schedule
    document = pgq("schedules", "show", "nightly", "--json").json
    assert document["fires"][0]["job_id"] == job
    assert len(document["upcoming"]) == 5


def test_a_schedule_is_edited_paused_resumed_and_removed(pgq, nightly, jobs):
    edited = pgq(
        "schedules", "edit", "nightly", "--schedule", "@hourly", "--args", "[1]", "-Q", "x"
    )
    assert edited.out == "changed nightly: args, queue, schedule\n"
    row = rows(jobs)["nightly"]
    assert (row.schedule, row.args, row.queue, row.timezone) == (
        *("0 * * * *", "[1]", "x", "Europe/Oslo"),
    )
    assert pgq("schedules", "edit", "nightly").code == 2
    pgq("schedules", "pause", "nightly")
    assert rows(jobs)["nightly"].paused_at is not None
    pgq("schedules", "resume", "nightly")
    assert rows(jobs)["nightly"].paused_at is None
    assert pgq("schedules", "remove", "nightly", typed="n\n").code == 1
    assert pgq("schedules", "remove", "nightly", typed="y\n").code == 0
    assert rows(jobs) == {}


def test_who_removes_what_is_declared_is_told_that_it_comes_back(pgq, jobs):
    declared = as_json([Declaration("a", "tidy", "every hour")])
    jobs.run(operations.declare_schedules("shop", declared))
    assert "declares it" in pgq("schedules", "remove", "a", typed="n\n").err


@pytest.mark.parametrize(
    "arguments",
    [["show"], ["edit", "-Q", "x"], ["pause"], ["resume"], ["run-now"], ["remove", "-y"]],
)
def test_a_schedule_that_is_not_there_is_no_surprise(pgq, arguments):
    said = pgq("schedules", arguments[0], "nobody", *arguments[1:])
    assert (said.code, "no schedule 'nobody'" in said.err) == (1, True)


def test_the_next_times_come_in_their_order(pgq, nightly):
    pgq("schedules", "add", "often", "tidy", "every 6 hours")
    said = pgq("schedules", "next", "6")
    assert len(said.lines) == 6
    assert {line.rpartition("  ")[2] for line in said.lines} == {"often", "nightly"}
    assert all(" UTC  " in line for line in said.lines)  # two clocks: one for both
    for arguments in (["3", "nightly"], ["nightly", "3"]):
        assert len(pgq("schedules", "next", *arguments).lines) == 3
    nightly = pgq("schedules", "next", "nightly").lines
    assert (len(nightly), any("UTC" in line for line in nightly)) == (5, False)
    (moscow,) = pgq("schedules", "next", "1", "nightly", "--timezone", "Europe/Moscow").lines
    assert " MSK  " in moscow
    assert pgq("schedules", "next", "nightly", "often").code == 2


def test_a_text_is_tried_out_without_a_database(pgq_without_database):
    said = pgq_without_database("schedules", "next", "2", "--of", "0 9 * * *", "--json")
    assert [each["time"][11:16] for each in said.json] == ["09:00", "09:00"]


def test_the_doctor_finds_what_is_refused_and_what_nobody_keeps(pgq, nightly, jobs, connection):
    findings = [each for each in pgq("doctor", "--json").json if each["check"] == "schedules"]
    assert [each["text"] for each in findings] == ["1 schedule kept"]
    connection.execute("update pgqueue.schedules set next_run_at = now() - interval '1 hour'")
    pgq("schedules", "add", "bad", "tidy", "@daily")
    jobs.run(operations.refuse_schedule("bad", "it is too dark"))
    findings = [each for each in pgq("doctor", "--json").json if each["check"] == "schedules"]
    assert [(each["level"], each["text"]) for each in findings] == [
        ("problem", "bad is not kept: it is too dark"),
        ("problem", "1 schedule late by up to 60 min: no scheduler runs"),
    ]


def test_beat_needs_an_application(pgq):
    assert pgq("beat").code == 2
