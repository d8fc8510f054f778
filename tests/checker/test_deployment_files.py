"""The command is found in files that deploy, and words that only look like it are not."""

from __future__ import annotations

import pytest

from pgqueue.migrating.deployment import read_deployment


def found(text, name="run.sh"):
    return {(use.kind, use.name) for use in read_deployment(name, text).uses}


WORKER = {("command", "worker"), ("command option", "--app"), ("worker option", "--concurrency")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Procfile", "worker: celery -A shop worker -c 4\n"),
        ("Procfile", "worker: cd src && exec celery -A shop worker -c4 || exit 1\n"),
        ("run.sh", "python -m celery --app=shop worker --concurrency=4 > log 2>&1 &\n"),
        ("run.sh", "celery \\\n  -A shop \\\n  worker \\\n  -c 4\n"),
        ("Dockerfile", 'CMD ["celery", "-A", "shop", "worker", "-c", "4"]\n'),
        ("Dockerfile", "CMD [ 'celery','-A','shop','worker','-c','4' ]\n"),
        ("shop.service", "ExecStart=/srv/venv/bin/celery -A shop worker -c 4\n"),
        ("supervisord.conf", "command=/srv/venv/bin/celery -A shop worker -c %(n)s\n"),
        ("Makefile", "run:\n\tpoetry run celery -A shop worker -c 4\n"),
        ("compose.yml", "    command: celery -A shop worker -c 4\n"),
        ("compose.yml", "    command: ['celery', '-A', 'shop', 'worker', '-c', '4']\n"),
        ("compose.yml", "command:\n  - celery\n  - -A\n  - shop\n  - worker\n  - -c\n  - '4'\n"),
        ("compose.yml", "command: >\n  celery -A shop\n  worker\n  -c 4\nimage: x\n"),
        ("compose.yml", "command: |\n  celery -A shop worker \\\n    -c 4\n"),
        ("compose.yml", '    command: sh -c "migrate && celery -A shop worker -c 4"\n'),
    ],
)  # fmt: skip
def test_a_worker_in_every_form(name, text):
    assert found(text, name) == WORKER


@pytest.mark.parametrize(
    "text",
    [
        "# celery -A shop worker\n",
        "; celery -A shop worker\n",
        "echo 'Starting celery worker'\n",
        "apt-get install celery\n",
        "container_name: celery\n",
        "image: celery\ncommand: python app.py\n",
        "depends_on:\n  - celery\n  - redis\n",
        "user: celery\ngroup: worker\n",
        "Description=The celery worker of the shop\n",
        "tail -f /var/log/celery/worker.log\n",
    ],
)
def test_words_that_only_look_like_it(text):
    assert found(text) == set()


def test_a_line_is_that_on_which_the_command_begins():
    (use, *_) = read_deployment("x.yml", "a: b\ncommand:\n  - celery\n  - worker\n").uses
    assert use.place.line == 3
    (use, *_) = read_deployment("x.yml", "command: >\n  celery -A x\n  worker\n").uses
    assert use.place.line == 2


def test_commands_and_their_options():
    text = "celery -A shop beat -S redbeat.RedBeatScheduler -l info --max-interval 5"
    assert found(text) == {
        ("command", "beat"),
        ("command option", "--app"),
        ("worker option", "--scheduler"),
        ("worker option", "--loglevel"),
        ("worker option", "--max-interval"),
    }
    assert ("command", "inspect") in found("celery -A shop inspect ping -d celery@$HOSTNAME")
    assert ("worker option", "--optimization") in found("celery worker -Ofair")
    assert ("worker option", "--max-tasks-per-child") in found("celery worker --maxtasksperchild 5")


def test_two_commands_on_a_line():
    assert {("command", "worker"), ("command", "beat")} <= found(
        "celery -A shop worker & celery -A shop beat"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "celery[redis]==5.4.0\nflower\ncelery-stubs\n# celery\n"),
        ("requirements/base.txt", "celery>=5\nflower>=2 ; python_version > '3'\n"),
        ("pyproject.toml", 'dependencies = [\n  "celery>=5",\n  "flower",\n]\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\ncelery = "^5"\nflower = "*"\n'),
        ("Pipfile", 'celery = "*"\nflower = "*"\n'),
    ],
)
def test_requirements(name, text):
    assert found(text, name) == {("requirement", "celery"), ("requirement", "flower")}
