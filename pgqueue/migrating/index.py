"""All modules of a project, and which names are Celery's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pgqueue.migrating.knowledge import find
from pgqueue.migrating.scopes import Module

Load = Callable[[], Module | None]


@dataclass
class Index:
    """The modules by their dotted names, which begin with the root that they are in.

    Modules that say nothing of Celery by themselves are read only if another one asks for them.
    """

    modules: dict[str, Module] = field(default_factory=dict)
    #: Classes that are the base of tasks somewhere.
    bases: set[str] = field(default_factory=set)
    _unread: dict[str, Load] = field(default_factory=dict)
    _tops: set[str] = field(default_factory=set)
    _ends: dict[str, list[str]] = field(default_factory=dict)
    _found: dict[tuple[str, str], Module | None] = field(default_factory=dict)

    def add(self, module: Module) -> None:
        """Add a module that is read."""
        self.modules[module.dotted] = module
        self.bases |= module.bases
        self._name(module.dotted)

    def add_unread(self, dotted: str, load: Load) -> None:
        """Add a module that `load` reads, should it be needed; it returns None if it cannot."""
        self._unread[dotted] = load
        self._name(dotted)

    def _name(self, dotted: str) -> None:
        self._tops.update(dotted.split(".")[1:2])
        self._ends.setdefault(dotted.rpartition(".")[2], []).append(dotted)

    def read_as(self, names: set[str]) -> Iterator[Module]:
        """Give the modules of these last names that are not read yet."""
        for dotted in [each for each in self._unread if each.rpartition(".")[2] in names]:
            if module := self._load(dotted):
                yield module

    def module(self, dotted: str, beside: str = "") -> Module | None:
        """Return the module of this name, wherever its root is; rather one near `beside`."""
        key = (dotted, beside)
        if key not in self._found:
            self._found[key] = self._look_for(dotted, beside)
        return self._found[key]

    def _look_for(self, dotted: str, beside: str) -> Module | None:
        last = dotted.rpartition(".")[2]
        near = [
            name
            for name in self._ends.get(last, ())
            if name == dotted or name.endswith("." + dotted)
        ]
        if not near:
            return None
        return self._load(max(near, key=lambda name: (_shared(name, beside), -len(name))))

    def _load(self, dotted: str) -> Module | None:
        if dotted in self._unread:
            module = self._unread.pop(dotted)()
            if module:
                self.modules[dotted] = module
        return self.modules.get(dotted)

    def is_celerys(self, dotted: str) -> bool:
        """Tell whether a name is one of Celery's, or of a package that comes with it.

        A project may have a package of its own that is called like one of those.
        """
        top = dotted.partition(".")[0]
        if top != "celery" and top in self._tops:
            return False
        return celerys_module(dotted) is not None


def celerys_module(dotted: str) -> tuple[str, str] | None:
    """Return the kind and name by which an imported name is known: its module, mostly.

    >>> celerys_module("celery.utils.log.get_task_logger")
    ('import', 'celery.utils.log')
    >>> celerys_module("kombu.Queue")
    ('package', 'kombu.Queue')
    """
    name = dotted
    while name:
        for kind in ("import", "package"):
            row = find(kind, name)
            if row and row.name == name:
                return kind, name
            if row and name == dotted:  # something in a module that a `*` stands for
                return kind, name.rpartition(".")[0]
        name = name.rpartition(".")[0]
    return None


def _shared(name: str, other: str) -> int:
    """Count the parts that two dotted names have in common at their beginning."""
    count = 0
    for mine, others in zip(name.split("."), other.split("."), strict=False):
        if mine != others:
            break
        count += 1
    return count
