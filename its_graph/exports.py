"""Names that a package offers without loading what stands behind them: heavy libraries, and extras that may be missing.

Which names, and where they come from, says the package's stub (`__init__.pyi`), which type checkers read as well.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["exports"]


def exports(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the `__getattr__`, the `__dir__` and the `__all__` of a package.

    Args:
        package: its `__name__`.
        file: its `__file__`, beside which the stub lies.
    """
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    origin = {alias.name: str(node.module) for node in imports for alias in node.names}

    def get(name: str) -> Any:
        if name not in origin:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(origin[name]), name)

    return get, lambda: sorted(origin), sorted(origin)
