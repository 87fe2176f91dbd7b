"""Packages offer their public names without loading what stands behind them."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from setuptools import Distribution

ROOT = Path(__file__).parents[1]

PACKAGES = ["agents", "allocation", "generators", "prm"]
HEAVY = ("torch", "transformers", "langchain", "aiohttp", "vllm", "numpy")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_of_the_stub_is_the_one_of_its_module(package: str) -> None:
    offered = import_module(f"its_graph.{package}")
    stub = ast.parse(Path(str(offered.__file__)).with_suffix(".pyi").read_text())
    origin = {
        alias.name: str(node.module) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert offered.__all__ == dir(offered) == sorted(origin)
    for name, module in origin.items():
        if not module.endswith(".vllm"):  # an extra that a test machine need not have
            assert getattr(offered, name) is getattr(import_module(module), name)
            assert name in import_module(module).__all__


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_refused_as_by_any_module(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'its_graph.{package}' has no attribute 'nothing'"):
        _ = import_module(f"its_graph.{package}").nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_alone_loads_nothing_heavy(package: str) -> None:
    script = f"import sys, its_graph.{package}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_stubs_go_into_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    project = Distribution()
    project.parse_config_files()
    build: Any = project.get_command_obj("build_py")
    build.ensure_finalized()
    packed = {
        package.removeprefix("its_graph.") for package, _, _, files in build.data_files if "__init__.pyi" in files
    }
    assert packed == set(PACKAGES)
