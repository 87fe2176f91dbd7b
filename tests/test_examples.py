"""Every example runs, and prints what the README shows under its command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
SHOWN = dict(
    re.findall(r"```text\n\$ python examples/(\w+\.py)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_prints_what_the_readme_shows(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", f"examples/{name}"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == SHOWN[name]


def test_the_python_of_the_readme_runs() -> None:
    """The 60-second tour, block after block, in one session."""
    tour = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert tour
    code = "\n".join(tour)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_text_of_the_readme_waits_to_be_filled_in() -> None:
    assert not re.findall(r"@@|TODO|FIXME", (ROOT / "README.md").read_text())
