"""Lists what a module uses of Celery."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from pgqueue.migrating.index import celerys_module
from pgqueue.migrating.knowledge import SAME, find
from pgqueue.migrating.places import Found, Place, Remark, Use
from pgqueue.migrating.project import Project
from pgqueue.migrating.scopes import Function, Imported, Module, Scope, of_class, of_function
from pgqueue.migrating.settings import SettingUses, serializers
from pgqueue.migrating.things import APP_CLASS, DECORATORS, GUESSED, TASK_CLASS, Thing, held

#: Text without any of this has nothing to do with Celery, and need not be parsed.
HINT = re.compile(
    rb"(?i)celery|kombu|billiard|redbeat|flower|\.delay\b|apply_async|send_task|shared_task"
    rb"|BROKER_URL|beat_schedule|\bvine\b|\bamqp\b|\.si?\(|\.task\b"
)
#: Kinds in which one of Celery's own names is looked for, wherever it was imported from.
_KINDS = ("name", "canvas", "schedule", "exception", "signal", "logging", "testing")
_OF_MODULE = {
    "celery.signals": "signal",
    "celery.exceptions": "exception",
    "celery.schedules": "schedule",
    "celery.canvas": "canvas",
}
#: Calls whose keywords are the options of a job.
_WITH_OPTIONS = {
    "task": {"apply_async", "retry", "apply", "apply_async_on_commit"},
    "app": {"send_task"},
    "signature": {"apply_async", "set", "apply"},
}
#: What only jobs have, so that a receiver that nothing is known of is taken for a task.
_TELLING = {"delay", "apply_async", "si", "delay_on_commit", "apply_async_on_commit"}
_POOL = re.compile(r"(?i)pool|executor|multiproc")
_OWN_FIXTURES = {"celery_config", "celery_parameters", "celery_includes"}
_FIXTURES = {"celery_app", "celery_worker", "celery_session_app", "celery_session_worker"}


class Reader(ast.NodeVisitor):
    """Walks through one module."""

    def __init__(self, project: Project, module: Module, settings: SettingUses) -> None:
        self._project = project
        self._module = module
        self._scope = module.scope
        self._settings = settings
        self._uses: set[Use] = set()
        self._unresolved: set[Remark] = set()
        self._celerys = any(
            isinstance(each, Imported) and celerys_module(each.dotted)
            for each in module.scope.names.values()
        )

    def read(self) -> Found:
        """Return what the module uses."""
        self.visit(self._module.tree)
        found = self._settings.of(self._module, self._project)
        return Found(
            (*sorted({*self._uses, *found.uses}),),
            unresolved=(*sorted({*self._unresolved, *found.unresolved}),),
        )

    # ── what is noted ────────────────────────────────────────────────────────────────────────

    def _use(self, kind: str, name: str, node: ast.AST) -> None:
        self._uses.add(Use(kind, name, self._place(node)))

    def _place(self, node: ast.AST) -> Place:
        return Place(self._module.file, getattr(node, "lineno", 0))

    def _unclear(self, text: str, node: ast.AST) -> None:
        self._unresolved.add(Remark(self._place(node), text))

    def _of(self, node: ast.expr) -> Thing | None:
        return self._project.of(node, self._scope)

    # ── imports ──────────────────────────────────────────────────────────────────────────────

    def visit_Import(self, node: ast.Import) -> None:
        """Note which modules of Celery's are imported."""
        for alias in node.names:
            self._imported(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note from which modules of Celery's something is imported."""
        base = self._module.absolute(node)
        for alias in node.names:
            self._imported(base if alias.name == "*" else f"{base}.{alias.name}", node)

    def _imported(self, dotted: str, node: ast.stmt) -> None:
        if self._project.index.is_celerys(dotted) and (found := celerys_module(dotted)):
            self._use(*found, node)

    # ── declarations ─────────────────────────────────────────────────────────────────────────

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Go into a function, which may be a task."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Go into a coroutine function."""
        self._function(node)

    def _function(self, node: Function) -> None:
        for decorator in node.decorator_list:
            if self._project.makes_task(decorator, self._scope):
                self._declared(decorator)
            self.visit(decorator)
        self._fixtures(node)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        for annotation in (*(argument.annotation for argument in given), node.returns):
            if annotation:
                self.visit(annotation)
        self._inside(of_function(node, self._scope), node.body)

    def _fixtures(self, node: Function) -> None:
        """Note pytest's fixtures of Celery's, used or made."""
        if node.name.startswith("test") or node.decorator_list:
            for argument in node.args.args:
                if argument.arg in _FIXTURES:
                    self._use("testing", argument.arg, argument)
        if node.name in _OWN_FIXTURES:
            self._use("testing", node.name, node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Go into a lambda."""
        self._inside(of_function(node, self._scope), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Go into a class, which may be one of tasks."""
        for each in (*node.decorator_list, *node.bases, *(each.value for each in node.keywords)):
            self.visit(each)
        if self._project.class_kind(node, self._scope) == TASK_CLASS:
            self._task_class(node)
        self._inside(of_class(node, self._scope), node.body)

    def _inside(self, scope: Scope, body: Iterable[ast.AST]) -> None:
        outer, self._scope = self._scope, scope
        for each in body:
            self.visit(each)
        self._scope = outer

    def _declared(self, decorator: ast.expr) -> None:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        owner = self._held(named.value) if isinstance(named, ast.Attribute) else None
        if isinstance(named, ast.Attribute) and not (owner and owner.kind == "app"):
            self._use("name", named.attr, decorator)
        if isinstance(decorator, ast.Call):
            self._keywords("task option", decorator, f"@{ast.unparse(named)}")

    def _task_class(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if find("handler", statement.name):
                    self._use("handler", statement.name, statement)
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name) and find("task option", target.id):
                        self._option("task option", target.id, statement.value, statement)

    # ── calls ────────────────────────────────────────────────────────────────────────────────

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call's options."""
        function = node.func
        if isinstance(function, ast.Attribute):
            self._method(node, function)
        called = self._of(function)
        if called and held(called) == APP_CLASS:
            self._keywords("app argument", node, "the application")
        if called and called.kind == "external" and called.name.startswith("celery"):
            last = called.name.rpartition(".")[2]
            if last in DECORATORS and node.args:
                self._keywords("task option", node, last)
            elif last in ("signature", "subtask"):
                self._unknown_task(node)
        self.generic_visit(node)

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        owner = self._held(function.value)
        name = function.attr
        if owner and owner.kind in _WITH_OPTIONS:
            if name in _WITH_OPTIONS[owner.kind]:
                self._keywords("call option", node, name)
            elif owner.kind == "app" and name == "task" and node.args:
                self._keywords("task option", node, "app.task")
        elif owner is None and name in _TELLING and self._may_be_task(node, function):
            self._use("task", name, node)
            if name == "apply_async":
                self._keywords("call option", node, name)
        elif owner is None and name == "s" and self._celerys:
            self._use("task", name, node)

    def _may_be_task(self, node: ast.Call, function: ast.Attribute) -> bool:
        """Tell whether what nothing is known of may be a task: a process pool has such methods."""
        if _POOL.search(ast.unparse(function.value)):
            return False
        first = node.args[0] if node.args else None
        return not (
            function.attr == "apply_async"
            and isinstance(first, (ast.Name, ast.Attribute, ast.Lambda))
            and len(node.args) > 1
            and not self._celerys
        )

    def _keywords(self, kind: str, node: ast.Call, place: str) -> None:
        for keyword in node.keywords:
            if keyword.arg:
                self._option(kind, keyword.arg, keyword.value, keyword.value)
                continue
            given = self._project.options(keyword.value, self._scope)
            if given is None:
                shown = ast.unparse(keyword.value)
                self._unclear(f"**{shown[:60]}: options of {place} that are not named", node)
            for name, each in (given or {}).items():
                self._option(kind, name, each, keyword.value)

    def _option(self, kind: str, name: str, given: ast.expr, where: ast.AST) -> None:
        if kind == "app argument" and not find(kind, name) and find("setting", name):
            kind = "setting"  # Celery takes settings there, too
        valued = f"{name}={ast.unparse(given)}" if isinstance(given, ast.Constant) else name
        # A row may be about one value of an option only.
        self._use(kind, valued if find(kind, valued) else name, where)
        if name == "accept_content" or name.endswith("serializer"):
            for each in serializers(given):
                self._use("value", each, where)

    def _unknown_task(self, node: ast.Call) -> None:
        first = node.args[0] if node.args else None
        if first and not isinstance(first, ast.Constant) and self._of(first) is None:
            self._unclear("a signature of a task whose name is made at run time", node)

    # ── names and attributes ─────────────────────────────────────────────────────────────────

    def _held(self, node: ast.expr) -> Thing | None:
        thing = self._of(node)
        return held(thing) if thing else None

    def visit_Name(self, node: ast.Name) -> None:
        """Note one of Celery's own names."""
        if isinstance(node.ctx, ast.Load):
            self._named(self._of(node), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note an attribute of something of Celery's."""
        whole = self._of(node)
        if whole and whole.kind == "external":
            self._named(whole, node)
            return
        owner = self._held(node.value)
        if owner and owner.kind == "external":
            self._named(Thing("external", f"{owner.name}.{node.attr}"), node)
        elif owner:
            self._attribute(owner, node)
        self.visit(node.value)

    def _attribute(self, owner: Thing, node: ast.Attribute) -> None:
        kind = "task" if owner == TASK_CLASS else owner.kind
        if kind in ("other", "module", "function", "conf", "app class"):
            return
        known = find(kind, node.attr)
        # A task may have attributes of its own, and what is assigned is one.
        own = kind in ("task", "request") or isinstance(node.ctx, ast.Store) or owner == GUESSED
        if known or not (own or node.attr.startswith("_")):
            self._use(kind, node.attr, node)

    def _named(self, thing: Thing | None, node: ast.expr) -> None:
        if not thing or thing.kind != "external" or not (found := celerys_module(thing.name)):
            return
        kind, module = found
        if thing.name == module:
            if kind == "package" and "." in module:
                self._use("package", module, node)
            return
        if kind == "package":
            return
        last = thing.name.removeprefix(module + ".").split(".")[0]
        wanted = _OF_MODULE.get(module)
        for each in (wanted,) if wanted else _KINDS:
            if find(each, last):
                self._use(each, last, node)
                return
        row = find("import", module)
        if row and row.verdict == SAME:
            self._use(wanted or "name", last, node)

    # ── the rest ─────────────────────────────────────────────────────────────────────────────

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Note `a | b` of signatures."""
        if isinstance(node.op, ast.BitOr):
            thing = self._of(node)
            if thing and thing.kind == "signature":
                self._use("canvas", "a | b", node)
        self.generic_visit(node)
