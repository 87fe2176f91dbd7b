"""Public names that a package offers without loading the modules behind them: heavy libraries, missing extras."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["LazyExports", "lazy_exports"]


class LazyExports(NamedTuple):
    """What a package assigns to its names `__getattr__`, `__dir__` (PEP 562) and `__all__`."""

    getattr: Callable[[str], Any]
    dir: Callable[[], list[str]]
    all: list[str]


def lazy_exports(
    package: str,
    names: Mapping[str, Sequence[str]],
    *,
    modules: Mapping[str, str] = MappingProxyType({}),
    requires: Mapping[str, str] = MappingProxyType({}),
) -> LazyExports:
    """Return `__getattr__`, `__dir__` and `__all__` of a package that loads its public names on first use.

    `dir` and `help` list a name only if what it requires is installed, so that they never fail for a missing extra.

    Args:
        package: the package's `__name__`.
        names: the names to offer, by the module of the package that defines them.
        modules: modules to offer as attributes, by the name to offer; paths are relative to the package.
        requires: for a module of the package, the third-party package that it cannot be imported without.
    """
    origins = {name: module for module, offered in names.items() for name in offered}

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{modules[name]}")
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{origins[name]}"), name)

    installed = {module: find_spec(library) is not None for module, library in requires.items()}
    available = sorted(name for name, module in {**origins, **modules}.items() if installed.get(module, True))
    return LazyExports(get, lambda: sorted({*vars(sys.modules[package]), *available}), available)
