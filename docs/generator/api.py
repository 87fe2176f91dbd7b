"""The API reference: one page for each public package, with the names that it exports and where they are defined."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import griffe

__all__ = ["PACKAGES", "index", "pages"]


class Package(NamedTuple):
    """A public package or module and what it is for."""

    name: str
    title: str
    purpose: str


PACKAGES = (
    Package("its_graph", "its_graph", "Contracts, budget, per-run settings, registry."),
    Package("its_graph.search.tree", "Tree", "The derived view of a search."),
    Package("its_graph.search.state", "State and records", "What a checkpoint holds."),
    Package("its_graph.search.events", "Events", "The typed event stream and how to rebuild a tree from it."),
    Package("its_graph.errors", "Errors", "Everything that the library raises on purpose."),
    Package("its_graph.generators", "Generators", "Backends that propose text."),
    Package("its_graph.prm", "Verifiers and judges", "Reward models and everything else that scores."),
    Package("its_graph.prm.training.labels", "Monte-Carlo labels", "Labels for training a PRM."),
    Package("its_graph.prm.training.train", "PRM training", "The training loop."),
    Package("its_graph.prm.training.processbench", "ProcessBench", "How well a verifier finds the first wrong step."),
    Package("its_graph.nodes.rules.choice", "Choice rules", "How a winner is chosen among candidates."),
    Package("its_graph.nodes.rules.frontier", "Frontier rules", "Which paths a step search continues."),
    Package("its_graph.nodes.rules.stopping", "Stop rules", "When a search has enough."),
    Package("its_graph.nodes.rules.advantage", "Advantage", "Process advantage as a step score."),
    Package(
        "its_graph.nodes.rules.resampling",
        "Resampling",
        "The path rule of particle filtering, its draws and annealing.",
    ),
    Package("its_graph.nodes.rules.particles", "Particle choice", "Choice rules over the final population."),
    Package("its_graph.nodes.rules.steering", "Steering", "When a search asks a person, and the reply."),
    Package(
        "its_graph.graphs.step_search", "Step search", "The loop shared by beam search, DVTS, REBASE and particles."
    ),
    Package("its_graph.agents", "Agents", "Search inside agents."),
    Package("its_graph.batch", "Batches", "Many problems under one budget."),
    Package("its_graph.allocation", "Allocation", "How a budget is divided among problems."),
    Package("its_graph.routing.policy", "Routing policies", "Which strategy a difficulty calls for."),
    Package("its_graph.evaluation", "Evaluation", "Accuracy and cost over problems with known answers."),
    Package("its_graph.embedded", "Embedded models", "The small models that ship with the package."),
    Package("its_graph.text.answers", "Answers", "Extracting final answers."),
    Package("its_graph.text.equivalence", "Equivalence", "When two answers are equal."),
    Package("its_graph.text.steps", "Steps", "Splitting a solution into steps."),
    Package("its_graph.api.app", "HTTP application", "The FastAPI application."),
    Package("its_graph.testing", "Testing", "Scripted models and a toy world with a known optimum."),
    Package("its_graph.agents.testing", "Testing agents", "A scripted chat model."),
)


def pages() -> Iterator[tuple[str, str, list[str]]]:
    """Yield (file name, Markdown, identifiers on it) for each package."""
    for package in PACKAGES:
        names = _exports(package.name)
        blocks = [f"::: {definition}" for definition in names.values()]
        intro = _first_paragraphs(package.name)
        title = package.title if package.title == package.name else f"{package.title} (`{package.name}`)"
        yield f"{package.name}.md", "\n\n".join([f"# {title}", intro, *blocks]) + "\n", list(names.values())


def index() -> str:
    """Return the page that lists the packages with their names."""
    entries = []
    for package in PACKAGES:
        names = ", ".join(f"[`{name}`][{place}]" for name, place in _exports(package.name).items())
        entries.append(f"**[`{package.name}`]({package.name}.md)** {package.purpose}\n:   {names}")
    return _INDEX + "\n\n".join(entries) + "\n"


_INDEX = """# API

Every public name, by the package to import it from. Factories of strategies (`its_graph.graphs.create_*`) are
documented on the pages of the [strategies](../../strategies/index.md). Anything that starts with an underscore, and any
module that is not listed here, may change without notice.

"""


def _exports(name: str) -> dict[str, str]:
    """Return the public names of a package with the dotted path where each is defined; nothing is imported."""
    module = _package()[name.removeprefix("its_graph").removeprefix(".")] if "." in name else _package()
    names = [str(key) for key in module.exports or ()] or [
        key
        for key, member in module.members.items()
        if member.is_alias and not member.runtime  # loaded when asked for
    ]
    return {key: module.members[key].canonical_path for key in names if not key.startswith("_")}


@cache
def _package() -> Any:
    loader = griffe.GriffeLoader(search_paths=[Path(__file__).resolve().parents[2]])
    package = loader.load("its_graph")
    loader.resolve_aliases(implicit=True, external=False)
    return package


def _first_paragraphs(name: str) -> str:
    module = _package()[name.removeprefix("its_graph.")] if "." in name else _package()
    return module.docstring.value if module.docstring else ""
