"""Pages of the strategies, from the registry: docstring, drawing, signature, cost, use, and what was measured."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple, get_args

from drawing import svg

from its_graph.catalog.registry import Strategy, strategies
from its_graph.contracts import Signal
from its_graph.testing import ToyGenerator, ToyVerifier

__all__ = ["overview", "pages"]

_SECTION = re.compile(r"^(Cost|When|When not|Avoid when|Source|Sources|Note|Notes): ", re.MULTILINE)
_NEEDS = {
    "verifier": "a verifier",
    "continuation": "a generator that continues a given text",
    "token_confidences": "token log-probabilities",
    "logprobs": "token log-probabilities",
    "alternatives": "the likeliest tokens at each position",
    "self_certainty": "log-probabilities over the whole vocabulary",
}
_LEGEND = (
    '<p class="its-legend"><span class="its-generator">calls the generator</span>'
    '<span class="its-verifier">calls the verifier or judge</span><span>pure rule</span>{more}</p>'
)
_SEARCH = '<span class="its-search">another strategy</span>'


class _Doc(NamedTuple):
    """A module docstring of a strategy, taken apart."""

    summary: str
    moves: tuple[str, ...]
    notes: str
    """What follows the numbered moves and is no section."""
    sections: dict[str, str]


def overview() -> str:
    """Return the table of all strategies."""
    rows = ["| strategy | what it does | cost | needs |", "|---|---|---|---|"]
    for one in strategies():
        needs = ", ".join(_needs(one)) or "only a generator"
        rows.append(f"| [`{one.name}`]({one.name}.md) | {one.summary} | {_sentence(one.cost)} | {needs} |")
    return "\n".join(rows)


def pages(measured: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield (name, Markdown) of each strategy's page.

    Args:
        measured: for each strategy its row of the benchmark table, by column.
    """
    for one in strategies():
        yield one.name, _page(one, measured.get(one.name))


def graph_of(one: Strategy) -> Any:
    """Return the strategy's compiled graph over models of the toy world, ready to be drawn."""
    generator = ToyGenerator()
    generator.signals = frozenset(get_args(Signal))
    return one.create(generator, ToyVerifier() if one.takes_verifier else None, {}).compile().get_graph()


def _page(one: Strategy, measured: dict[str, str] | None) -> str:
    module = import_module(one.factory.__module__)
    doc = _taken_apart(inspect.getdoc(module) or "")
    graph = graph_of(one)
    drawing = svg(graph, f"The graph of {one.name}")
    legend = _LEGEND.format(more=_SEARCH if "its-search" in drawing else "")
    mermaid = graph.draw_mermaid(with_styles=False).replace("\t", "    ").rstrip()
    needs = _needs(one)
    parts = [
        f"# {one.name}",
        doc.summary,
        "\n".join(f"{number}. {move}" for number, move in enumerate(doc.moves, 1)),
        doc.notes,
        "## Graph",
        f'<div class="its-figure">{drawing}{legend}</div>',
        '??? note "The same graph as Mermaid"\n\n' + _indented(f"```text\n{mermaid}\n```"),
        "## Cost and use",
        f"**Needs.** {_sentence(', '.join(needs) if needs else 'only a generator')}",
    ]
    for title, text in doc.sections.items():
        parts.append(f"**{_title(title)}.** {_sentence(text)}")
    if measured:
        parts.append(_measured(one.name, measured))
    parts += [
        "## Use it",
        _example(one),
        "## Signature and options",
        f"::: {one.factory.__module__}.{one.factory.__name__}\n    options:\n      heading_level: 3",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(section: str) -> str:
    return {"When": "When to use it, and when it does not help"}.get(section, section)


def _taken_apart(text: str) -> _Doc:
    body, *pieces = _SECTION.split(text)
    sections: dict[str, str] = {}
    extra = ""
    for title, content in zip(pieces[::2], pieces[1::2], strict=True):
        first, _, rest = content.partition("\n\n")
        sections[title] = " ".join(first.split())
        extra = rest.strip() or extra
    head, _, rest = body.partition("\n\n")
    summary = head.partition(": ")[2] or head
    parts = re.split(r"(?:^|(?<=\s))(?=\d\. [A-Z])", " ".join(rest.split()))
    moves = [re.sub(r"^\d\. ", "", part.strip()) for part in parts if re.match(r"\d\. ", part.strip())]
    return _Doc(_sentence(summary), tuple(moves), "\n\n".join(filter(None, [extra])), sections)


def _needs(one: Strategy) -> list[str]:
    known = [_NEEDS.get(need, need) for need in one.needs]
    if not one.takes_verifier or one.needs_verifier:
        return known
    return [*known, "a verifier is optional"] if known else ["a generator; a verifier is optional"]


def _measured(name: str, row: dict[str, str]) -> str:
    cells = "; ".join(f"{column}: {value}" for column, value in row.items() if value and column != "strategy")
    return (
        f"**Measured.** On the embedded models, n = 16, 200 problems: {cells}. "
        "See [Benchmarks](../benchmarks.md) for the command, the date and the other strategies."
    )


def _example(one: Strategy) -> str:
    verifier = ", verifier" if one.takes_verifier else ""
    name = one.factory.__name__
    return (
        "```py\n"
        f"from its_graph.graphs import {name}\n\n"
        f'graph = {name}(generator{verifier}).compile(name="{one.name}")\n'
        'result = graph.invoke({"problem": "..."})["result"]\n'
        "```\n\n"
        "```sh\n"
        f'its-graph solve "..." --strategy {one.name}\n'
        f"its-graph draw {one.name}\n"
        "```"
    )


def _sentence(text: str) -> str:
    text = text.strip()
    first = text[:1] if text.startswith("n ") else text[:1].upper()  # `n` stays `n`
    return first + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
