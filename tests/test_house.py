"""The house rules that a machine can check: one definition per public name, plain English, American spelling."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for folder in ("its_graph", "nodes", "graphs", "prm")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(parent.is_symlink() for parent in path.parents)
]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/*.py", "its_graph/ui/*.js", "its_graph/ui/*.html")
    for path in ROOT.glob(pattern)
)

TRANSLATED = re.compile(
    r"\b(told|tells|anew|shall|dear|dearer|dearest|go(?:es)? on|went on|going on|(?-i:(?:is|are|was) none)"
    r"|stands? in|stood in|passed over|passes over|hangs? on|in vain|makes? do|at hand|to and fro|whoever)\b",
    re.IGNORECASE,
)
"""Idiom that is grammatical and that no American engineer would write in a message or a comment."""

BRITISH = re.compile(
    r"\b\w*(?:[^aeiou\W]isation|normalis|summaris|optimis|initialis|serialis|recognis|realis[ei]|organis|penalis|"
    r"generalis|minimis|maximis|analys(?:e|ing)\b|colour|behaviour|favour|neighbour|judgement|labell|modelling|"
    r"licence|artefact|centre\b|grey\b|memoris|prioritis|randomis|regularis|standardis)\w*",
    re.IGNORECASE,
)


def _public(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_no_public_name_is_defined_in_two_modules() -> None:
    defined: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for name in _public(ast.parse(path.read_text())):
            if not name.startswith("_"):
                defined[name].add(str(path.relative_to(ROOT)))
    assert {name: sorted(places) for name, places in defined.items() if len(places) > 1} == {}


PROMPTS = ("go on as if it had succeeded", "short notes for whoever solves it")
"""Phrases of prompts, which models were measured with and which stay as they are."""


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that a person reads; code in a page is left out: it may be program output or an old name."""
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.suffix == ".md" and line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "", line) if path.suffix == ".md" else line


@pytest.mark.parametrize("pattern", [TRANSLATED, BRITISH], ids=["translated idiom", "British spelling"])
def test_plain_american_english(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in (*SOURCES, *PAGES)
        for number, line in _prose(path)
        if not any(prompt in line for prompt in PROMPTS)
        for match in pattern.finditer(line)
    ]
    assert found == [], "reword these"


def test_the_lint_finds_what_it_is_for() -> None:
    assert TRANSLATED.search("# the backend is told of it")
    assert TRANSLATED.search("a model that shall answer")
    assert BRITISH.search("normalised")
    assert not TRANSLATED.search("if value is None:")
