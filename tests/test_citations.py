"""Citations point at what exists: sections of docs/reference/algorithms.md, and Markdown files of this repository."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "algorithms.md"
FOLDERS = ("tests", "its_graph", "nodes", "graphs", "prm")
SOURCES = sorted({path.resolve() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")})

_NUMBER = r"\d+(?:\.\d+)*"
_CITATION = re.compile(
    rf"(?:\bReference|docs/reference/algorithms\.md)\s+(?P<sections>{_NUMBER}(?:(?:,|,?\s+and|\s+to)\s+{_NUMBER})*)"
)
_HEADING = re.compile(rf"^#{{2,4}} (?P<number>{_NUMBER})\.? (?P<title>\S.*)$", re.MULTILINE)
_FILE = re.compile(r"(?<![\w./:-])[\w./-]*\w\.md\b")
_LINK = re.compile(r"\]\(#(?P<anchor>[^)]*)\)")


def sections_of(page: str) -> set[str]:
    return {heading["number"] for heading in _HEADING.finditer(page)}


def sections_cited(source: str) -> set[str]:
    return {number for found in _CITATION.finditer(source) for number in re.findall(_NUMBER, found["sections"])}


def remarks(path: Path) -> Iterator[str]:
    """Yield the docstrings and comments of a file; other strings name files that the code reads or writes."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    with path.open("rb") as file:
        yield from (token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT)


def test_every_section_that_is_cited_exists() -> None:
    cited = {(str(path.relative_to(ROOT)), one) for path in SOURCES for one in sections_cited(path.read_text("utf-8"))}
    known = sections_of(PAGE.read_text(encoding="utf-8"))
    assert {one for _, one in cited} & known, "No citation was found at all."
    assert sorted(pair for pair in cited if pair[1] not in known) == []


def test_every_markdown_file_that_is_cited_exists() -> None:
    cited = {(path, name) for path in SOURCES for remark in remarks(path) for name in _FILE.findall(remark)}
    assert cited
    missing = [pair for pair in cited if not any((base / pair[1]).is_file() for base in (ROOT, pair[0].parent))]
    assert sorted((str(path.relative_to(ROOT)), name) for path, name in missing) == []


def test_citations_are_read_in_all_their_forms() -> None:
    heading, page = "Refer" + "ence", "docs/reference/" + "algorithms.md"  # apart, or they would be citations
    assert sections_cited(f"{heading} 4.2: at most 2.5 of them.") == {"4.2"}
    assert sections_cited(f"{heading} 3.1, rules 1 and 4; {heading} 1.4.3 at 1/delta = 20.") == {"3.1", "1.4.3"}
    assert sections_cited(f"{page} 5.1, 1.1 to 1.3\nand 8.4.5.") == {"5.1", "1.1", "1.3", "8.4.5"}
    assert sections_of("## 4. Chapter\n\n## 4.2 Section\n\n### 4.2.1 Part\n\n4.3 Text\n") == {"4", "4.2", "4.2.1"}


def test_the_page_numbers_its_sections_once_and_in_order() -> None:
    numbers = [heading["number"] for heading in _HEADING.finditer(PAGE.read_text(encoding="utf-8"))]
    assert numbers == sorted(set(numbers), key=lambda number: [int(part) for part in number.split(".")])


def test_links_inside_the_page_lead_somewhere() -> None:
    page = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    assert {link["anchor"] for link in _LINK.finditer(page)} <= anchors


def test_modules_that_the_page_names_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\|.*\(#.*\|(?P<modules>[^|]*)\|$", page, re.MULTILINE)
    named = {f"its_graph.{one}" for row in rows for one in re.findall(r"`([\w.]+)`", row)}
    named |= set(re.findall(r"`(its_graph(?:\.\w+)+)`", page))
    assert len(named) > 20
    paths = {name: ROOT.joinpath(*name.split(".")) for name in sorted(named)}
    assert [name for name, path in paths.items() if not (path.is_dir() or path.with_suffix(".py").is_file())] == []
