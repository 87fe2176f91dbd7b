"""Names that a package offers without loading what stands behind them: heavy libraries, extras that may be missing."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562).

    `dir` and `import *` do not know these names: to list them is one thing, to load them all another.

    Args:
        package: its `__name__`.
        names: what it offers, by the module of the package that defines it.
    """
    origin = {name: f"{package}.{module}" for module, offered in names.items() for name in offered}

    def get(name: str) -> Any:
        if name not in origin:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(origin[name]), name)

    return get
