"""Finds settings: in settings modules, on `app.conf`, in dicts and in tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pgqueue.migrating.knowledge import find
from pgqueue.migrating.knowledge.settings import current_names
from pgqueue.migrating.places import Found, Place, Remark, Use
from pgqueue.migrating.project import Project
from pgqueue.migrating.scopes import Module, Scope, of_class, of_function
from pgqueue.migrating.things import CONF

_UPPER = re.compile(r"(CELERY(D|BEAT)?|BROKER)_[A-Z0-9_]+")
_CONFIG_CLASS = re.compile(r"(?i)celery.*(conf|setting)|(conf|setting).*celery|^celery$")
_CONFIG_FILE = re.compile(r"(?i)^celery_?(conf(ig)?|settings)$")
#: Names of a project's own that look like settings.
_OWN = re.compile(r"CELERY_(APP|CONFIG\w*|CLASS|ENABLED|LOGGER)$")
_METHODS = {"update", "get", "setdefault", "humanize", "table", "changes", "items", "keys", "pop"}
_ENTRY = {"task", "schedule", "args", "kwargs", "options", "relative"}
_SERIALIZERS = {"task_serializer", "result_serializer", "accept_content", "result_accept_content"}


def setting_named(name: str, namespaces: tuple[str, ...] = ()) -> str | None:
    """Return the lower-case name of the setting that a name stands for; None if for none.

    >>> setting_named("CELERY_TASK_ALWAYS_EAGER"), setting_named("CELERYD_CONCURRENCY")
    ('task_always_eager', 'worker_concurrency')
    >>> setting_named("QUEUE_BROKER_URL", ("QUEUE",))
    'broker_url'
    """
    for namespace in namespaces:
        if namespace and name.upper().startswith(namespace.upper() + "_"):
            rest = name[len(namespace) + 1 :].lower()
            if find("setting", rest):
                return rest
    return next((each for each in current_names(name) if find("setting", each)), None)


def _upper_setting(name: str) -> str | None:
    """Return the setting of a name in upper case that says by itself that it is Celery's."""
    return setting_named(name) if _UPPER.fullmatch(name) else None


@dataclass
class SettingUses:
    """What `config_from_object` says, all over the project."""

    namespaces: set[str] = field(default_factory=set)
    #: The modules and objects that settings are read from, by their last names.
    sources: set[str] = field(default_factory=set)

    def learn(self, module: Module) -> None:
        """Note from where a module's application reads its settings."""
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in ("config_from_object", "config_from_envvar"):
                continue
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            space = given.get("namespace")
            if isinstance(space, ast.Constant) and isinstance(space.value, str):
                self.namespaces.add(space.value)
            elif node.args:
                source = node.args[0]
                if isinstance(source, ast.Constant) and isinstance(source.value, str):
                    self.sources.add(re.split(r"[.:]", source.value)[-1])
                elif isinstance(source, (ast.Name, ast.Attribute)):
                    self.sources.add(ast.unparse(source).rpartition(".")[2])

    def of(self, module: Module, project: Project) -> Found:
        """Return the settings that a module sets or reads."""
        finder = _Finder(self, module, project)
        finder.look()
        return Found(tuple(finder.uses), unresolved=tuple(finder.unresolved))


