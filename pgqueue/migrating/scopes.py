"""Which names a module and its functions bind, and to what expression or import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

_OF_APPS = ("config_from_object", "autodiscover_tasks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that an import binds, by its full dotted name."""

    dotted: str


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter: of which function, at which place."""

    function: Function
    index: int
    annotation: ast.expr | None


Binding = Imported | Argument | ast.expr | Function | ast.ClassDef


@dataclass(slots=True)
class Scope:
    """The names of a module, class or function; `parent` is what surrounds it."""

    module: Module
    parent: Scope | None = None
    names: dict[str, Binding] = field(default_factory=dict)
    #: The class whose body or method this is, if any.
    owner: ast.ClassDef | None = None
    is_class: bool = False

    def find(self, name: str) -> tuple[Binding, Scope] | None:
        """Return what a name is bound to, and where."""
        scope: Scope | None = self
        first = True
        while scope:
            # A class's names are seen in its body, not in its methods.
            if name in scope.names and (first or not scope.is_class):
                return scope.names[name], scope
            scope, first = scope.parent, False
        return None


@dataclass(slots=True)
class Module:
    """A file of Python: its tree, the names on its top, and the modules that it takes all from."""

    dotted: str
    file: str
    tree: ast.Module
    is_package: bool
    scope: Scope = field(init=False)
    stars: list[str] = field(default_factory=list)
    #: Names that are configured as only applications are.
    apps: set[str] = field(default_factory=set)
    #: Names that are given as `base=`, as only classes of tasks are.
    bases: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.scope = Scope(self)
        bind(self.scope, self.tree.body)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                if node.attr in _OF_APPS and isinstance(node.value, ast.Name):
                    self.apps.add(node.value.id)
            elif isinstance(node, ast.keyword) and node.arg == "base":
                self.bases.add(ast.unparse(node.value).rpartition(".")[2])

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the module that an import names, with its dots resolved."""
        if not node.level:
            return node.module or ""
        parts = self.dotted.split(".")
        up = node.level - 1 if self.is_package else node.level
        base = parts[: len(parts) - up] if up else parts
        return ".".join([*base, *([node.module] if node.module else [])])


def bind(scope: Scope, body: list[ast.stmt]) -> None:
    """Note the names that statements bind, without going into functions and classes."""
    for statement in statements(body):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            _bind_import(scope, statement)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            scope.names[statement.name] = statement
        else:
            for name, value in _assigned(statement):
                # A placeholder such as None says less than what follows it.
                if name not in scope.names or isinstance(scope.names[name], ast.Constant):
                    scope.names[name] = value


def _bind_import(scope: Scope, statement: ast.Import | ast.ImportFrom) -> None:
    base = scope.module.absolute(statement) if isinstance(statement, ast.ImportFrom) else ""
    for alias in statement.names:
        if alias.name == "*":
            scope.module.stars.append(base)
        elif base:
            scope.names.setdefault(alias.asname or alias.name, Imported(f"{base}.{alias.name}"))
        else:  # `import a.b` binds a
            dotted = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.names.setdefault(alias.asname or dotted, Imported(dotted))


def of_function(function: Function | ast.Lambda, parent: Scope) -> Scope:
    """Return the scope of a function's body."""
    scope = Scope(parent.module, parent, owner=parent.owner if parent.is_class else None)
    if isinstance(function, ast.Lambda):
        return scope
    given = function.args
    for index, argument in enumerate([*given.posonlyargs, *given.args, *given.kwonlyargs]):
        scope.names[argument.arg] = Argument(function, index, argument.annotation)
    bind(scope, function.body)
    return scope


def of_class(node: ast.ClassDef, parent: Scope) -> Scope:
    """Return the scope of a class's body."""
    scope = Scope(parent.module, parent, owner=node, is_class=True)
    bind(scope, node.body)
    return scope


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give statements with those inside `if`, `try`, `with` and loops."""
    for statement in body:
        yield statement
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody"):
                inner = getattr(statement, part, None)
                if isinstance(inner, list):
                    yield from statements(inner)
            for more in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from statements(more.body)


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        # With nothing but an annotation, that is what is known.
        yield statement.target.id, statement.value or statement.annotation
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        for item in statement.items:
            if isinstance(item.optional_vars, ast.Name):
                yield item.optional_vars.id, item.context_expr
