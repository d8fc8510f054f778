"""What is found, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; line 0 is the file itself."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A name of Celery's, in use somewhere."""

    kind: str
    name: str
    place: Place


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """What could not be read, or not be decided from the text alone."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one file holds."""

    uses: tuple[Use, ...] = ()
    #: Files, or parts of them, that could not be read.
    unread: tuple[Remark, ...] = ()
    #: What only a person, or a run, can tell.
    unresolved: tuple[Remark, ...] = ()
