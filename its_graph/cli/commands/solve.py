"""`solve_command`: answer one problem by a search, watched live, reported in words or as JSON."""

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
from its_graph.cli.display.html_page import check_target, write_search_page
from its_graph.cli.display.live import SearchView
from its_graph.cli.display.report import print_report, result_json
from its_graph.cli.exit_codes import INTERRUPTED
from its_graph.cli.options.budget import LIMITS, BudgetCalls, BudgetFlops, BudgetGenerated, BudgetTokens
from its_graph.cli.options.models import BaseUrl, FamilyOption, ModelOption, Prm, PrmUrl
from its_graph.cli.options.number_types import finite
from its_graph.cli.options.sampling import MaxTokens, System, Temperature
from its_graph.cli.options.set_option import parse_set_options
from its_graph.cli.options.strategy_flags import (
    RULES,
    Choose,
    StopEarly,
    StrategyFlags,
    check,
    choice_rule,
    factory_options,
)
from its_graph.cli.runs import models
from its_graph.cli.runs.policy_check import note_other_fit
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.cli.runs.stream_search import events_of_search, result_of
from its_graph.context import SearchContext
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError, InputError
from its_graph.nodes.rules.types import ChoiceRule

__all__ = ["solve_command"]

_REDRAW_S = 0.1
_LOG_HEIGHT = 40
"""Rows of the view where there is no terminal to be measured."""
_SHAPE, _OUTPUT = "Shape of the search", "Output"


def solve_command(
    problem: Annotated[str, typer.Argument(help='The question; "-" reads it from standard input.')],
    name: Annotated[
        str, typer.Option("--strategy", "-s", help="See `its-graph strategies`.", rich_help_panel=_SHAPE)
    ] = "best_of_n",
    n: Annotated[
        int, typer.Option("--n", "-n", help="Samples (per round of a step search).", rich_help_panel=_SHAPE)
    ] = 16,
    width: Annotated[int, typer.Option(help="Paths or trees kept after a round.", rich_help_panel=_SHAPE)] = 4,
    max_steps: Annotated[int | None, typer.Option(help="Longest path, in steps.", rich_help_panel=_SHAPE)] = None,
    lookahead: Annotated[
        int, typer.Option(help="Steps rolled out before a path is judged.", rich_help_panel=_SHAPE)
    ] = 0,
    stop: Annotated[
        StopEarly | None, typer.Option(help="Stop sampling early by this rule.", rich_help_panel=_SHAPE)
    ] = None,
    choose: Annotated[Choose | None, typer.Option(help="How the winner is found.", rich_help_panel=_SHAPE)] = None,
    further: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other option of the strategy, as name=value.", rich_help_panel=_SHAPE),
    ] = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    system: System = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same search.")] = 0,
    model: ModelOption = None,
    prm: Prm = None,
    family: FamilyOption = "auto",
    base_url: BaseUrl = None,
    prm_url: PrmUrl = None,
    budget_tokens: BudgetTokens = None,
    budget_generated_tokens: BudgetGenerated = None,
    budget_calls: BudgetCalls = None,
    budget_seconds: Annotated[
        float | None,
        typer.Option(parser=finite, metavar="N", help="Seconds in model calls.", rich_help_panel=LIMITS),
    ] = None,
    budget_flops: BudgetFlops = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.", rich_help_panel=_OUTPUT)
    ] = False,
    no_live: Annotated[
        bool,
        typer.Option("--no-live", "--quiet", "-q", help="Print the report only.", rich_help_panel=_OUTPUT),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the search as a page to look at and replay.", rich_help_panel=_OUTPUT),
    ] = None,
) -> None:
    """Answer PROBLEM by a search.

    On a terminal the search is drawn while it runs. Ctrl-C ends it and prints the best answer so far.

    Example: its-graph solve "Compute 3 + 5 * 4" --strategy beam_search --n 16 --width 4 --budget-tokens 4000 --seed 7
    """
    chosen = strategy(name)
    shape = StrategyFlags(n, width, max_steps, lookahead, stop, choose)
    check(chosen, shape)
    others = parse_set_options(further or [], [chosen], rules=RULES)
    asked = _question(problem)
    check_target(html)
    settings = _settings(
        seed=seed,
        temperature=temperature,
        max_tokens=max_tokens,
        system=system,
        budget={
            "tokens": budget_tokens,
            "generated_tokens": budget_generated_tokens,
            "calls": budget_calls,
            "seconds": budget_seconds,
            "flops": budget_flops,
        },
    )
    if "policy" in others:
        asked_with = {"temperature": temperature, "max_tokens": max_tokens, "system": system}
        note_other_fit(others["policy"], models.identity(model, prm, base_url, prm_url, family) | asked_with)
    generator, verifier = _models(chosen, model, prm, base_url, prm_url, family)
    watched = not (json_output or no_live)
    view = SearchView()
    try:
        require_supported_problem(generator, [asked], system)
        options = {**factory_options(chosen, shape, verifier), **others}
        graph = chosen.create(generator, verifier, options).compile(name=chosen.name)
        result = _search(graph, asked, settings, choice_rule(shape, verifier), view, _live_console(wanted=watched))
    finally:
        models.release(generator, verifier)
    if watched and not sys.stdout.isatty():  # nothing was drawn while it ran: show where it ended
        Console(highlight=False, height=_LOG_HEIGHT).print(view, Text())
    if json_output:
        typer.echo(result_json(asked, result))
    else:
        print_report(Console(highlight=False), result)
    if html is not None:
        write_search_page(html, view.events, result)
    if result["stop_reason"] == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _search(
    graph: Any, problem: str, settings: SearchContext, choose: ChoiceRule, view: SearchView, console: Console | None
) -> dict[str, Any]:
    """Run the search, drawn on `console` if there is one; Ctrl-C makes do with what is there."""
    with _drawn(view, console) as draw:
        try:
            for event in events_of_search(graph, problem, settings):
                if event is not None:
                    view.add(event)
                draw()
        except KeyboardInterrupt:
            pass
        view.stop()
    return result_of(view.events, choose, graph.name, settings, view.seconds)


