"""What an expression is, as far as the text tells: an application, a task, a result …"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from pgqueue.migrating.knowledge import find
from pgqueue.migrating.scopes import (
    Argument,
    Binding,
    Function,
    Imported,
    Module,
    Scope,
    of_function,
    statements,
)


@dataclass(frozen=True, slots=True)
class Thing:
    """A value of a kind that matters.

    `kind` is one of the knowledge's kinds that have attributes ("app", "task", "result" …), or
    "external" with the dotted name of something of Celery's, or "module" with the name of one of
    the project's, "task class", "app class", or "other": something that has nothing to do with it.
    """

    kind: str
    name: str = ""


OTHER = Thing("other")
APP, TASK, RESULT, REQUEST = Thing("app"), Thing("task"), Thing("result"), Thing("request")
GROUP_RESULT, CONTROL, INSPECT = Thing("group result"), Thing("control"), Thing("inspect")
CONF, TASK_CLASS, APP_CLASS = Thing("conf"), Thing("task class"), Thing("app class")
SIGNATURE, GROUP = Thing("signature"), Thing("signature", "group")

#: What an attribute of a thing is.
_ATTRIBUTES = {
    ("app", "conf"): CONF,
    ("app", "control"): CONTROL,
    ("app", "Task"): TASK_CLASS,
    ("app", "current_task"): TASK,
    ("task", "request"): REQUEST,
    ("task", "app"): APP,
    ("result", "parent"): RESULT,
    ("result", "root"): RESULT,
    ("signature", "app"): APP,
    ("signature", "type"): TASK,
    ("task class", "app"): APP,
}
#: What a method of a thing returns.
_RETURNED = {
    **{("task", name): RESULT for name in ("delay", "apply_async", "apply", "AsyncResult")},
    **{
        ("task", name): SIGNATURE
        for name in ("s", "si", "signature", "subtask", "chunks", "map", "starmap", "replace")
    },
    **{("task", name): RESULT for name in ("delay_on_commit", "apply_async_on_commit")},
    **{("app", name): RESULT for name in ("send_task", "AsyncResult")},
    ("app", "GroupResult"): GROUP_RESULT,
    ("app", "signature"): SIGNATURE,
    ("app", "register_task"): TASK,
    ("control", "inspect"): INSPECT,
    **{("signature", name): RESULT for name in ("delay", "apply_async", "apply", "freeze")},
}
#: Methods of a signature that return it, or one like it.
_SIGNATURE_METHODS = {"set", "clone", "s", "si", "link", "on_error", "skew", "group"}
#: What Celery's own names are, and what calling them gives.
_NAMED = {
    "current_app": APP,
    "current_task": TASK,
    "Task": TASK_CLASS,
    "DjangoTask": TASK_CLASS,
    "AbortableTask": TASK_CLASS,
    "QueueOnce": TASK_CLASS,
    "Singleton": TASK_CLASS,
    "Celery": APP_CLASS,
}
_CALLED = {
    "AsyncResult": RESULT,
    "EagerResult": RESULT,
    "GroupResult": GROUP_RESULT,
    "ResultSet": GROUP_RESULT,
    "app_or_default": APP,
    "get_current_app": APP,
    "get_current_task": TASK,
    "Inspect": INSPECT,
    "inspect": INSPECT,
    "Control": CONTROL,
    "group": GROUP,
    **dict.fromkeys(("chain", "chord", "signature", "subtask", "maybe_signature"), SIGNATURE),
    **dict.fromkeys(("chunks", "xmap", "xstarmap", "Signature"), SIGNATURE),
}
_DECORATORS = {"shared_task", "task", "periodic_task"}
#: What most projects call their application, when its import leads out of what is scanned.
_APP_NAME = re.compile(r"(?i)^(\w+_)?celery(_?app)?$")


@dataclass
class Project:
    """All modules, by their dotted names, and what is known of their names."""

    modules: dict[str, Module] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)
    _ends: dict[str, list[str]] = field(default_factory=dict)
    _modules_found: dict[tuple[str, str], Module | None] = field(default_factory=dict)
    _bound: dict[tuple[str, int], tuple[Scope, Thing | None]] = field(default_factory=dict)
    _under_way: set[tuple[int, int]] = field(default_factory=set)

    def add(self, module: Module) -> None:
        """Add a module."""
        self.modules[module.dotted] = module
        self.roots.add(module.dotted.partition(".")[0])
        self._ends.setdefault(module.dotted.rpartition(".")[2], []).append(module.dotted)

    def module(self, dotted: str, beside: str = "") -> Module | None:
        """Return the module of this name, wherever its root is; rather one near `beside`."""
        key = (dotted, beside)
        if key not in self._modules_found:
            self._modules_found[key] = self._module(dotted, beside)
        return self._modules_found[key]

    def _module(self, dotted: str, beside: str) -> Module | None:
        if found := self.modules.get(dotted):
            return found
        near = [
            name
            for name in self._ends.get(dotted.rpartition(".")[2], ())
            if name.endswith("." + dotted)
        ]
        if not near:
            return None
        return self.modules[max(near, key=lambda name: (_shared(name, beside), -len(name)))]

    def is_celerys(self, dotted: str) -> bool:
        """Tell whether a name is one of Celery's, or of a package that comes with it.

        A project may have a package of its own that is called like one of those.
        """
        root = dotted.partition(".")[0]
        if root != "celery" and root in self.roots:
            return False
        return celerys_module(dotted) is not None

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def named(self, dotted: str, beside: str) -> Thing | None:
        """Return what a full dotted name means."""
        if self.is_celerys(dotted):
            return Thing("external", dotted)
        base, _, last = dotted.rpartition(".")
        if base and (module := self.module(base, beside)) and (found := self._in(module, last)):
            return found
        if self.module(dotted, beside):
            return Thing("module", dotted)
        return None

    def _in(self, module: Module, name: str) -> Thing | None:
        if name in module.scope.names:
            return self.bound(name, module.scope)
        for star in module.stars:
            if star != module.dotted and (found := self.guarded(star, name, module)):
                return found
        return None

    def guarded(self, base: str, name: str, module: Module) -> Thing | None:
        """Look up a name that came with a star; circles end."""
        key = (id(module), hash((base, name)))
        if key in self._under_way:
            return None
        self._under_way.add(key)
        try:
            return self.named(f"{base}.{name}", module.dotted)
        finally:
            self._under_way.discard(key)

    def bound(self, name: str, scope: Scope) -> Thing | None:
        """Return what a name means in a scope."""
        key = (name, id(scope))
        if key in self._bound:
            return self._bound[key][1]
        whole = not self._under_way  # inside a circle the answer may be a lesser one
        thing = self._look_up(name, scope)
        if whole:
            # The scope is kept, so that no other one gets its id.
            self._bound[key] = (scope, thing)
        return thing

    def _look_up(self, name: str, scope: Scope) -> Thing | None:
        found = scope.find(name)
        if not found:
            for star in scope.module.stars:
                if thing := self.guarded(star, name, scope.module):
                    return thing
            return None
        binding, where = found
        key = (id(binding), id(where))
        if key in self._under_way:
            return None
        self._under_way.add(key)
        try:
            thing = self._meant(name, binding, where)
        finally:
            self._under_way.discard(key)
        if thing is None and where.parent is None and name in where.module.apps:
            return APP
        return thing

    def _meant(self, name: str, binding: Binding, where: Scope) -> Thing | None:
        if isinstance(binding, Imported):
            thing = self.named(binding.dotted, where.module.dotted)
            if not thing and _APP_NAME.match(name) and "." in binding.dotted:
                return APP
            return thing
        if isinstance(binding, Argument):
            return self._argument(binding, where)
        if isinstance(binding, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return TASK if self.is_task(binding, where) else Thing("function")
        if isinstance(binding, ast.ClassDef):
            return self.class_kind(binding, where)
        return self.of(binding, where) if isinstance(binding, ast.expr) else None

    def _argument(self, argument: Argument, where: Scope) -> Thing | None:
        outer = where.parent
        if argument.annotation and outer and (noted := self.of(argument.annotation, outer)):
            return _instance(noted)
        if argument.index == 0 and outer:
            if where.owner and outer.is_class:
                kind = self.class_kind(where.owner, outer.parent or outer)
                return Thing("task", "self") if kind == TASK_CLASS else None
            if self.is_task(argument.function, outer) and _is_bound(argument.function):
                return Thing("task", "self")
        return None

    # ── declarations ─────────────────────────────────────────────────────────────────────────

    def is_task(self, function: Function, scope: Scope) -> bool:
        """Tell whether a decorator makes a task of it."""
        return any(self.makes_task(each, scope) for each in function.decorator_list)

    def makes_task(self, decorator: ast.expr, scope: Scope) -> bool:
        """Tell whether a decorator makes tasks."""
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(named, ast.Attribute):
            if named.attr not in _DECORATORS:
                return False
            thing = self.of(named.value, scope)
            return thing == APP or (
                thing is not None and thing.kind == "external" and thing.name.startswith("celery")
            )
        thing = self.of(named, scope)
        return (
            thing is not None
            and thing.kind == "external"
            and thing.name.startswith(("celery.", "djcelery."))
            and thing.name.rpartition(".")[2] in _DECORATORS
        )

    def class_kind(self, node: ast.ClassDef, scope: Scope) -> Thing:
        """Return whether a class is one of tasks, or of applications."""
        for base in node.bases:
            thing = self.of(base, scope)
            if thing and _class_of(thing):
                return _class_of(thing) or OTHER
        return OTHER

    # ── expressions ──────────────────────────────────────────────────────────────────────────

    def of(self, node: ast.expr, scope: Scope) -> Thing | None:
        """Return what an expression is; None if the text does not tell."""
        if isinstance(node, ast.Name):
            return self.bound(node.id, scope)
        if isinstance(node, ast.Attribute):
            return self._attribute(self.of(node.value, scope), node.attr, scope)
        if isinstance(node, ast.Call):
            return self._returned(node, scope)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = self.of(node.left, scope), self.of(node.right, scope)
            return SIGNATURE if any(each and each.kind == "signature" for each in sides) else None
        if isinstance(node, (ast.Await, ast.NamedExpr, ast.Starred)):
            return self.of(node.value, scope)
        if isinstance(node, ast.IfExp):
            return self.of(node.body, scope) or self.of(node.orelse, scope)
        if isinstance(node, ast.BoolOp):
            return next((found for each in node.values if (found := self.of(each, scope))), None)
        if isinstance(node, ast.Subscript):
            return self._item(node, scope)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return None
        return OTHER if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Dict)) else None

    def options(self, node: ast.expr, scope: Scope, depth: int = 4) -> dict[str, ast.expr] | None:
        """Return the names in a dict that a `**` gives, with their values; None if it is not told."""
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found = {k.value: v for k, v in pairs if isinstance(k, ast.Constant)}
            return found if len(found) == len(node.keys) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = {each.arg: each.value for each in node.keywords if each.arg}
            return given if node.func.id == "dict" and len(given) == len(node.keywords) else None
        bound: tuple[Binding, Scope] | None = None
        if isinstance(node, ast.Name):
            bound = scope.find(node.id)
        elif isinstance(node, ast.Attribute):
            owner = self.of(node.value, scope)
            module = self.module(owner.name, scope.module.dotted) if owner else None
            bound = module.scope.find(node.attr) if module else None
        if bound and isinstance(bound[0], Imported):
            base, _, last = bound[0].dotted.rpartition(".")
            module = self.module(base, bound[1].module.dotted)
            bound = module.scope.find(last) if module else None
        if bound and isinstance(bound[0], ast.expr) and depth:
            return self.options(bound[0], bound[1], depth - 1)
        return None

    def _attribute(self, thing: Thing | None, attribute: str, scope: Scope) -> Thing | None:
        if not thing:
            return None
        if thing.kind == "external" and not (thing := value(thing)).name:
            return _ATTRIBUTES.get((thing.kind, attribute))
        if thing.kind in ("external", "module"):
            return self.named(f"{thing.name}.{attribute}", scope.module.dotted)
        return _ATTRIBUTES.get((thing.kind, attribute))

    def _item(self, node: ast.Subscript, scope: Scope) -> Thing | None:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "tasks":
            return TASK if self.of(node.value.value, scope) == APP else None
        inside = self.of(node.value, scope)
        # An annotation such as AsyncResult[int].
        return inside if inside and inside.kind == "external" else None

    def _returned(self, node: ast.Call, scope: Scope) -> Thing | None:
        function = node.func
        if isinstance(function, ast.Attribute):
            owner = self.of(function.value, scope)
            if owner and owner.kind == "external":
                owner = value(owner)
            if owner and owner.kind == "signature":
                return self._of_signature(owner, function.attr)
            if owner and (found := _RETURNED.get((owner.kind, function.attr))):
                return found
            if owner == APP and function.attr in ("task", "shared_task"):
                return TASK if node.args else None
            if owner and owner.kind not in ("external", "module"):
                return None
            if owner is None and function.attr in ("delay", "apply_async", "si"):
                return SIGNATURE if function.attr == "si" else RESULT
        called = self.of(function, scope)
        if not called:
            return None
        if called.kind == "external":
            return self._made(called, node)
        if called == TASK_CLASS:
            return TASK
        if called == APP_CLASS:
            return APP
        if called.kind == "signature":
            return GROUP_RESULT if called.name == "group" else RESULT
        if called.kind == "function" and isinstance(function, ast.Name):
            return self._by_function(function.id, scope)
        return None

    def _made(self, called: Thing, node: ast.Call) -> Thing | None:
        last = called.name.rpartition(".")[2]
        if last == "Celery":
            return APP
        if last in _DECORATORS and node.args and called.name.startswith("celery"):
            return TASK
        if last == "chord" and len(node.args) > 1:
            return RESULT
        return _CALLED.get(last) if called.name.startswith("celery.") else None

    def _of_signature(self, owner: Thing, method: str) -> Thing | None:
        if method in _SIGNATURE_METHODS:
            return owner
        if method in ("delay", "apply_async") and owner.name == "group":
            return GROUP_RESULT
        return _RETURNED.get(("signature", method))

    def _by_function(self, name: str, scope: Scope) -> Thing | None:
        """Return what a function of the project gives: its annotation, or its last return."""
        found = scope.find(name)
        if found and isinstance(found[0], Imported):
            base, _, last = found[0].dotted.rpartition(".")
            module = self.module(base, scope.module.dotted)
            return self._by_function(last, module.scope) if module else None
        if not found or not isinstance(found[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        function, outer = found
        if function.returns and (noted := self.of(function.returns, outer)):
            return _instance(noted)
        inner = of_function(function, outer)
        returned = [
            each.value
            for each in statements(function.body)
            if isinstance(each, ast.Return) and isinstance(each.value, (ast.Name, ast.Call))
        ]
        key = (id(function), 0)
        if not returned or key in self._under_way:
            return None
        self._under_way.add(key)
        try:
            return self.of(returned[-1], inner)
        finally:
            self._under_way.discard(key)


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
            if row and (row.name == name or name == dotted):
                module = name if row.name == name else name.rpartition(".")[0]
                return kind, module
        name = name.rpartition(".")[0]
    return None


def value(thing: Thing) -> Thing:
    """Return what one of Celery's own names holds, such as current_app; else the thing itself."""
    return _NAMED.get(thing.name.rpartition(".")[2], thing)


def _class_of(thing: Thing) -> Thing | None:
    held = value(thing) if thing.kind == "external" else thing
    return held if held in (TASK_CLASS, APP_CLASS) else None


def _instance(thing: Thing) -> Thing | None:
    """Return what an annotation says that something is."""
    kind = _class_of(thing)
    if kind:
        return TASK if kind == TASK_CLASS else APP
    if thing.kind == "external":
        return _CALLED.get(thing.name.rpartition(".")[2])
    return None


def _is_bound(function: Function) -> bool:
    return any(
        keyword.arg == "bind"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for each in function.decorator_list
        if isinstance(each, ast.Call)
        for keyword in each.keywords
    )


def _shared(name: str, other: str) -> int:
    """Count the parts that two dotted names have in common at their beginning."""
    count = 0
    for mine, others in zip(name.split("."), other.split("."), strict=False):
        if mine != others:
            break
        count += 1
    return count
