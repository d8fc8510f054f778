"""Finding the modules with tasks: of packages that are named, or of Django's applications."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from pgqueue.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Discovery:
    """What `autodiscover_tasks` was asked for; `packages` None: those of Django."""

    packages: Sequence[str] | Callable[[], Sequence[str]] | None
    related_name: str | None = "tasks"

    def run(self) -> list[str]:
        """Import the modules that are there; return their names."""
        packages = self.packages() if callable(self.packages) else self.packages
        if packages is None:
            packages = _django_packages()
        if isinstance(packages, str):
            packages = [packages]
        found = (_import_related(package, self.related_name) for package in packages)
        return [name for name in found if name]


def prepare_django() -> None:
    """Set Django up, if this process is to use it and nobody has done so."""
    if os.environ.get("DJANGO_SETTINGS_MODULE") and _has_django():
        import django  # noqa: PLC0415 (only where it is there)
        from django.apps import apps  # noqa: PLC0415 (the same)

        if not apps.ready:
            django.setup()


def _has_django() -> bool:
    return find_spec("django") is not None


def _django_packages() -> list[str]:
    if not os.environ.get("DJANGO_SETTINGS_MODULE") or not _has_django():
        raise ConfigurationError(
            "autodiscover_tasks() without packages is for Django: set DJANGO_SETTINGS_MODULE, or "
            'name the packages: autodiscover_tasks(["shop", "billing"])'
        )
    prepare_django()
    from django.apps import apps  # noqa: PLC0415 (the same)

    return [config.name for config in apps.get_app_configs()]


def _import_related(package: str, related_name: str | None) -> str | None:
    """Import a package's module; None if it has none. An error inside of the module is raised."""
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        # The path of a class, such as shop.apps.ShopConfig, is of the package above.
        above = package.rpartition(".")[0]
        if not above or error.name is None or not (package + ".").startswith(error.name + "."):
            raise
        package = above
    name = f"{package}.{related_name}" if related_name else package
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return name
