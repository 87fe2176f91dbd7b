"""What README and the pages of docs/ show is what runs: examples, Python, commands; the first page stays one page."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from its_graph.cli.main import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def _tool(name: str) -> ModuleType:
    """Import a module of docs/generator, which is no package."""
    spec = util.spec_from_file_location(name, ROOT / "docs" / "generator" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and named tuples look their module up
    spec.loader.exec_module(module)
    return module


snippets, badges = _tool("snippets"), _tool("badges")
PAGES = [README, *snippets.hand_written()]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
SHOWN = {Path(example).name: text for page in PAGES for example, text in snippets.shown_outputs(page).items()}
WITH_PYTHON = [page for page in PAGES if snippets.program(page).strip()]


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_prints_what_a_page_shows(name: str) -> None:
    done = _run(f"examples/{name}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == SHOWN[name]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=_name)
def test_the_python_of_a_page_runs(page: Path) -> None:
    """Block after block, in one session."""
    done = _run("-c", snippets.program(page))
    assert done.returncode == 0, done.stderr


def test_the_readme_prints_what_it_shows() -> None:
    (shown,) = re.findall(r"```python\n.*?```\n\n```text\n(.*?)```", README.read_text(), re.DOTALL)
    assert _run("-c", snippets.program(README)).stdout == shown


def test_the_readme_is_one_page() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 200
    assert len(text.split()) <= 1500


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_text_of_a_page_waits_to_be_filled_in(page: Path) -> None:
    assert not re.findall(r"@@|TODO|FIXME", page.read_text())


def _commands(page: Path) -> Iterator[list[str]]:
    """Yield the calls of `its-graph` in the shell blocks of a page, as words."""
    for block in snippets.blocks(page):
        if block.language == "sh":
            lines = block.code.replace("\\\n", "").splitlines()
            calls = (shlex.split(line, comments=True) for line in lines)
            yield from (words for words in calls if words[:1] == ["its-graph"])


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for _, name, *arguments in _commands(page):
        command = get_command(app).commands[name]  # type: ignore[attr-defined]  # a group of commands
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        assert given <= options, f"{name}: {given - options}"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = [str(page.relative_to(ROOT / "docs")) for page in snippets.hand_written()]
    assert [page for page in pages if page not in navigation] == []


@pytest.mark.parametrize("name", badges.badges())
def test_a_badge_is_drawn_from_the_package(name: str) -> None:
    assert (badges.FOLDER / name).read_text() == badges.badges()[name]
