"""The report of an evaluation: accuracy and cost, overall and by difficulty, and how to reproduce it."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from its_graph.budget import total
from its_graph.evaluation.pools import (
    MIN_POOL_SAMPLES,
    DifficultyBins,
    SamplePool,
    oracle_bins,
    pass_curve,
    widest_pools,
)
from its_graph.evaluation.reports.page import Section, Table, write_report_page
from its_graph.evaluation.reports.paired_gains import paired_gains
from its_graph.evaluation.reports.plots import CellPools, Plot, draw_plots
from its_graph.evaluation.reports.series import CellOutcomes, on_shared_problems
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
    """Everything needed to reproduce an evaluation."""

    command: str
    data: str
    """Name or path of the problems."""
    models: str
    seed: int
    date: str
    """Of the report, ISO 8601."""


def write_report(path: Path, measured: CellOutcomes, provenance: Provenance) -> None:
    """Write the report on the problems that all cells have completed, in the format of the path's suffix.

    Raises:
        ConfigurationError: the suffix is neither .md nor .html.
        MissingExtraError: matplotlib is not installed.
    """
    shared = on_shared_problems(measured)
    rows = {cell.label: summarize_outcomes(outcomes) for cell, outcomes in shared.items()}
    cell_pools = widest_pools(shared)
    bins = oracle_bins(cell_pools[1]) if cell_pools else None
    overall_plots, bin_plots = _split_plots(draw_plots(shared, cell_pools, bins))
    sections = [
        Section("Accuracy", _ACCURACY, (_accuracy_table(rows),), overall_plots),
        Section("Cost", _COST, (_cost_table(rows),)),
        Section("Differences", _DIFFERENCES, (_difference_table(shared, provenance.seed),)),
    ]
    if cell_pools and bins:
        text = _difficulty_text(shared, cell_pools, bins)
        sections.append(Section("By difficulty", text, (_bin_table(shared, bins),), bin_plots))
        sections.append(Section("Pool", _POOL, (_pass_table(cell_pools[1]),)))
    write_report_page(path, "Evaluation", [*sections, _reproduction(shared, provenance)])


def report_plots(measured: CellOutcomes) -> list[Plot]:
    """Return the plots of the report."""
    shared = on_shared_problems(measured)
    cell_pools = widest_pools(shared)
    return draw_plots(shared, cell_pools, oracle_bins(cell_pools[1]) if cell_pools else None)


def versions() -> str:
    """Return the machine and the versions of all packages that affect the numbers, one per line."""
    lines = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return "\n".join(lines)


_ACCURACY = (
    "95 % Wilson intervals. Among the candidates of each config: random is a random finished one; vote, the most "
    "frequent answer; best score, the one with the highest score; pass@n, any of them (oracle). Failed searches count "
    "as incorrect."
)
_COST = (
    "Means per problem. FLOPs are 2 x parameters x tokens; cached tokens are counted but cost none. Seconds are wall "
    "time while other searches run concurrently; a config that reused samples has no time of its own."
)
_DIFFERENCES = (
    "Percentage points of accuracy, paired by problem, over the previous strategy at the same n and budget, or else "
    "over the previous row; 95 % paired bootstrap. An interval that contains 0 shows no difference."
)
_POOL = "Unbiased pass@k of the pool: the probability that one of k samples is correct."


def _split_plots(plots: Sequence[Plot]) -> tuple[tuple[Plot, ...], tuple[Plot, ...]]:
    overall = tuple(plot for plot in plots if plot.name != "bins")
    return overall, tuple(plot for plot in plots if plot.name == "bins")


def _accuracy_table(rows: dict[str, SummaryRow]) -> Table:
    header = ("config", "problems", "accuracy, %", "random", "vote", "best score", "pass@n", "failed")
    cells = (
        (name, str(row.problems), _share(row.accuracy, row.ci95), *map(_percent, _baselines(row)), str(row.failed))
        for name, row in rows.items()
    )
    return Table(header, tuple(cells))


def _baselines(row: SummaryRow) -> tuple[float | None, ...]:
    return row.random, row.majority, row.best_score, row.pass_at_n


def _cost_table(rows: dict[str, SummaryRow]) -> Table:
    header = ("config", "prompt", "cached", "generated", "verifier", "generator FLOPs", "verifier FLOPs", "calls", "s")
    return Table(header, tuple((name, *_cost_cells(row)) for name, row in rows.items()))


def _cost_cells(row: SummaryRow) -> tuple[str, ...]:
    verifier_flops = row.mean_verifier_flops
    tokens = (row.mean_prompt_tokens, row.mean_cached_tokens, row.mean_generated_tokens, row.mean_verifier_tokens)
    return (
        *(f"{mean:,.0f}" for mean in tokens),
        _flops(row.mean_flops if verifier_flops is None else row.mean_flops - verifier_flops),
        "included" if verifier_flops is None else _flops(verifier_flops),
        f"{row.mean_calls:.1f}",
        "" if row.reused else f"{row.seconds:.2f}",
    )


def _difference_table(measured: CellOutcomes, seed: int) -> Table:
    gains = paired_gains(measured, seed=seed)
    cells = (
        (gain.cell.label, _share(gain.difference.mean, gain.difference.ci95, "+"), gain.baseline.label)
        for gain in gains
    )
    return Table(("config", "gain, points", "over"), tuple(cells))


def _difficulty_text(measured: CellOutcomes, cell_pools: CellPools, bins: DifficultyBins) -> str:
    cell, pools = cell_pools
    smallest = min(len(pool.samples) for pool in pools)
    failed = sum(not outcome.candidates for outcome in measured[cell])
    omitted = f" Problems omitted because all of their samples failed: {failed:,}." if failed else ""
    if short := len(measured[cell]) - len(pools) - failed:
        omitted += f" Problems omitted because failures left fewer than {MIN_POOL_SAMPLES} samples: {short:,}."
    fewer_bins = (
        "" if len(bins.members) == 5 else " Equally difficult problems share a bin, so there are fewer than five."
    )
    return (
        f"Accuracy in %, with problems grouped by pass@1 over the samples of {cell.label} (at least {smallest} each): "
        f"the oracle bins of Snell et al. (arXiv 2408.03314), the easiest first.{fewer_bins}{omitted} The configs "
        "share these samples, so the easiest bin looks slightly easier, and the hardest slightly harder, than with "
        "fresh samples."
    )


def _bin_table(measured: CellOutcomes, bins: DifficultyBins) -> Table:
    header = ("config", *(f"bin {number} ({len(members)})" for number, members in enumerate(bins.members, start=1)))
    rows = []
    for cell, outcomes in measured.items():
        by_bin = [[outcome.correct for outcome in outcomes if outcome.index in members] for members in bins.members]
        shares = (
            _share(sum(correct) / len(correct), wilson(sum(correct), len(correct))) if correct else ""
            for correct in by_bin
        )
        rows.append((cell.label, *shares))
    return Table(header, tuple(rows))


def _pass_table(pools: Sequence[SamplePool]) -> Table:
    curve = pass_curve(pools)
    return Table(("k", *map(str, curve)), (("pass@k, %", *map(_percent, curve.values())),))


def _reproduction(measured: CellOutcomes, provenance: Provenance) -> Section:
    outcomes = [outcome for cell_outcomes in measured.values() for outcome in cell_outcomes]
    calls, reused = total(outcome.spend for outcome in outcomes).calls, sum(outcome.reused for outcome in outcomes)
    problems = len({outcome.index for outcome in outcomes})
    text = (
        f"{problems:,} problems of {provenance.data}, seed {provenance.seed}, models: {provenance.models}. "
        f"{len(outcomes):,} searches with {calls:,} calls, {reused:,} of them answered from an earlier search of the "
        f"same problem. Report of {provenance.date}."
    )
    return Section("How to reproduce", text, verbatim=f"{provenance.command}\n\n{versions()}")


def _share(share: float, ends: Interval, sign: str = "") -> str:
    return f"{_percent(share, sign)} [{_percent(ends.low, sign)}, {_percent(ends.high, sign)}]"


def _percent(share: float | None, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _flops(flops: float) -> str:
    return f"{flops:.3g}" if flops else "0"
