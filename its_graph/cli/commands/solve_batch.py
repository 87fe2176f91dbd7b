"""`solve-batch`: many problems under one budget, each answer written as it is found; goes on where it was stopped."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from its_graph.budget import Budget
from its_graph.cli.display.batch_summary import in_words, summary_of
from its_graph.cli.display.formatting import count, counted, one_line
from its_graph.cli.exit_codes import EXIT_FAILED, INTERRUPTED, exit_code, tell
from its_graph.cli.options.budget import BudgetCalls, BudgetFlops, BudgetGenerated, BudgetTokens
from its_graph.cli.options.models import BaseUrl, FamilyOption, ModelOption, Prm, PrmUrl
from its_graph.cli.options.sampling import MaxTokens, System, Temperature
from its_graph.cli.runs import models as model_choice
from its_graph.cli.runs.batch_plan import Choosing, PlanName, judge_of, plan_of
from its_graph.cli.runs.output_files import require_apart
from its_graph.cli.runs.policy_check import note_other_fit
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.context import SearchContext
from its_graph.contracts import Generator
from its_graph.errors import ConfigurationError, ItsGraphError
from its_graph.jsonl import JsonLines
from its_graph.text.equivalence import equivalent

if TYPE_CHECKING:  # allocation needs numpy, which the other commands do without
    from its_graph.batch.journal import Journal
    from its_graph.cli.runs.batch_files import Answers, Item

__all__ = ["solve_batch_command"]


def solve_batch_command(
    problems: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="JSONL file with `problem`, and `id` and `answer` if you like."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="JSONL file of the answers; problems answered there are not solved again. An id's last line counts."
        ),
    ],
    plan: Annotated[PlanName, typer.Option(help="Who gets the samples.")] = PlanName.BETA_GREEDY,
    policy: Annotated[
        Path | None, typer.Option(help="File of a fitted policy: the menu of --plan menu.", dir_okay=False)
    ] = None,
    name: Annotated[
        Choosing | None, typer.Option("--strategy", "-s", help="How an answer is chosen. (best_of_n with a verifier.)")
    ] = None,
    pilots: Annotated[int, typer.Option(min=1, help="Samples of every problem before beta_greedy decides.")] = 2,
    solved: Annotated[
        float, typer.Option(min=0, max=1, help="Score from which adaptive takes a problem as solved.")
    ] = 0.9,
    most: Annotated[int, typer.Option(min=1, help="Samples of one problem at most.")] = 64,
    budget_tokens: BudgetTokens = None,
    budget_generated_tokens: BudgetGenerated = None,
    budget_calls: BudgetCalls = None,
    budget_flops: BudgetFlops = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    system: System = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answers.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="Problems under way at the same time.")] = 8,
    model: ModelOption = None,
    prm: Prm = None,
    family: FamilyOption = "auto",
    base_url: BaseUrl = None,
    prm_url: PrmUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Answer many problems under one budget that is never exceeded.

    Every problem gets one sample first; the plan gives out the rest. Samples stand in the journal beside --out: the
    same command goes on after Ctrl-C or a crash, repeats nothing, and counts what was spent before. It tries again what
    failed (a wrong key, a server that was down), unless the question itself is to blame.
    """
    budget = Budget(
        tokens=budget_tokens, generated_tokens=budget_generated_tokens, calls=budget_calls, flops=budget_flops
    )
    described = {
        "seed": seed,
        "strategy": name,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "system": system,
        **model_choice.identity(model, prm, base_url, prm_url, family),
    }
    try:
        if not budget.limited:
            raise ConfigurationError("A batch needs a budget. Give --budget-tokens 2e6 or another limit.")
        require_apart(("PROBLEMS", problems), ("--out", out), ("the journal", _journal(out)), ("--policy", policy))
        plan_with = plan_of(plan, pilots, solved, most, policy)
        note_other_fit(policy, described)
        with _files(problems, out, described) as (items, answers, journal):
            generator, verifier = model_choice.models(model, prm, base_url, prm_url, family)
            try:
                judge = judge_of(verifier, name, plan)
                require_supported_problem(generator, (item.problem for item in items), system)
                given = {
                    "verifier": judge,
                    "budget": budget,
                    "plan": plan_with(judge),
                    "seed": seed,
                    "context": SearchContext(temperature=temperature, max_tokens=max_tokens, system=system),
                    "concurrency": concurrency,
                    "journal": journal,
                }
                stopped = _run(items, answers, generator, given, hide_bar=as_json)
            finally:
                model_choice.release(generator, verifier)
    except ItsGraphError as error:
        tell(str(error))
        raise typer.Exit(exit_code(error)) from error
    summary = summary_of(answers.tally, len(items), out, spent=journal.settled, lost=journal.lost)
    typer.echo(json.dumps(summary) if as_json else "\n".join(in_words(summary)))
    if answers.first_error is not None:
        failed = f"{count(answers.tally.failed)} of {counted(len(items), 'problem')} failed."
        typer.echo(one_line(f"{failed} The first: {answers.first_error}"), err=True)
    if stopped:
        raise typer.Exit(INTERRUPTED)
    if not answers.tally.answered:
        raise typer.Exit(EXIT_FAILED)


def _journal(out: Path) -> Path:
    return out.with_name(out.name + ".journal")


@contextmanager
def _files(problems: Path, out: Path, described: dict[str, Any]) -> Iterator[tuple["list[Item]", "Answers", "Journal"]]:
    """Open everything that is read and written, and refuse what does not belong together, before a model is loaded."""
    from its_graph.batch.journal import Journal
    from its_graph.cli.runs.batch_files import Answers, read_items

    items = read_items(problems)
    with closing(JsonLines.open(out)) as answer_lines, closing(JsonLines.open(_journal(out))) as samples:
        answers, journal = Answers(answer_lines, items), Journal(samples)
        if answers.known and journal.run is None:
            raise ConfigurationError(
                f"{out} holds answers, and {samples.name} does not tell what they cost: it is missing. "
                "Restore it, or give another --out."
            )
        journal.bind_run(described)
        yield items, answers, journal


def _run(
    items: "list[Item]", answers: "Answers", generator: Generator, given: dict[str, Any], *, hide_bar: bool
) -> bool:
    """Solve what is not answered yet and write it down; tell whether Ctrl-C ended it early."""
    from its_graph.batch import ProblemResult, stream_solutions

    async def solve(show: Callable[[int, float], None]) -> None:
        arriving = stream_solutions(
            [item.problem for item in items],
            generator,
            skip=answers.known,
            on_spend=lambda used: show(answers.tally.problems, used),
            **given,
        )
        async with aclosing(arriving):
            async for one in arriving:
                answers.add(one, correct=await is_correct(one))

    async def is_correct(one: ProblemResult) -> bool | None:
        expected = items[one.index].expected
        # math-verify may take seconds to compare two answers, and the searches go on meanwhile.
        return None if expected is None else await asyncio.to_thread(equivalent, one.answer, expected)

    try:
        with _progress(len(items), hidden=hide_bar) as show:
            asyncio.run(solve(show))
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _progress(total: int, *, hidden: bool) -> Iterator[Callable[[int, float], None]]:
    """Show how many problems are answered, when the last one will be, and how much of the budget is spent."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("budget {task.fields[used]:.0%}"))
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=total, used=0.0)
        yield lambda answered, used: progress.update(task, completed=answered, used=used)
