"""The release gate: accuracy on unseen problems that the models must reach before they ship, and reference figures.

All differences are paired by problem, with 95% bootstrap intervals. AUC is not used: only selection counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Generator, SampleRequest, Verifier
from its_graph.embedded.arithmetic import ArithmeticProblem, arithmetic_problems
from its_graph.embedded.dataset import user_message
from its_graph.embedded.selection import (
    SolutionPool,
    best_of_n_accuracy,
    majority_accuracy,
    paired_bootstrap,
    pass_at_n,
    random_score_accuracy,
    single_sample_accuracy,
    weighted_vote_accuracy,
)
from its_graph.graphs.beam_search import create_beam_search
from its_graph.graphs.dvts import create_dvts
from its_graph.seeds import derive_seed
from its_graph.text.answers import extract_answer
from its_graph.text.steps import split_steps

__all__ = ["GatePlan", "GateReport", "run_gate"]


@dataclass(frozen=True)
class GatePlan:
    """The size of the evaluation."""

    problems: int = 250
    samples: int = 32
    """Solutions sampled per problem; the rules use the first `n`, the comparison at equal tokens uses up to all."""
    n: int = 16
    temperature: float = 1.0
    seed: int = 7
    """Stream of test problems."""


@dataclass(frozen=True)
class GateReport:
    """The printed lines and the requirements."""

    lines: tuple[str, ...]
    checks: dict[str, bool]
    figures: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether every requirement holds."""
        return all(self.checks.values())

    def __str__(self) -> str:
        checks = (f"{'pass' if passed else 'FAIL'}  {name}" for name, passed in self.checks.items())
        return "\n".join([*self.lines, "", *checks])


class _Lines:
    """Collects the figures with their lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.figures: dict[str, float] = {}

    def add(self, name: str, first: Sequence[float], second: Sequence[float] | None = None) -> float:
        interval = paired_bootstrap(first, second)
        self.lines.append(f"{name:<52} {interval}")
        self.figures[name] = round(interval.mean, 2)
        return interval.mean


def run_gate(
    generator: Generator,
    verifier: Verifier,
    plan: GatePlan,
    *,
    others: Mapping[str, Verifier],
    verifier_alone: Generator,
    report: Callable[[str], None],
) -> GateReport:
    """Evaluate the models on unseen test problems.

    Args:
        generator: the embedded generator.
        verifier: the shipped verifier.
        plan: number of problems and samples.
        others: verifiers to compare with the shipped one, by name.
        verifier_alone: the verifier's language model as a generator: the accuracy of its greedy answers puts the
            accuracy of selection with it in perspective.
        report: called after each stage.
    """
    problems = list(arithmetic_problems(plan.problems, seed=plan.seed, split="test"))
    out = _Lines()
    pools = sample_pools(generator, problems, plan)
    report(f"sampled {plan.samples} solutions for each of {len(problems)} problems")
    small = [pool.first(plan.n) for pool in pools]
    votes = [majority_accuracy(pool) for pool in small]
    single = out.add("single", [single_sample_accuracy(pool) for pool in pools])
    vote = out.add(f"majority@{plan.n}", votes)
    out.add("generator greedy", _greedy(generator, problems))
    passed = out.add(f"pass@{plan.n} (oracle)", [pass_at_n(pool) for pool in small])
    out.add(f"random score, best-of-{plan.n}", [random_score_accuracy(pool) for pool in small])
    checks = {"single < majority": single < vote, f"pass@{plan.n} >= 85": passed >= 85}
    for name, scorer in {"shipped": verifier, **others}.items():
        scores = score_pools(scorer, problems, pools)
        gain, best = _selection_lines(out, name, small, scores, votes, plan.n)
        report(f"scored with {name}")
        if scorer is verifier:
            checks |= {"weighted vote >= majority + 5": gain >= 5, "best-of-N > majority": best > 0}
            checks["DVTS or beam >= best-of-N at equal tokens"] = _search_lines(
                out, generator, verifier, problems, pools, scores, plan
            )
            report("searched with DVTS and beam")
    out.add("verifier's own greedy answer", _greedy(verifier_alone, problems))
    return GateReport(tuple(out.lines), checks, out.figures)


def sample_pools(generator: Generator, problems: Sequence[ArithmeticProblem], plan: GatePlan) -> list[SolutionPool]:
    """Sample every problem; a truncated solution has no answer."""
    replies = generator.batch(
        [
            SampleRequest(
                messages=user_message(problem),
                n=plan.samples,
                temperature=plan.temperature,
                max_tokens=generator.max_tokens,
                seed=derive_seed(plan.seed, f"exam {index}"),
            )
            for index, problem in enumerate(problems)
        ]
    )
    return [
        SolutionPool(
            problem.answer,
            tuple(sample.text for sample in samples),
            tuple(extract_answer(sample.text) if sample.finish_reason == "end" else None for sample in samples),
            tuple(sample.generated_tokens for sample in samples),
        )
        for problem, samples in zip(problems, replies, strict=True)
    ]


def score_pools(
    verifier: Verifier, problems: Sequence[ArithmeticProblem], pools: Sequence[SolutionPool]
) -> list[list[float]]:
    """Return the verifier's value of every sample; 0 for a missing value."""
    candidates = [
        Candidate(messages=user_message(problem), steps=tuple(split_steps(text)), finished=True)
        for problem, pool in zip(problems, pools, strict=True)
        for text in pool.texts
    ]
    values = iter(verdict.value or 0.0 for verdict in verifier.batch(candidates))
    return [[next(values) for _ in pool.texts] for pool in pools]


