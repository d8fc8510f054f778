"""`python -m pgqueue.settings` prints the tables of docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueue.settings.table import SETTINGS, Setting


def tables() -> str:
    """Return the settings as Markdown: those with a meaning one by one, the others by reason."""
    return "\n".join([*_with_meaning(), "", *_without()])


def _with_meaning() -> Iterator[str]:
    yield "| setting | by default | as in Celery? | meaning |"
    yield "|---|---|---|---|"
    for each in SETTINGS.values():
        if each.meaning != "none":
            yield f"| `{each.name}` | {_default(each)} | {_verdict(each)} | {each.note} |"


def _without() -> Iterator[str]:
    yield "| without a meaning here | because |"
    yield "|---|---|"
    by_note: dict[str, list[str]] = {}
    for each in SETTINGS.values():
        if each.meaning == "none":
            by_note.setdefault(each.note, []).append(f"`{each.name}`")
    for note, names in by_note.items():
        yield f"| {', '.join(names)} | {note} |"


def _default(setting: Setting) -> str:
    return "" if setting.default is None else f"`{setting.default!r}`"


def _verdict(setting: Setting) -> str:
    return "only here" if setting.ours else {"same": "yes", "differs": "not quite"}[setting.meaning]


if __name__ == "__main__":
    print(tables())  # noqa: T201 (what it is for)
