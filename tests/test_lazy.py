"""Packages offer their public names without loading the modules behind them."""

import ast
import pydoc
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from its_graph import _lazy
from its_graph._lazy import lazy_exports

PACKAGES = ["agents", "allocation", "generators", "prm"]
HEAVY = ("torch", "transformers", "langchain", "aiohttp", "vllm", "numpy")


def tree_of(package: str) -> ast.Module:
    return ast.parse(Path(str(import_module(f"its_graph.{package}").__file__)).read_text())


def typed(package: str) -> dict[str, str]:
    """Return the module that type checkers see for each name; a module offered as an attribute is its own."""
    imports = [node for node in ast.walk(tree_of(package)) if isinstance(node, ast.ImportFrom)]
    names = {alias.name: str(node.module) for node in imports for alias in node.names}
    return {
        name: f"{module}.{name}" if is_module(f"{module}.{name}") else module
        for name, module in names.items()
        if module.startswith(f"its_graph.{package}.")
    }


def is_module(name: str) -> bool:
    return (
        Path(str(import_module("its_graph").__file__)).parent.joinpath(*name.split(".")[1:]).with_suffix(".py").exists()
    )


def table_of(package: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the names and the keywords that the package passes to `lazy_exports`."""
    calls = [node for node in ast.walk(tree_of(package)) if isinstance(node, ast.Call)]
    (call,) = (call for call in calls if ast.unparse(call.func) == "lazy_exports")
    return ast.literal_eval(call.args[1]), {word.arg or "": eval(ast.unparse(word.value)) for word in call.keywords}


def offered(package: str) -> dict[str, str]:
    """Return the module of each name in the package's table."""
    names, keywords = table_of(package)
    table = {name: module for module, many in names.items() for name in many} | keywords.get("modules", {})
    return {name: f"its_graph.{package}.{module}" for name, module in table.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_the_one_of_its_module(package: str) -> None:
    public = import_module(f"its_graph.{package}")
    for name, module in typed(package).items():
        if module.endswith(f".{name}"):
            assert getattr(public, name) is import_module(module)
        elif not module.endswith(".vllm"):  # an extra that a test machine need not have
            assert getattr(public, name) is getattr(import_module(module), name)
            assert name in import_module(module).__all__


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_the_names_offered(package: str) -> None:
    assert offered(package) == typed(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_requirements_are_those_of_modules_in_the_table(package: str) -> None:
    names, keywords = table_of(package)
    assert set(keywords["requires"]) <= {*names, *keywords.get("modules", {}).values()}


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_refused_as_by_any_module(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'its_graph.{package}' has no attribute 'nothing'"):
        _ = import_module(f"its_graph.{package}").nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_alone_loads_nothing_heavy(package: str) -> None:
    script = f"import sys, its_graph.{package} as it; dir(it); print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_help_needs_no_extra(package: str) -> None:
    assert f"its_graph.{package}" in pydoc.render_doc(f"its_graph.{package}")


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_lists_what_can_be_imported(package: str) -> None:
    public = import_module(f"its_graph.{package}")
    names = offered(package)
    assert set(public.__all__) <= set(names)
    assert set(public.__all__) <= set(dir(public))
    assert "__name__" in dir(public)
    for name in public.__all__:
        assert getattr(public, name) is not None
    assert find_spec("torch") is None or len(names) - len(public.__all__) <= 1  # vLLM may be missing


@pytest.mark.parametrize("package", PACKAGES)
def test_without_extras_help_and_dir_list_only_what_can_be_imported(package: str) -> None:
    """A fresh interpreter that finds none of the heavy libraries."""
    script = f"""
import pydoc, sys
from importlib import import_module

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(name)

def find_spec(name, package=None):
    return None if name in {HEAVY} else real(name, package)

import importlib.util
real, importlib.util.find_spec = importlib.util.find_spec, find_spec
sys.meta_path.insert(0, Missing())
it = import_module("its_graph.{package}")
for name in it.__all__:
    getattr(it, name)
assert all(name in dir(it) for name in it.__all__)
assert pydoc.render_doc("its_graph.{package}")
print(*it.__all__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) < set(offered(package))


def test_a_name_is_listed_only_if_its_requirement_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    present: dict[str, Any] = {"here": object()}
    monkeypatch.setattr(_lazy, "find_spec", present.get)
    monkeypatch.setitem(sys.modules, "pack", ModuleType("pack"))
    table = {"plain": ("A",), "light": ("B",), "heavy": ("C", "D")}
    exports = lazy_exports(
        "pack", table, modules={"m": "heavy", "n": "plain"}, requires={"light": "here", "heavy": "absent"}
    )
    assert exports.all == ["A", "B", "n"]
    assert {"A", "B", "n", "__name__"} <= set(exports.dir())
    assert not {"C", "D", "m"} & set(exports.dir())


def test_training_and_the_sandbox_are_modules_of_the_reward_models() -> None:
    from its_graph.prm import labels, sandbox

    assert labels.__name__ == "its_graph.prm.training.labels"
    assert sandbox.__name__ == "its_graph.prm.code.sandbox"


def test_the_library_itself_lists_its_public_names() -> None:
    import its_graph

    assert set(its_graph.__all__) <= set(dir(its_graph))
    assert all(getattr(its_graph, name) is not None for name in its_graph.__all__)
    assert its_graph.__version__[0].isdigit()
