"""`its-graph solve`: search one problem, show the search live, and report the result as text or JSON."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live
from rich.text import Text

from its_graph.catalog.registry import Strategy, strategies, strategy
from its_graph.cli.display.html_page import require_html_folder, write_search_page
from its_graph.cli.display.live import SearchView
from its_graph.cli.display.report import print_report, result_json
from its_graph.cli.exit_codes import EXIT_INTERRUPTED
from its_graph.cli.options.budget import BudgetOptions, BudgetSeconds
from its_graph.cli.options.sampling import SamplingOptions
from its_graph.cli.options.set_option import parse_set_options
from its_graph.cli.options.strategy_flags import (
    RULE_FLAGS,
    STRATEGY_PANEL,
    StrategyFlags,
    choice_rule,
    factory_options,
    require_applicable,
)
from its_graph.cli.runs.models import ModelOptions
from its_graph.cli.runs.policy_check import note_policy_mismatch
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.cli.runs.stream_search import final_result, stream_search_events
from its_graph.context import SearchContext
from its_graph.errors import ConfigurationError, InputError
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.search.result import SearchResult

__all__ = ["solve_command"]

_REDRAW_S = 0.1
_LOG_HEIGHT = 40
"""Rows of the view where there is no terminal to measure."""
_OUTPUT_PANEL = "Output"


def solve_command(
    problem: Annotated[str, typer.Argument(help='The question; "-" reads it from standard input.')],
    strategy_name: Annotated[
        str,
        typer.Option("--strategy", "-s", help="A name from `its-graph strategies`.", rich_help_panel=STRATEGY_PANEL),
    ] = "best_of_n",
    *,
    flags: StrategyFlags,
    set_options: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other option of the strategy. Repeatable.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = None,
    sampling: SamplingOptions,
    seed: Annotated[int, typer.Option(help="Seed of the search; the same seed gives the same search.")] = 0,
    models: ModelOptions,
    budget: BudgetOptions,
    budget_seconds: BudgetSeconds = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.", rich_help_panel=_OUTPUT_PANEL)
    ] = False,
    no_live: Annotated[
        bool,
        typer.Option("--no-live", "--quiet", "-q", help="Print only the report.", rich_help_panel=_OUTPUT_PANEL),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write the search to an HTML file, to inspect and replay.",
            rich_help_panel=_OUTPUT_PANEL,
        ),
    ] = None,
) -> None:
    """Answer one problem with a search.

    On a terminal the search is shown while it runs. Ctrl-C stops it and prints the best answer so far.

    Example: its-graph solve "Compute 3 + 5 * 4" --strategy beam_search --n 16 --width 4 --budget-tokens 4000 --seed 7
    """
    selected = strategy(strategy_name)
    require_applicable(selected, flags)
    options = parse_set_options(set_options or [], [selected], rule_flags=RULE_FLAGS)
    question = _read_problem(problem)
    require_html_folder(html)
    limits = budget._asdict() | {"seconds": budget_seconds}
    settings = _search_context({"seed": seed, **sampling._asdict(), "budget": limits})
    if "policy" in options:
        note_policy_mismatch(options["policy"], models.identity() | sampling._asdict())
    shows_search = not (json_output or no_live)
    with _required_models(selected, models).loaded() as (generator, verifier):
        require_supported_problem(generator, [question], sampling.system)
        factory = {**factory_options(selected, flags, verifier), **options}
        graph = selected.create(generator, verifier, factory).compile(name=selected.name)
        console = _live_console() if shows_search else None
        view = SearchView()  # its clock starts now: loading models is not part of the search
        result = _run_search(graph, question, settings, choice_rule(flags, verifier), view, console)
    if shows_search and not sys.stdout.isatty():  # nothing was drawn during the search: show its end
        Console(highlight=False, height=_LOG_HEIGHT).print(view, Text())
    if json_output:
        typer.echo(result_json(question, result))
    else:
        print_report(Console(highlight=False), result)
    if html is not None:
        write_search_page(html, view.events, result)
    if result["stop_reason"] == "interrupted":
        raise typer.Exit(EXIT_INTERRUPTED)


def _run_search(
    graph: Any, problem: str, settings: SearchContext, choose: ChoiceRule, view: SearchView, console: Console | None
) -> SearchResult:
    """Run the search, drawn on `console` if there is one; after Ctrl-C, choose from what is there."""
    with _drawing(view, console) as draw:
        try:
            for event in stream_search_events(graph, problem, settings):
                if event is not None:
                    view.add(event)
                draw()
        except KeyboardInterrupt:
            pass
        view.stop()
    return final_result(view.events, choose, graph.name, settings, view.seconds)


@contextmanager
def _drawing(view: SearchView, console: Console | None) -> Iterator[Callable[[], None]]:
    """Yield a function that redraws `view`, at most ten times a second."""
    if console is None:
        yield lambda: None
        return
    last_drawn = -_REDRAW_S

    def draw() -> None:
        nonlocal last_drawn
        if view.seconds - last_drawn >= _REDRAW_S:
            last_drawn = view.seconds
            live.refresh()

    with Live(view, console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield draw


def _live_console() -> Console | None:
    """Return the terminal to draw on; None if standard output is not a terminal."""
    console = Console(highlight=False)
    # FORCE_COLOR makes rich treat a pipe as a terminal, but nothing can be redrawn there.
    return console if console.is_terminal and sys.stdout.isatty() else None


def _read_problem(problem: str) -> str:
    """Return the problem, from standard input for "-".

    Raises:
        InputError: it is empty.
    """
    text = (sys.stdin.read() if problem == "-" else problem).strip()
    if not text:
        raise InputError('The problem is empty. Give a question, or "-" to read it from standard input.')
    return text


def _search_context(fields: dict[str, Any]) -> SearchContext:
    """Return the context of the search; the error for an invalid field names its flag."""
    try:
        return SearchContext.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "-".join(str(part).replace("_", "-") for part in first["loc"])
        raise ConfigurationError(f"--{flag} {first['input']}: {first['msg']}.") from error


def _required_models(selected: Strategy, models: ModelOptions) -> ModelOptions:
    """Return the models that the strategy uses: a reward model that it would never call is not loaded.

    Raises:
        ConfigurationError: the strategy needs a verifier that is missing.
    """
    if not selected.takes_verifier:
        return models.without_verifier()
    if selected.needs_verifier and not models.has_verifier:
        without = ", ".join(candidate.name for candidate in strategies() if not candidate.needs_verifier)
        raise ConfigurationError(
            f"{selected.name} needs a verifier. Give --prm, the folder of a reward model, or use a strategy without "
            f"one: {without}."
        )
    return models
