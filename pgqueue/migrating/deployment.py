"""Finds the command `celery` in files that deploy: careful text search, nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pgqueue.migrating.knowledge import find
from pgqueue.migrating.knowledge.commands import FLAGS, SHORT, SPELLINGS
from pgqueue.migrating.places import Found, Place, Remark, Use

HINT = re.compile(rb"(?i)celery|flower|kombu")

_COMMENT = re.compile(r"\s*(#|;|//|REM\b|<!--)")
_ITEM = re.compile(r"^\s*-\s+(?![\w.-]+:\s)(.*\S)\s*$")
_FOLDED = re.compile(r"^(\s*)(?:-\s+)?[\w.-]+\s*[:=]\s*(?:&\S+\s*)?[>|][-+]?\s*$")
_SPEECH = re.compile(r"^\W*(echo|printf|log|info|name|description|Description|summary|title)\b")
_ENDS = re.compile(r"(?:&&|\|\||;;?|(?<!\\)\||\s&(?:\s|$)|\s>{1,2}\s?|\s2>)")
_CELERY = re.compile(
    r"""(?:^|(?<=[\s"'=\[(,@!`/]))(?:\$\{?CELERY(?:_BIN|_CMD)?\}?|celery)(?=$|[\s"',\]])"""
)
_PACKAGE = re.compile(
    r"""(?ix) ^[\s"'-]* (celery|flower|kombu|billiard|django[-_]celery[-_]beat
      | django[-_]celery[-_]results|celery[-_]redbeat|celery[-_]once|celery[-_]singleton
      | celery[-_]progress|celery[-_]batches|celery[-_]exporter|sqlalchemy[-_]celery[-_]beat)
    \s*(\[[\w,\s-]+\])? \s* (?: [=<>~!^]=? | = | ["',;\\#] | $ )"""
)
_LISTS = re.compile(r"(?i)requirements|pipfile$|pyproject\.toml$|setup\.cfg$")
_WORKER = ("worker", "beat", "multi", "flower")


def read_deployment(name: str, text: str) -> Found:
    """Return what a file uses: commands with their options, and packages to be installed.

    >>> found = read_deployment("Procfile", "worker: celery -A shop worker -c 4")
    >>> [(use.kind, use.name) for use in found.uses]
    [('command', 'worker'), ('command option', '--app'), ('worker option', '--concurrency')]
    """
    if _LISTS.search(name):
        return Found(tuple(_packages(name, text)))
    uses: list[Use] = []
    unresolved: list[Remark] = []
    for number, line in _lines(text):
        place = Place(name, number)
        for words in _commands(line):
            found = list(_command(words, place))
            uses += found
            if found and any("$" in word and word.strip("$\"'{}").isupper() for word in words[:1]):
                unresolved.append(Remark(place, "the command is in a variable"))
    return Found(tuple(dict.fromkeys(uses)), unresolved=tuple(unresolved))


def _packages(name: str, text: str) -> Iterator[Use]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := _PACKAGE.match(line):
            package = found[1].lower().replace("-", "_")
            yield Use("requirement", package, Place(name, number))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Give commands with the line that each begins on: joined over continuations and lists."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        start, line = index + 1, lines[index]
        index += 1
        if _COMMENT.match(line):
            continue
        if folded := _FOLDED.match(line):
            deep = len(folded[1])
            block = []
            while index < len(lines) and (
                not lines[index].strip() or len(lines[index]) - len(lines[index].lstrip()) > deep
            ):
                block.append(lines[index])
                index += 1
            yield from _folded(start + 1, block, ">" in line)
            continue
        if item := _ITEM.match(line):
            parts = [item[1]]
            while index < len(lines) and (more := _ITEM.match(lines[index])):
                parts.append(more[1])
                index += 1
            if any(part.strip("\"'").rpartition("/")[2] == "celery" for part in parts):
                yield start, " ".join(parts)
            else:
                yield from ((start + i, part) for i, part in enumerate(parts))
            continue
        while line.rstrip().endswith("\\") and index < len(lines):
            line = f"{line.rstrip()[:-1]} {lines[index].strip()}"
            index += 1
        yield start, line


def _folded(start: int, block: list[str], joined: bool) -> Iterator[tuple[int, str]]:
    """Give the lines of a block of YAML: `>` joins them, and so does an option at the beginning."""
    whole: list[tuple[int, str]] = []
    for i, line in enumerate(block):
        text = line.strip()
        if not text or _COMMENT.match(line):
            continue
        before = whole[-1][1] if whole else ""
        if whole and (joined or before.endswith("\\") or text.startswith("-")):
            whole[-1] = (whole[-1][0], f"{before.removesuffix(chr(92))} {text}")
        else:
            whole.append((start + i, text))
    yield from whole


def _commands(line: str) -> Iterator[list[str]]:
    """Give the words of each `celery …` on a line, from `celery` on."""
    for part in _ENDS.split(line):
        if _SPEECH.match(part.strip()):
            continue
        found = _CELERY.search(part)
        if found:
            yield _words(part[found.start() :])


def _words(text: str) -> list[str]:
    plain = re.sub(r"""["'\[\],()`]""", " ", text) if re.search(r"""["'],|\[""", text) else text
    try:
        return shlex.split(plain, comments=True)
    except ValueError:  # a quotation that ends on another line, or began on one
        return re.sub(r"""["']""", " ", plain).split()


def _command(words: list[str], place: Place) -> Iterator[Use]:
    """Give the command and the options of `celery …`; nothing if it is none."""
    command = ""
    options: list[str] = []
    value = False
    for word in words[1:]:
        if word.startswith("-") and len(word) > 1 and not value:
            name, equals, _ = word.partition("=")
            option = _option(name, command)
            options.append(option)
            # -c4 carries its value with it, as --concurrency=4 does.
            carried = bool(equals) or (name[1] != "-" and len(name) > len("-c"))
            value = not carried and option not in FLAGS
        elif value:
            value = False
        elif not command:
            if not find("command", word):
                return
            command = word
        else:
            value = False
    if not command:
        return
    yield Use("command", command, place)
    kinds = ("worker option", "command option") if command in _WORKER else ("command option",)
    for option in options:
        known = next((kind for kind in kinds if find(kind, option)), None)
        if known or command in ("worker", "beat"):
            yield Use(known or "worker option", option, place)


def _option(name: str, command: str) -> str:
    """Return the long form of an option."""
    if name.startswith("--"):
        return SPELLINGS.get(name, name)
    if name.startswith("-S"):
        return "--scheduler" if command == "beat" else "--statedb"
    return SHORT.get(name[: len("-c")], name)