class _Finder(ast.NodeVisitor):
    def __init__(self, known: SettingUses, module: Module, project: Project) -> None:
        self._known = known
        self._spaces = tuple(known.namespaces)
        self._module = module
        self._project = project
        self._scope = module.scope
        last = module.dotted.rpartition(".")[2]
        self._plain = bool(_CONFIG_FILE.match(last)) or (
            last in known.sources and last not in ("settings", "__init__")
        )
        self.uses: list[Use] = []
        self.unresolved: list[Remark] = []

    def look(self) -> None:
        self._assigned(self._module.scope, self._plain)
        self.visit(self._module.tree)

    def _assigned(self, scope: Scope, plain: bool) -> None:
        """Note the names that a settings module or class binds."""
        for name, bound in scope.names.items():
            if not isinstance(bound, ast.expr):
                continue
            if plain and (setting := setting_named(name)):
                self._use(setting, bound)
            elif not plain or name.isupper():
                self._upper(name, bound, bound)

    def _upper(self, name: str, node: ast.AST, given: ast.expr | None) -> None:
        """Note a name that looks like a setting."""
        spaced = any(name.startswith(space + "_") for space in self._spaces if space)
        if not (_UPPER.fullmatch(name) or spaced):
            return
        setting = setting_named(name, self._spaces)
        if setting:
            self._use(setting, node, given)
        elif given is not None and not _OWN.match(name) and not self._settings_in(given):
            text = f"{name} is not a setting of Celery's: the project's own, or misspelt"
            self.unresolved.append(Remark(self._place(node), text))

    def _use(self, setting: str, node: ast.AST, given: ast.expr | None = None) -> None:
        place = self._place(node)
        self.uses.append(Use("setting", setting, place))
        given = node if given is None and isinstance(node, ast.expr) else given
        if given is None:
            return
        if setting in _SERIALIZERS:
            for name in serializers(given):
                self.uses.append(Use("value", name, self._place(given)))
        if setting == "beat_schedule":
            self._entries(given)

    def _place(self, node: ast.AST) -> Place:
        return Place(self._module.file, getattr(node, "lineno", 0))

    def _entries(self, given: ast.expr) -> None:
        if not isinstance(given, ast.Dict):
            if not isinstance(given, (ast.Name, ast.Attribute)):
                text = "a schedule that is made at run time: look at its entries"
                self.unresolved.append(Remark(self._place(given), text))
            return
        for entry in given.values:
            for key in entry.keys if isinstance(entry, ast.Dict) else ():
                if isinstance(key, ast.Constant) and key.value in _ENTRY:
                    self.uses.append(Use("schedule", f"entry: {key.value}", self._place(key)))

    # ── places other than settings modules ───────────────────────────────────────────────────

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._scope = self._scope, of_class(node, self._scope)
        plain = bool(_CONFIG_CLASS.search(node.name)) or node.name in self._known.sources
        self._assigned(self._scope, plain)
        self.generic_visit(node)
        self._scope = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        outer, self._scope = self._scope, of_function(node, self._scope)
        for statement in node.body:
            self.visit(statement)
        self._scope = outer

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if self._is_conf(node.value):
            setting = setting_named(node.attr)
            if node.attr not in _METHODS:
                self.uses.append(Use("setting", setting or node.attr, self._place(node)))
        elif setting := _upper_setting(node.attr):
            self._use(setting, node)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Attribute) and self._is_conf(target.value):
                if target.attr.endswith("beat_schedule") or target.attr == "CELERYBEAT_SCHEDULE":
                    self._entries(node.value)
                if setting_named(target.attr) in _SERIALIZERS:
                    for name in serializers(node.value):
                        self.uses.append(Use("value", name, self._place(node.value)))
            if isinstance(target, ast.Name) and self._is_source(target.id, node.value):
                self._dict(node.value)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            name = node.slice.value
            if self._is_conf(node.value):
                self.uses.append(Use("setting", setting_named(name) or name, self._place(node)))
            elif setting := _upper_setting(name):
                self._use(setting, node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("getattr", "hasattr"):
            for named in node.args[1:2]:
                self._named_by(named, named)
        elif isinstance(function, ast.Attribute) and function.attr == "config_from_object":
            for given in node.args[:1]:
                self._dict(given, quiet=True)
        elif isinstance(function, ast.Attribute) and self._is_conf(function.value):
            if function.attr in ("update", "setdefault", "add_defaults"):
                for given in node.args[:1]:
                    self._dict(given)
                self._given(node)
        else:
            self._keywords(node)
        self.generic_visit(node)

    def _keywords(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg in ("CELERY", "celery_config"):
                self._dict(keyword.value)
            elif keyword.arg and (setting := _upper_setting(keyword.arg)):
                self._use(setting, keyword.value)

    def _named_by(self, key: ast.expr, given: ast.expr) -> None:
        """Note a setting whose name is a text."""
        text = key.value if isinstance(key, ast.Constant) else None
        if isinstance(text, str) and (setting := _upper_setting(text)):
            self._use(setting, key, given)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, given in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "CELERY":
                self._dict(given)
            elif key:
                self._named_by(key, given)
        self.generic_visit(node)

    def _dict(self, given: ast.expr, *, quiet: bool = False) -> None:
        """Note the settings of a dict, or of a call dict(…)."""
        if isinstance(given, ast.Call) and isinstance(given.func, ast.Name):
            if given.func.id == "dict":
                self._given(given)
        elif isinstance(given, ast.Dict):
            for name, key, each in self._pairs(given):
                if not _UPPER.fullmatch(name) and (setting := setting_named(name)):
                    self._use(setting, key, each)
                elif not setting_named(name):
                    self.uses.append(Use("setting", name, self._place(key)))
            if any(key is None for key in given.keys):
                self._unclear(given)
        elif not quiet:
            self._unclear(given)

    def _given(self, call: ast.Call) -> None:
        for keyword in call.keywords:
            if keyword.arg is None:
                self._unclear(keyword.value)
            else:
                setting = setting_named(keyword.arg)
                if setting:
                    self._use(setting, keyword.value)
                else:
                    self.uses.append(Use("setting", keyword.arg, self._place(keyword.value)))

    def _unclear(self, given: ast.expr) -> None:
        text = f"settings that are made at run time: {ast.unparse(given)[:60]}"
        self.unresolved.append(Remark(self._place(given), text))

    def _pairs(self, given: ast.Dict) -> Iterator[tuple[str, ast.expr, ast.expr]]:
        for key, each in zip(given.keys, given.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, key, each

    def _settings_in(self, given: ast.expr) -> bool:
        return isinstance(given, ast.Dict) and any(
            setting_named(name) for name, _, _ in self._pairs(given)
        )

    def _is_source(self, name: str, given: ast.expr) -> bool:
        """Tell whether a dict of this name holds settings."""
        if not isinstance(given, (ast.Dict, ast.Call)):
            return False
        names = self._project.options(given, self._scope) or {}
        known = any(setting_named(each) for each in names)
        return known and (
            name in {*self._known.sources, *self._known.namespaces}
            or bool(_CONFIG_CLASS.search(name))
        )

    def _is_conf(self, node: ast.expr) -> bool:
        last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        return "conf" in last.lower() and self._project.of(node, self._scope) == CONF


def serializers(node: ast.expr) -> list[str]:
    """Return the serializers that a value names, other than JSON.

    >>> serializers(ast.parse("['json', 'application/x-python-serialize', 'pickle']").body[0].value)
    ['pickle']
    """
    texts = [
        each.value.rpartition("/")[2]
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    return [text for text in texts if find("value", text)]
