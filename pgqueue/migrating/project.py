"""What a name or an expression is, as far as the text tells."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from pgqueue.migrating.index import Index
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
from pgqueue.migrating.things import (
    APP,
    ATTRIBUTES,
    DECORATORS,
    FUNCTION,
    GUESSED,
    OTHER,
    RESULT,
    SIGNATURE,
    TASK,
    TASK_CLASS,
    Thing,
    called,
    class_of,
    held,
    instance_of,
    method,
)

#: What most projects call their application, when its import leads out of what is scanned.
_APP_NAME = re.compile(r"(?i)^(\w+_)?celery(_?app)?$")
_TASK_CLASS_NAME = re.compile(r"(?i)celery\w*task$")
#: How often a name may stand for another one.
_STEPS = 4


@dataclass
class Project:
    """Asks a project's modules what their names mean; circles end without an answer."""

    index: Index = field(default_factory=Index)
    _bound: dict[tuple[str, int], tuple[Scope, Thing | None]] = field(default_factory=dict)
    _under_way: set[tuple[int, int]] = field(default_factory=set)

    # ── names ────────────────────────────────────────────────────────────────────────────────

    def named(self, dotted: str, beside: str) -> Thing | None:
        """Return what a full dotted name means."""
        if self.index.is_celerys(dotted):
            return Thing("external", dotted)
        base, _, last = dotted.rpartition(".")
        module = self.index.module(base, beside) if base else None
        if module and (found := self.bound(last, module.scope)):
            return found
        return Thing("module", dotted) if self.index.module(dotted, beside) else None

    def bound(self, name: str, scope: Scope) -> Thing | None:
        """Return what a name means in a scope."""
        key = (name, id(scope))
        if key in self._bound:
            return self._bound[key][1]
        whole = not self._under_way  # inside a circle the answer may be a lesser one
        found = scope.find(name)
        if found:
            thing = self._once(found[0], found[1], name)
        else:
            thing = self._with_a_star(name, scope.module)
        if whole:
            # The scope is kept, so that no other one gets its id.
            self._bound[key] = (scope, thing)
        return thing

    def _with_a_star(self, name: str, module: Module) -> Thing | None:
        key = (id(module), hash(name))
        if key in self._under_way:
            return None
        self._under_way.add(key)
        named = (self.named(f"{star}.{name}", module.dotted) for star in module.stars)
        thing = next((found for found in named if found), None)
        self._under_way.discard(key)
        return thing

    def _once(self, binding: Binding, where: Scope, name: str) -> Thing | None:
        key = (id(binding), id(where))
        if key in self._under_way:
            return None
        self._under_way.add(key)
        thing = self._meant(name, binding, where)
        self._under_way.discard(key)
        if thing is None and where.parent is None and name in where.module.apps:
            return APP
        return thing

    def _meant(self, name: str, binding: Binding, where: Scope) -> Thing | None:
        if isinstance(binding, Imported):
            thing = self.named(binding.dotted, where.module.dotted)
            outside = not thing and "." in binding.dotted
            return GUESSED if outside and _APP_NAME.match(name) else thing
        if isinstance(binding, Argument):
            thing = self._argument(binding, where)
            return GUESSED if thing is None and _APP_NAME.match(name) else thing
        if isinstance(binding, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return TASK if self._is_task(binding, where) else FUNCTION
        if isinstance(binding, ast.ClassDef):
            return self.class_kind(binding, where)
        return self.of(binding, where)

    def _argument(self, argument: Argument, where: Scope) -> Thing | None:
        outer = where.parent
        if not outer:
            return None
        if argument.annotation and (noted := self.of(argument.annotation, outer)):
            return instance_of(noted)
        if argument.index:
            return None
        if self._is_task(argument.function, outer, bind=True):
            return TASK
        if where.owner and outer.is_class:
            kind = self.class_kind(where.owner, outer.parent or outer)
            return TASK if kind == TASK_CLASS else None
        return None

    # ── declarations ─────────────────────────────────────────────────────────────────────────

    def _is_task(self, function: Function, scope: Scope, *, bind: bool = False) -> bool:
        return any(
            self.makes_task(each, scope) and (not bind or _binds(each))
            for each in function.decorator_list
        )

    def makes_task(self, decorator: ast.expr, scope: Scope) -> bool:
        """Tell whether a decorator makes tasks: `@app.task`, `@shared_task(…)` and their like."""
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(named, ast.Attribute) and named.attr in DECORATORS:
            thing = self.of(named.value, scope)
            if thing and held(thing).kind == "app":
                return True
        thing = self.of(named, scope)
        return bool(
            thing
            and thing.kind == "external"
            and thing.name.startswith(("celery.", "djcelery."))
            and thing.name.rpartition(".")[2] in DECORATORS
        )

    def class_kind(self, node: ast.ClassDef, scope: Scope) -> Thing:
        """Return whether a class is one of tasks, or of applications."""
        for base in node.bases:
            thing = self.of(base, scope)
            if thing and (kind := class_of(thing)):
                return kind
            if not thing and _TASK_CLASS_NAME.search(ast.unparse(base)):
                return TASK_CLASS
        return TASK_CLASS if node.bases and node.name in self.index.bases else OTHER

    # ── expressions ──────────────────────────────────────────────────────────────────────────

    def of(self, node: ast.expr, scope: Scope) -> Thing | None:  # noqa: C901, PLR0911 (a case each)
        """Return what an expression is; None if the text does not tell."""
        match node:
            case ast.Name():
                return self.bound(node.id, scope)
            case ast.Attribute(value=ast.Name(id="self")) if _APP_NAME.match(node.attr):
                return GUESSED
            case ast.Attribute():
                return self._attribute(self.of(node.value, scope), node.attr, scope)
            case ast.Call():
                return self._returned(node, scope)
            case ast.Subscript():
                return self._item(node, scope)
            case ast.Await() | ast.NamedExpr() | ast.Starred():
                return self.of(node.value, scope)
            case ast.BinOp(op=ast.BitOr()):
                sides = self.of(node.left, scope), self.of(node.right, scope)
                return SIGNATURE if any(s and s.kind == "signature" for s in sides) else None
            case ast.IfExp():
                return self._first([node.body, node.orelse], scope)
            case ast.BoolOp():
                return self._first(node.values, scope)
            case ast.Constant() | ast.JoinedStr() | ast.Dict():
                return OTHER
        return None

    def _first(self, nodes: list[ast.expr], scope: Scope) -> Thing | None:
        things = (self.of(each, scope) for each in nodes)
        return next((thing for thing in things if thing and thing != OTHER), None)

    def _attribute(self, thing: Thing | None, attribute: str, scope: Scope) -> Thing | None:
        thing = held(thing) if thing else None
        if thing and thing.kind in ("external", "module"):
            return self.named(f"{thing.name}.{attribute}", scope.module.dotted)
        return ATTRIBUTES.get((thing.kind, attribute)) if thing else None

    def _item(self, node: ast.Subscript, scope: Scope) -> Thing | None:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "tasks":
            owner = self.of(node.value.value, scope)
            return TASK if owner and owner.kind == "app" else None
        inside = self.of(node.value, scope)
        # An annotation such as AsyncResult[int].
        return inside if inside and inside.kind == "external" else None

    def _returned(self, node: ast.Call, scope: Scope) -> Thing | None:
        function = node.func
        if isinstance(function, ast.Attribute):
            owner = self.of(function.value, scope)
            owner = held(owner) if owner else None
            if owner and owner.kind == "app" and function.attr in DECORATORS and node.args:
                return TASK
            if owner and (given := method(owner, function.attr)):
                return given
            if owner is None and function.attr in ("delay", "apply_async", "si"):
                return SIGNATURE if function.attr == "si" else RESULT
        thing = self.of(function, scope)
        if thing == FUNCTION:
            return self._by_function(function, scope)
        return called(thing, len(node.args)) if thing else None

    def _by_function(self, node: ast.expr, scope: Scope) -> Thing | None:
        """Return what a function of the project gives: its annotation, or its last `return`."""
        found = self._binding(node, scope)
        if not found or not isinstance(found[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        function, outer = found[0], found[1]
        if function.returns and (noted := self.of(function.returns, outer)):
            return instance_of(noted)
        returned = [
            each.value
            for each in statements(function.body)
            if isinstance(each, ast.Return) and isinstance(each.value, (ast.Name, ast.Call))
        ]
        key = (id(function), 0)
        if not returned or key in self._under_way:
            return None
        self._under_way.add(key)
        thing = self.of(returned[-1], of_function(function, outer))
        self._under_way.discard(key)
        return thing

    # ── what stands for what ─────────────────────────────────────────────────────────────────

    def options(self, node: ast.expr, scope: Scope, steps: int = _STEPS) -> Options | None:
        """Return the names that `**node` gives, with their values; None if they are not told."""
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found = {k.value: v for k, v in pairs if isinstance(k, ast.Constant)}
            names = {str(name): given for name, given in found.items()}
            return names if len(names) == len(node.keys) else None
        if isinstance(node, ast.Call):
            given = {each.arg: each.value for each in node.keywords if each.arg}
            whole = len(given) == len(node.keywords) and not node.args
            return given if whole and getattr(node.func, "id", "") == "dict" else None
        bound = self._binding(node, scope)
        if bound and isinstance(bound[0], ast.expr) and steps:
            return self.options(bound[0], bound[1], steps - 1)
        return None

    def _binding(self, node: ast.expr, scope: Scope) -> tuple[Binding, Scope] | None:
        """Return what a name stands for, in whichever module it is bound."""
        found: tuple[Binding, Scope] | None = None
        if isinstance(node, ast.Name):
            found = scope.find(node.id)
        elif isinstance(node, ast.Attribute):
            owner = self.of(node.value, scope)
            module = self.index.module(owner.name, scope.module.dotted) if owner else None
            found = module.scope.find(node.attr) if module else None
        for _ in range(_STEPS):
            if not found or not isinstance(found[0], Imported):
                break
            base, _, last = found[0].dotted.rpartition(".")
            module = self.index.module(base, found[1].module.dotted)
            found = module.scope.find(last) if module else None
        return found


Options = dict[str, ast.expr]


def _binds(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and any(
        each.arg == "bind" and isinstance(each.value, ast.Constant) and each.value.value is True
        for each in decorator.keywords
    )
