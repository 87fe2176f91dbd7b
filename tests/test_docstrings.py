"""Every exported name says what it is, what it takes, what it raises, where it comes from; its example runs."""

import ast
import doctest
import inspect
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ["", "agents", "allocation", "batch", "embedded", "evaluation", "generators", "graphs", "prm", "testing"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _exported() -> Iterator[tuple[str, Any]]:
    """Yield every class and function that a public package offers, by its full name."""
    for package in PACKAGES:
        module = import_module(f"its_graph.{package}".rstrip("."))
        names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
        for name in names:
            found = getattr(module, name)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"{module.__name__}.{name}", found


EXPORTED = dict(_exported())


def _parameters(found: Any) -> list[str]:
    """Return the names of the parameters that a caller passes to a function, or to the class where it builds one."""
    function = found.__init__ if inspect.isclass(found) else found
    if not inspect.isfunction(function):
        return []
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [one.name for one in parameters if one.name != "self" and one.kind not in skipped]


@pytest.mark.parametrize("name", EXPORTED)
def test_every_argument_is_documented(name: str) -> None:
    found = EXPORTED[name]
    text = inspect.getdoc(found) or ""
    if inspect.isclass(found):
        text += "\n" + (inspect.getdoc(found.__init__) or "")
    missing = [each for each in _parameters(found) if f"\n    {each}: " not in text and f"`{each}`" not in text]
    assert text
    assert len(_parameters(found)) < 2 or not missing, f"{name} does not document {missing}"


@pytest.mark.parametrize("name", EXPORTED)
def test_every_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of a docstring (`>>>`) prints what it says; names that cannot run here say `# doctest: +SKIP`."""
    found = EXPORTED[name]
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(
        inspect.getdoc(found) or "", dict(vars(import_module(found.__module__))), name, None, 0
    )
    assert test.examples, f"{name} has no example: add `>>> ...` lines to its docstring"
    report: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert failed == 0, "".join(report)


def test_a_wrong_example_is_noticed() -> None:
    source = textwrap.dedent('''
        def twice(x):
            """Return 2x.

            >>> twice(2)
            5
            """
            return 2 * x
    ''')
    space: dict[str, Any] = {}
    exec(compile(ast.parse(source), "twice", "exec"), space)
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(space["twice"]) or "", space, "twice", None, 0)
    assert doctest.DocTestRunner().run(test, out=lambda text: None).failed == 1