@contextmanager
def _drawn(view: SearchView, console: Console | None) -> Iterator[Callable[[], None]]:
    """Give the function that redraws `view`, which does so ten times a second at most."""
    if console is None:
        yield lambda: None
        return
    drawn = -_REDRAW_S

    def draw() -> None:
        nonlocal drawn
        if view.seconds - drawn >= _REDRAW_S:
            drawn = view.seconds
            live.refresh()

    with Live(view, console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield draw


def _question(problem: str) -> str:
    """Return the problem, read from standard input for "-"; an empty one is refused before any model is loaded."""
    text = (sys.stdin.read() if problem == "-" else problem).strip()
    if not text:
        raise InputError('The problem is empty. Give a question, or "-" to read one from standard input.')
    return text


def _settings(**given: Any) -> SearchContext:
    try:
        return SearchContext.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "-".join(str(part).replace("_", "-") for part in first["loc"])
        raise ConfigurationError(f"--{flag} {first['input']}: {first['msg']}.") from error


def _models(
    chosen: Strategy, model: Path | None, prm: Path | None, base_url: str | None, prm_url: str | None, family: str
) -> tuple[Generator, Verifier | None]:
    """Return what `chosen` needs; a reward model that nobody would ask is not loaded."""
    if not chosen.takes_verifier:
        return models.models(model, None, base_url)[0], None
    if chosen.needs_verifier and (base_url or model not in models.EMBEDDED_MODELS) and prm is None:
        without = ", ".join(one.name for one in strategies() if not one.needs_verifier)
        raise ConfigurationError(
            f"{chosen.name} needs a verifier: give the folder of a reward model with --prm, or use a strategy that "
            f"needs none: {without}."
        )
    return models.models(model, prm, base_url, prm_url, family)


def _live_console(wanted: bool) -> Console | None:
    """Return the terminal to draw on; None where nobody asked, or where standard output is none."""
    console = Console(highlight=False)
    # FORCE_COLOR makes a pipe a terminal to rich, but nothing can be redrawn there.
    return console if wanted and console.is_terminal and sys.stdout.isatty() else None
