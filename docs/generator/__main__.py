"""Build the documentation site: `python docs/generator`, or `make docs`.

1. Generate: the hand-written pages of docs/, and those that come from the code, into build/docs. 2. Build with
Zensical, strictly, into build/site. 3. Write llms.txt and the Markdown of each page beside it. 4. Check what Zensical
does not.
"""

import re
import shutil
import subprocess
import sys
from typing import Any

import api
import check
import cli
import events
import llms
import strategies
import yaml
from snippets import DOCS, hand_written

ROOT = DOCS.parent
SOURCE, SITE, CONFIG = ROOT / "build" / "docs", ROOT / "build" / "site", ROOT / "build" / "mkdocs.yml"
_COPIED = ("*.png", "*.svg", "stylesheets/*.css")

_INSERTED = re.compile(r"<!-- generated: (\w+) -->")
GENERATED: list[str] = []
"""Files of build/docs that come from the code, in the order of the navigation."""


def main() -> int:
    """Build everything and return the exit code."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    identifiers = _generate()
    config = _configured()
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(CONFIG)]
    if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
        return code
    check.localize(SITE)
    llms.write(SOURCE, SITE, config["site_name"], config["site_description"], config["nav"], ROOT)
    wrong = check.problems(SITE, identifiers)
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    pages = len(list(SITE.rglob("index.html")))
    sys.stdout.write(f"{pages} pages in {SITE.relative_to(ROOT)}, {len(wrong)} problems\n")
    return 1 if wrong else 0


def _generate() -> list[str]:
    """Fill build/docs and return the identifiers that the API reference must show."""
    inserted = {"strategies": strategies.overview(), "events": events.table()}
    for page in hand_written():
        text = _INSERTED.sub(lambda found: inserted[found[1]], page.read_text())
        _write(str(page.relative_to(DOCS)), text)
    for pattern in _COPIED:
        for file in DOCS.glob(pattern):
            target = SOURCE / file.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for name, text in strategies.pages(_measured()):
        _write(f"strategies/{name}.md", text, generated=True)
    identifiers = []
    for name, text, shown in api.pages():
        _write(f"reference/api/{name}", text, generated=True)
        identifiers += shown
    _write("reference/api/index.md", api.index())
    _write("cli.md", cli.page())
    _write("changelog.md", (ROOT / "CHANGELOG.md").read_text())
    return identifiers


def _configured() -> dict[str, Any]:
    """Write the configuration with its navigation filled in, and return it."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    config |= {"docs_dir": SOURCE.name, "site_dir": SITE.name, "nav": _filled_in(config["nav"])}
    handler = config["plugins"][-1]["mkdocstrings"]["handlers"]["python"]
    handler["paths"] = [str(ROOT)]
    handler["options"]["extensions"] = [str(DOCS / "generator" / "docstring_blocks.py")]
    CONFIG.write_text(yaml.safe_dump(config, sort_keys=False))
    return config


def _filled_in(nav: list[Any]) -> list[Any]:
    """Put the generated pages in place of entries that name a folder; those of "*" get no level of their own."""
    filled = []
    for entry in nav:
        title, value = next(iter(entry.items()))
        if isinstance(value, list):
            filled.append({title: _filled_in(value)})
        elif value.endswith("/"):
            files = (file for file in GENERATED if file.startswith(value) and not file.endswith("/index.md"))
            pages = [{_title(file): file} for file in files]
            filled += pages if title == "*" else [{title: pages}]
        else:
            filled.append(entry)
    return filled


def _title(file: str) -> str:
    return (SOURCE / file).read_text().splitlines()[0].removeprefix("# ").partition(" (")[0]


def _measured() -> dict[str, dict[str, str]]:
    """Return the rows of the first table of the benchmarks by strategy."""
    lines = [line for line in (DOCS / "benchmarks.md").read_text().splitlines() if line.startswith("|")]
    columns = _cells(lines[0])
    rows: dict[str, dict[str, str]] = {}
    for line in lines[2:]:
        cells = _cells(line)
        if not re.fullmatch(r"`\w+`", cells[0]):
            break
        rows[cells[0].strip("`")] = dict(zip(columns, cells, strict=True))
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _write(name: str, text: str, *, generated: bool = False) -> None:
    if generated:
        GENERATED.append(name)
    target = SOURCE / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
