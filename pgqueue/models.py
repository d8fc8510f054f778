"""Arguments and results that are pydantic's models: `@app.task(pydantic=True)`."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from pgqueue.errors import ConfigurationError


class Models:
    """What the annotations of a task say about models.

    `strict` and `context` are those of pydantic's `model_validate`; to the context are added
    `pgqueue_app` and `pgqueue_task_name`. `dump` are keywords of `model_dump`; mode="json" if it
    names none. Annotations are read at the first call, when the names in them are all there.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        signature: inspect.Signature,
        *,
        strict: bool = False,
        context: Mapping[str, Any] | None = None,
        dump: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import pydantic  # noqa: PLC0415 (only who uses it needs it)
        except ModuleNotFoundError:
            raise ConfigurationError(
                f"{function.__qualname__}: pydantic=True needs pydantic: pip install pydantic"
            ) from None
        self._base: type[Any] = pydantic.BaseModel
        self._function = function
        self._signature = signature
        self._strict = strict
        self._context = dict(context or {})
        self._dump = {"mode": "json", **(dump or {})}

    def dumped(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return a call with the models among its arguments as what JSON can hold."""
        if not any(isinstance(each, self._base) for each in (*args, *kwargs.values())):
            return args, kwargs
        bound = self._signature.bind_partial(*args, **kwargs)
        for name, value in bound.arguments.items():
            if isinstance(value, self._base) and self._model(name):
                bound.arguments[name] = value.model_dump(**self._dump)
        return bound.args, bound.kwargs

    def wrap(self, run: Callable[..., Any], app: Any, task: str) -> Callable[..., Any]:
        """Return the function with its arguments validated, and its result dumped."""
        context = {**self._context, "pgqueue_app": app, "pgqueue_task_name": task}

        if inspect.iscoroutinefunction(run):

            @functools.wraps(run)
            async def arun(*args: Any, **kwargs: Any) -> Any:
                bound = self._validated(args, kwargs, context)
                return self._result(await run(*bound.args, **bound.kwargs))

            return arun

        @functools.wraps(run)
        def validated(*args: Any, **kwargs: Any) -> Any:
            bound = self._validated(args, kwargs, context)
            return self._result(run(*bound.args, **bound.kwargs))

        return validated

    def _validated(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], context: dict[str, Any]
    ) -> inspect.BoundArguments:
        bound = self._signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            model = self._model(name)
            if model and not (value is None and self._is_optional(name)):
                bound.arguments[name] = model.model_validate(
                    value, strict=self._strict, context=context
                )
        return bound

    def _result(self, value: Any) -> Any:
        model = self._model("return")
        if model and isinstance(value, model):
            return value.model_dump(**self._dump)
        return value

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self._function)
        except (NameError, AttributeError, TypeError):  # a name that only type checkers know
            hints = {name: each.annotation for name, each in self._signature.parameters.items()}
            return {**hints, "return": self._signature.return_annotation}

    def _model(self, name: str) -> Any:
        """Return the model that an argument, or the result, is annotated with; `X | None` too."""
        kind = self._hints.get(name)
        if get_origin(kind) in (Union, types.UnionType):
            others = [each for each in get_args(kind) if each is not type(None)]
            kind = others[0] if len(others) == 1 else None
        return kind if isinstance(kind, type) and issubclass(kind, self._base) else None

    def _is_optional(self, name: str) -> bool:
        return type(None) in get_args(self._hints.get(name))
