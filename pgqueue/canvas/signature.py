"""A call that is not made yet, as a value: the task, its arguments and options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import (
    Any,
    ClassVar,
    Protocol,
    Self,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from pgqueue.apps import APPS
from pgqueue.canvas.calls import Callee, Calls
from pgqueue.canvas.drafts import Maker
from pgqueue.canvas.feeds import Context
from pgqueue.canvas.layout import Layout, laid_out
from pgqueue.canvas.nodes import Node, listed
from pgqueue.canvas.results import GroupResult, handle
from pgqueue.canvas.sending import here
from pgqueue.describe import shortened
from pgqueue.errors import InvalidCall, UnknownTask, UsageError
from pgqueue.identifiers import job_id, uuid7
from pgqueue.options import Options
from pgqueue.result import AsyncResult

R = TypeVar("R")
T = TypeVar("T")

#: The classes of signatures by their `subtask_type`: `from_dict` and `|` choose among them.
KINDS: dict[str | None, type[Signature[Any]]] = {}


class Grouped(Protocol):
    """A signature whose handle is a `GroupResult`."""

    def freeze(self, _id: object = None) -> GroupResult:
        """Choose the ids now, and return the handle that the call will have."""
        ...


class Signature(Calls[R]):
    """A task with arguments and options, to be enqueued later; made by `Task.s` and `Task.si`.

    A dict of `task, args, kwargs, options, subtask_type, immutable`, which survives JSON. Arguments
    that are given later come before those of the signature, keywords beside them; an immutable
    signature takes none. `a | b` is a chain: b gets a's result.

    >>> from pgqueue import PgQueue
    >>> @PgQueue("shop").task
    ... def charge(amount: int, currency: str) -> None: ...
    >>> signature = charge.s("EUR").set(queue="billing")
    >>> signature.job([5]).args, signature.job([5]).queue
    ('[5,"EUR"]', 'billing')
    """

    kind: ClassVar[str | None] = None

    def __init_subclass__(cls, kind: str | None = None, **more: Any) -> None:
        super().__init_subclass__(**more)
        if kind is not None:
            cls.kind = kind
            KINDS[kind] = cls

    def __init__(
        self,
        task: Callee | str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        immutable: bool = False,
        app: Any = None,
    ) -> None:
        super().__init__(
            task=task if isinstance(task, str) else task.name,
            args=tuple(args),
            kwargs=dict(kwargs or {}),
            options=dict(options or {}),
            subtask_type=self.kind,
            immutable=immutable,
        )
        self._task = None if isinstance(task, str) else task
        self._app = app

    @classmethod
    def from_dict(cls, d: Mapping[str, Any], app: Any = None) -> Signature[Any]:
        """Return the signature that a dict says, such as one that came through JSON."""
        if isinstance(d, Signature):
            if app is not None and d._task is None:
                d._app = app
            return d
        if not isinstance(d, Mapping) or "task" not in d:
            raise InvalidCall(f"{shortened(d)}: give a signature, or one as a dict")
        kind = d.get("subtask_type")
        if kind is not None and kind not in KINDS:
            raise InvalidCall(f"{shortened(d)}: there is no signature of kind {kind!r}")
        options = dict(d.get("options") or {})
        for name in ("link", "link_error"):
            if name in options:
                options[name] = [cls.from_dict(each, app) for each in listed(options[name])]
        found: Signature[Any] = KINDS[kind].__new__(KINDS[kind])
        Signature.__init__(
            found,
            d["task"],
            d.get("args") or (),
            found._revived(d.get("kwargs") or {}, app),
            options,
            immutable=bool(d.get("immutable", False)),
            app=app,
        )
        return found

    def _revived(self, kwargs: Mapping[str, Any], app: Any) -> Mapping[str, Any]:
        """Return keywords as they are in a signature; those of canvas hold signatures."""
        del app
        return kwargs

    def __repr__(self) -> str:
        given = [repr(each) for each in self["args"]]
        given += [f"{name}={value!r}" for name, value in self["kwargs"].items()]
        return f"{self['task']}({', '.join(given)})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Signature[R]:
        return self.clone()

    # ── what it says ─────────────────────────────────────────────────────────────────────────

    @property
    def task(self) -> str:
        """The name of the task."""
        return cast(str, self["task"])

    @property
    def name(self) -> str:
        """The name of the task."""
        return cast(str, self["task"])

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""
        return cast(tuple[Any, ...], self["args"])

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments."""
        return cast(dict[str, Any], self["kwargs"])

    @property
    def options(self) -> dict[str, Any]:
        """The options that it is enqueued with."""
        return cast(dict[str, Any], self["options"])

    @property
    def subtask_type(self) -> str | None:
        """The kind of canvas; None for a task."""
        return cast("str | None", self["subtask_type"])

    @property
    def immutable(self) -> bool:
        """Whether it takes no more arguments."""
        return cast(bool, self["immutable"])

    @property
    def id(self) -> str | None:
        """The id that the call will have, if it was frozen or given a `task_id`; else None."""
        return cast("str | None", self["options"].get("task_id"))

    @property
    def type(self) -> Callee:
        """The task; raises `UnknownTask` if it is not registered here."""
        if task := self._callee():
            return task
        raise UnknownTask(f"no task is named {self['task']!r} here; import the module that has it")

    @property
    def app(self) -> Any:
        """The application that it is sent with: its task's, the given one, or the current one.

        Raises `UsageError` if there is none.
        """
        if app := self._known_app():
            return app
        raise UsageError(
            f"{self!r} belongs to no application: give one, as in signature(…, app=app)"
        )

    def _known_app(self) -> Any:
        return self._own_app() or APPS.current or APPS.default

    def _own_app(self) -> Any:
        if self._app is not None:
            return self._app
        if self._task is not None:
            return self._task.app
        return next(filter(None, (each._own_app() for each in self._pieces())), None)

    def _pieces(self) -> Iterable[Signature[Any]]:
        """Return the signatures that it is made of."""
        return ()

    def _callee(self) -> Callee | None:
        if self._task is not None or self["subtask_type"]:
            return self._task
        return cast("Callee | None", getattr(self.app, "tasks", {}).get(self["task"]))

    # ── changing and copying ─────────────────────────────────────────────────────────────────

    def set(self, immutable: bool | None = None, **options: Unpack[Options]) -> Self:
        """Put options in, beside and instead of those that are there; return the signature."""
        if immutable is not None:
            self["immutable"] = immutable
        self["options"].update(options)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Say whether more arguments are taken."""
        self["immutable"] = immutable

    def clone(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """Return a copy with more arguments and options, of which later ones win."""
        found = self._copy()
        if not self["immutable"]:
            found["args"] = (*args, *self["args"])
            found._take(kwargs or {})
        found["options"].update(options)
        return found

    def _copy(self) -> Self:
        found = self.__class__.__new__(self.__class__)
        Signature.__init__(
            found,
            self["task"] if self._task is None else self._task,
            self["args"],
            self._copied_kwargs(),
            {
                k: listed(v) if k in ("link", "link_error") else v
                for k, v in self["options"].items()
            },
            immutable=self["immutable"],
            app=self._app,
        )
        found["task"] = self["task"]
        return found

    def _copied_kwargs(self) -> dict[str, Any]:
        return cast(dict[str, Any], self["kwargs"])  # (copied where it is put)

    def _take(self, kwargs: Mapping[str, Any]) -> None:
        self["kwargs"].update(kwargs)

    def freeze(self, _id: object = None) -> AsyncResult[R]:
        """Choose the ids now, and return the handle that the call will have."""
        self._freeze(_id)
        shape = self._layout((), None, {}).shape
        return cast(AsyncResult[R], handle(shape, self._known_app()))

    def _freeze(self, id_: object = None) -> None:
        chosen = self["options"].get("task_id") if id_ is None else id_
        self["options"]["task_id"] = str(uuid7() if chosen is None else job_id(chosen))
        for each in self._pieces():
            each._freeze()

    def link(self, callback: Signature[Any]) -> Signature[Any]:
        """Have another signature called with the result; returns that one.

        It is called when this one has succeeded, and gets the result as its first argument unless
        it is immutable. A chain's callback is called after its last task, a chord's after its
        body, a group's once, after all its members, with the list of their results.
        """
        return self._add("link", callback)

    def link_error(self, errback: Signature[Any]) -> Signature[Any]:
        """Have a task called when this one fails; returns its signature.

        On a chain, group or chord it is called once, whichever of its tasks fails first. The task
        takes `(request, exc, traceback)`, or only the id of the failed job; if immutable, neither.
        """
        return self._add("link_error", errback)

    def on_error(self, errback: Signature[Any]) -> Self:
        """Do what `link_error` does; return the signature itself."""
        self.link_error(errback)
        return self

    def _add(self, name: str, callback: Signature[Any]) -> Signature[Any]:
        callback = of_any(callback, name)
        there = listed(self["options"].get(name, ()))
        if callback not in there:
            self["options"][name] = [*there, callback]
        return callback

    def flatten_links(self) -> list[Signature[Any]]:
        """Return the signature, its callbacks, and theirs."""
        links = listed(self["options"].get("link", ()))
        callbacks = (of_any(link, "link") for link in links)
        return [self, *(each for link in callbacks for each in link.flatten_links())]

    # ── putting together ─────────────────────────────────────────────────────────────────────

    @overload  # type: ignore[override] # (not a dict's)
    def __or__(self, other: Grouped) -> Any: ...
    @overload
    def __or__(self, other: Signature[T]) -> Signature[T]: ...
    @overload
    def __or__(self, other: Mapping[str, Any]) -> Signature[Any]: ...

    def __or__(self, other: object) -> Signature[Any]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._then(of_any(other, "a | b"))

    def __ror__(self, other: Mapping[str, Any]) -> Signature[Any]:  # type: ignore[override] # (the same)
        """Chain it behind a signature that is a plain dict."""
        return Signature.from_dict(other) | self

    def _then(self, other: Signature[Any]) -> Signature[Any]:
        pieces = [*self._steps(), *other._steps()]
        return KINDS["chain"](*pieces)  # type: ignore[arg-type] # (chain's own parameters)

    def _steps(self) -> list[Signature[Any]]:
        """Return what a chain that it is put into is made of."""
        return [self]

    def _layout(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        options: Mapping[str, Any],
        context: Context | None = None,
    ) -> Layout:
        for name in ("link", "link_error"):
            if options.get(name):
                # What the call says comes besides what the signature has.
                given = [of_any(each, name) for each in listed(options[name])]
                options = {**options, name: [*listed(self["options"].get(name, ())), *given]}
        find = finder(self._known_app() or APPS.current)
        return laid_out(self, args, kwargs, options, find=find, context=context or here())


KINDS[None] = Signature


def finder(app: Any) -> Callable[[Node], Maker | None]:
    """Return what finds the task of a signature: its own, or the one of this name."""
    tasks: Mapping[str, Any] = getattr(app, "tasks", {})

    def find(node: Node) -> Maker | None:
        task = getattr(node, "_task", None)
        return cast("Maker | None", tasks.get(node["task"]) if task is None else task)

    return find


def signature(
    varies: str | Mapping[str, Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    immutable: bool = False,
    app: Any = None,
    **more: Any,
) -> Signature[Any]:
    """Return the signature of a task by its name, or the one that a dict says.

    `more` are options besides.

    >>> signature("mail.send", args=(42,), countdown=10)
    mail.send(42)
    >>> signature({"task": "mail.send", "args": [42]})
    mail.send(42)
    """
    if isinstance(varies, str):
        options = {**(options or {}), **more}
        return Signature(varies, args, kwargs, options, immutable=immutable, app=app)
    return Signature.from_dict(varies, app)


def maybe_signature(d: Mapping[str, Any] | None, app: Any = None) -> Signature[Any] | None:
    """Return the signature that a dict says; None if there is none."""
    return None if d is None else Signature.from_dict(d, app)


def of_any(given: object, place: str) -> Signature[Any]:
    """Return a signature that stands at a place; refuse what is none, such as a task."""
    if isinstance(given, Signature):
        return given
    if isinstance(given, Mapping):
        return Signature.from_dict(given)
    name = getattr(given, "name", None)
    hint = (
        f", such as {name.rpartition('.')[2]}.s(…)"
        if isinstance(name, str) and hasattr(given, "delay")
        else ""
    )
    raise InvalidCall(f"{place}: {shortened(given)}: give a signature{hint}")
