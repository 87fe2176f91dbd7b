"""The report of an evaluation: what was reached, for what, over which problems, and how to repeat it."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from its_graph.budget import total
from its_graph.evaluation.pools import MIN_POOL_SAMPLES, DifficultyBins, SamplePool, oracle_bins, pass_curve, widest_pools
from its_graph.evaluation.reports.page import Section, Table, write_report_page
from its_graph.evaluation.reports.paired_gains import paired_gains
from its_graph.evaluation.reports.plots import Plot, draw_plots
from its_graph.evaluation.reports.series import CellOutcomes, on_shared_problems
from its_graph.evaluation.runs.grid import GridCell
from its_graph.evaluation.summary import SummaryRow, summarize_outcomes
from its_graph.statistics import Interval, wilson

__all__ = ["Provenance", "report_plots", "versions", "write_report"]

_PACKAGES = (
    "its-graph",
    "langgraph",
    "langchain-core",
    "torch",
    "transformers",
    "vllm",
    "math-verify",
    "reasoning-gym",
)


class Provenance(NamedTuple):
    """Where an evaluation comes from: all it takes to repeat it."""

    command: str
    data: str
    """Name or path of the problems."""
    models: str
    seed: int
    date: str
    """Of the report, ISO 8601."""


def write_report(path: Path, measured: CellOutcomes, origin: Provenance) -> None:
    """Write the report on the problems that all arms have ended, as Markdown or HTML after the ending of `path`.

    Raises:
        ConfigurationError: for another ending.
        MissingExtraError: without matplotlib.
    """
    begun = on_shared_problems(measured)
    rows = {arm.label: summarize_outcomes(outcomes) for arm, outcomes in begun.items()}
    found = widest_pools(begun)
    bins = oracle_bins(found[1]) if found else None
    whole, by_bin = _divided(draw_plots(begun, found, bins))
    sections = [
        Section("Accuracy", _ACCURACY, (_accuracy(rows),), whole),
        Section("Cost", _COST, (_costs(rows),)),
        Section("Differences", _DIFFERENCES, (_differences(begun, origin.seed),)),
    ]
    if found and bins:
        sections.append(Section("By difficulty", _difficulty(begun, found, bins), (_bins(begun, bins),), by_bin))
        sections.append(Section("SamplePool", _POOL, (_curve(found[1]),)))
    write_report_page(path, "Evaluation", [*sections, _repeat(begun, origin)])


def report_plots(measured: CellOutcomes) -> list[Plot]:
    """Return the pictures of the report."""
    begun = on_shared_problems(measured)
    found = widest_pools(begun)
    return draw_plots(begun, found, oracle_bins(found[1]) if found else None)


def versions() -> str:
    """Return the versions of what had a part in the numbers, and the machine, a line each."""
    lines = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return "\n".join(lines)


_ACCURACY = (
    "95 % Wilson intervals. Of each setting's own candidates: random, a finished one taken at random; vote, the most "
    "frequent answer; best score, the highest score alone; pass@n, any of them (oracle). Lost: searches that failed, "
    "counted as wrong."
)
_COST = (
    "Means per problem. FLOPs are 2 x parameters x tokens; tokens that a cache served are counted, and cost none. "
    "Seconds are wall time with other searches beside it; a setting that reused samples has none of its own."
)
_DIFFERENCES = (
    "Points of accuracy, problem by problem, over the strategy before it at the same n and budget, else over the row "
    "before; 95 % paired bootstrap. An interval that holds 0 shows no difference."
)
_POOL = "Unbiased pass@k of the pool: the chance that one of k samples is right."


def _divided(found: Sequence[Plot]) -> tuple[tuple[Plot, ...], tuple[Plot, ...]]:
    return tuple(one for one in found if one.name != "bins"), tuple(one for one in found if one.name == "bins")


def _accuracy(rows: dict[str, SummaryRow]) -> Table:
    header = ("setting", "problems", "accuracy, %", "random", "vote", "best score", "pass@n", "lost")
    cells = (
        (name, str(row.problems), _share(row.accuracy, row.ci95), *map(_percent, _baselines(row)), str(row.failed))
        for name, row in rows.items()
    )
    return Table(header, tuple(cells))


def _baselines(row: SummaryRow) -> tuple[float | None, ...]:
    return row.random, row.majority, row.best_score, row.pass_at_n


def _costs(rows: dict[str, SummaryRow]) -> Table:
    header = ("setting", "prompt", "cached", "generated", "verifier", "generator FLOPs", "verifier FLOPs", "calls", "s")
    return Table(header, tuple((name, *_cost(row)) for name, row in rows.items()))


def _cost(row: SummaryRow) -> tuple[str, ...]:
    judged = row.mean_verifier_flops
    tokens = (row.mean_prompt_tokens, row.mean_cached_tokens, row.mean_generated_tokens, row.mean_verifier_tokens)
    return (
        *(f"{one:,.0f}" for one in tokens),
        _flops(row.mean_flops if judged is None else row.mean_flops - judged),
        "in the other" if judged is None else _flops(judged),
        f"{row.mean_calls:.1f}",
        "" if row.reused else f"{row.seconds:.2f}",
    )


def _differences(measured: CellOutcomes, seed: int) -> Table:
    found = paired_gains(measured, seed=seed)
    cells = ((one.arm.label, _share(one.difference.mean, one.difference.ci95, "+"), one.over.label) for one in found)
    return Table(("setting", "gain, points", "over"), tuple(cells))


def _difficulty(measured: CellOutcomes, drawn: tuple[GridCell, Sequence[SamplePool]], bins: DifficultyBins) -> str:
    arm, found = drawn
    least, lost = min(len(pool.samples) for pool in found), sum(not one.candidates for one in measured[arm])
    left_out = f" Problems left out, as every sample of them failed: {lost:,}." if lost else ""
    if short := len(measured[arm]) - len(found) - lost:
        left_out += f" Problems left out, as failures left them fewer than {FEWEST} samples: {short:,}."
    few = (
        "" if len(bins.members) == 5 else " Problems that are equally hard stay together, so there are fewer than five."
    )
    return (
        f"Accuracy in %, problems sorted by pass@1 over the samples of {arm.label} (at least {least} each): the "
        f"oracle's bins of Snell et al. (arXiv 2408.03314), the easiest first.{few}{left_out} The settings share these "
        "samples, so the easiest bin looks a little easier, and the hardest a little harder, than fresh samples would "
        "show."
    )


def _bins(measured: CellOutcomes, bins: DifficultyBins) -> Table:
    header = ("setting", *(f"bin {place + 1} ({len(members)})" for place, members in enumerate(bins.members)))
    rows = []
    for arm, outcomes in measured.items():
        inside = [[one.correct for one in outcomes if one.index in members] for members in bins.members]
        rows.append(
            (arm.label, *(_share(sum(one) / len(one), wilson(sum(one), len(one))) if one else "" for one in inside))
        )
    return Table(header, tuple(rows))


def _curve(found: Sequence[SamplePool]) -> Table:
    curve = pass_curve(found)
    return Table(("k", *map(str, curve)), (("pass@k, %", *map(_percent, curve.values())),))


def _repeat(measured: CellOutcomes, origin: Provenance) -> Section:
    outcomes = [one for found in measured.values() for one in found]
    calls, reused = total(one.spend for one in outcomes).calls, sum(one.reused for one in outcomes)
    problems = len({one.index for one in outcomes})
    text = (
        f"{problems:,} problems of {origin.data}, seed {origin.seed}, models: {origin.models}. {len(outcomes):,} "
        f"searches with {calls:,} calls, {reused:,} of them answered by what an earlier search of the problem had "
        f"drawn. Report of {origin.date}."
    )
    return Section("How to repeat it", text, verbatim=f"{origin.command}\n\n{versions()}")


def _share(share: float, ends: Interval, sign: str = "") -> str:
    return f"{_percent(share, sign)} [{_percent(ends.low, sign)}, {_percent(ends.high, sign)}]"


def _percent(share: float | None, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _flops(flops: float) -> str:
    return f"{flops:.3g}" if flops else "0"