def _selection_lines(
    out: _Lines,
    name: str,
    pools: Sequence[SolutionPool],
    scores: Sequence[Sequence[float]],
    votes: Sequence[float],
    n: int,
) -> tuple[float, float]:
    """Add the lines of one verifier, and return the gains of weighted vote and argmax over majority."""
    weighted = [weighted_vote_accuracy(pool, row[:n]) for pool, row in zip(pools, scores, strict=True)]
    best = [best_of_n_accuracy(pool, row[:n]) for pool, row in zip(pools, scores, strict=True)]
    out.add(f"{name}: weighted vote@{n}", weighted)
    out.add(f"{name}: best-of-{n}", best)
    gain = out.add(f"{name}: weighted vote - majority", weighted, votes)
    return gain, out.add(f"{name}: best-of-{n} - majority", best, votes)


def _search_lines(
    out: _Lines,
    generator: Generator,
    verifier: Verifier,
    problems: Sequence[ArithmeticProblem],
    pools: Sequence[SolutionPool],
    scores: Sequence[Sequence[float]],
    plan: GatePlan,
) -> bool:
    """Compare the library's step searches with best-of-N at equal generated tokens, all by weighted vote."""
    not_worse = False
    per_sample = sum(sum(pool.tokens) for pool in pools) / sum(len(pool.tokens) for pool in pools)
    for name, create in {"dvts": create_dvts, "beam_search": create_beam_search}.items():
        graph = create(generator, verifier, n=plan.n, width=max(1, plan.n // 4)).compile()
        replies: list[dict[str, Any]] = graph.batch(
            [{"problem": problem.text} for problem in problems],
            config={"max_concurrency": 32, "recursion_limit": 200},
            context=SearchContext(seed=plan.seed, temperature=plan.temperature),
        )
        right = [float(reply["answer"] == problem.answer) for reply, problem in zip(replies, problems, strict=True)]
        tokens = sum(reply["result"]["spend"]["generated_tokens"] for reply in replies) / len(replies)
        n = max(1, min(plan.samples, round(tokens / per_sample)))
        equal = [weighted_vote_accuracy(pool.first(n), row[:n]) for pool, row in zip(pools, scores, strict=True)]
        out.add(f"shipped: {name} {plan.n}/4, {tokens:.0f} tokens", right)
        out.add(f"shipped: weighted vote@{n}, {n * per_sample:.0f} tokens", equal)
        not_worse |= out.add(f"shipped: {name} - weighted vote@{n}", right, equal) >= 0
    return not_worse


def _greedy(generator: Generator, problems: Sequence[ArithmeticProblem]) -> list[float]:
    requests = [
        SampleRequest(messages=user_message(problem), temperature=0, max_tokens=generator.max_tokens, seed=0)
        for problem in problems
    ]
    replies = generator.batch(requests)
    return [
        float(extract_answer(samples[0].text) == problem.answer)
        for samples, problem in zip(replies, problems, strict=True)
    ]
