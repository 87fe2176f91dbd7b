"""Packages offer their public names without loading what stands behind them."""

import ast
import pydoc
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PACKAGES = ["agents", "allocation", "generators", "prm"]
HEAVY = ("torch", "transformers", "langchain", "aiohttp", "vllm", "numpy")


def typed(package: str) -> dict[str, str]:
    """Return the module of each name that type checkers are told of."""
    tree = ast.parse(Path(str(import_module(f"its_graph.{package}").__file__)).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {alias.name: str(node.module) for node in imports for alias in node.names}
    return {name: module for name, module in names.items() if module.startswith(f"its_graph.{package}.")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_the_one_of_its_module(package: str) -> None:
    offered = import_module(f"its_graph.{package}")
    for name, module in typed(package).items():
        if not module.endswith(".vllm"):  # an extra that a test machine need not have
            assert getattr(offered, name) is getattr(import_module(module), name)
            assert name in import_module(module).__all__


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_offered_is_what_type_checkers_are_told_of(package: str) -> None:
    source = Path(str(import_module(f"its_graph.{package}").__file__)).read_text()
    (table,) = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Dict))
    names = {name: f"its_graph.{package}.{module}" for module, many in ast.literal_eval(table).items() for name in many}
    assert names == typed(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_refused_as_by_any_module(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'its_graph.{package}' has no attribute 'nothing'"):
        _ = import_module(f"its_graph.{package}").nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_alone_loads_nothing_heavy(package: str) -> None:
    script = f"import sys, its_graph.{package}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_help_asks_for_no_extra(package: str) -> None:
    assert f"its_graph.{package}" in pydoc.render_doc(f"its_graph.{package}")
