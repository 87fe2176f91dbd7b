r"""Verifiers that write before they judge: K chains of verification for every candidate.

GenerativePRM (ThinkPRM, arXiv 2504.16828): a chain goes through the solution step by step and closes each with
`\boxed{correct}` or `\boxed{incorrect}`. The first incorrect step is where the solution went wrong; nothing is known
about the steps after it. A step's score is the share of chains that found it correct, among those that judged it; the
solution's is the share that found no error.

GenRM (2408.15240): a chain ends with Yes or No; the score is the mean of P(Yes) over the chains.

A chain that cannot be read is dropped and counted. Writing K chains costs far more than reading once: at small budgets
the same compute is better spent on more samples and a vote (2504.01005).
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from its_graph.contracts import Candidate, Generator, Message, Sample, SampleRequest, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.counter import Counter
from its_graph.prm.judges.multi_request import MultiRequest, flops_used, tokens_used
from its_graph.prm.judges.prompts import last_user_text, with_solution
from its_graph.prm.judges.reply_parsing import LETTER_LOGPROBS, YES_NO, distribution, expectation, mean_of_present
from its_graph.seeds import derive_seed

__all__ = [
    "GenRM",
    "GenerativePRM",
    "VerificationPrompt",
    "first_error",
    "step_judgments",
    "step_prompt",
    "yes_no_prompt",
]

VerificationPrompt: TypeAlias = Callable[[Candidate], tuple[Message, ...]]
"""Writes what the verifying model is asked about a candidate."""

_LEAD = "\nLet's verify step by step:"
_BOX = re.compile(r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm)\s*\{\s*)?(correct|incorrect)\s*\}", re.IGNORECASE)
_HEADER = re.compile(r"^[\s*#>-]*Step\s+(\d+)\b", re.IGNORECASE | re.MULTILINE)
_OLD_LABEL = re.compile(r"^[\s*#]*Step\s+\d+[\s*]*[:.][\s*]*", re.IGNORECASE)
_ANSWER = re.compile(r"Is the solution correct\s*\(Yes/No\)\s*\?[\s*]*(Yes|No)\b", re.IGNORECASE)


def step_prompt(candidate: Candidate) -> tuple[Message, ...]:
    """Ask for a judgment of each step: the problem, the numbered steps one a line, what to do."""
    steps = "\n".join(
        f"Step {number}: {' '.join(_OLD_LABEL.sub('', step).split())}" for number, step in enumerate(candidate.steps, 1)
    )
    task = (
        "Check each step of the solution in turn. Write `Step k:`, what you find, and then \\boxed{correct} or "
        "\\boxed{incorrect}. Stop after the first incorrect step. The solution may be unfinished: judge only the "
        "steps that are there."
    )
    content = f"[Math Problem]\n\n{last_user_text(candidate.messages)}\n\n[Solution]\n\n{steps}\n\n{task}"
    return ({"role": "user", "content": content},)


def yes_no_prompt(candidate: Candidate) -> tuple[Message, ...]:
    """Ask for a verification that ends with Yes or No."""
    return with_solution(
        candidate,
        "Verify the solution above step by step. Then end with this line, completed by Yes or No:\n"
        "Is the solution correct (Yes/No)?",
    )


class _Chains(MultiRequest[Candidate, Verdict], Verifier):
    """What the two have in common: K requests that differ in their seeds.

    Args:
        generator: the model that verifies.
        chains: K. One chain at `temperature=0` is the greedy verification.
        prompt: what it is asked.
        max_tokens: longest chain; the generator's own limit where None.
        temperature: of the chains; 0.4 as in ThinkPRM's parallel scaling.
        seed: of the chains. The same candidate gets the same verdict.
    """

    _prompt: VerificationPrompt

    def __init__(
        self,
        generator: Generator,
        *,
        chains: int = 4,
        prompt: VerificationPrompt | None = None,
        max_tokens: int | None = None,
        temperature: float = 0.4,
        seed: int = 0,
    ) -> None:
        if chains < 1:
            raise ConfigurationError(f"A generative verifier needs at least one chain, given {chains}.")
        self.generator = generator
        self.parameters = generator.parameters
        self.unread = Counter()
        """Chains that could not be read, and requests that failed, since the verifier was made."""
        self._chains = chains
        self._prompt = prompt or type(self)._prompt
        self._max_tokens = max_tokens or generator.max_tokens
        self._temperature = temperature
        self._seed = seed

    def requests(self, question: Candidate) -> list[SampleRequest]:
        """Return one request for each chain."""
        messages, key = self._prompt(question), question.model_dump_json()
        base = SampleRequest(messages=messages, max_tokens=self._max_tokens, temperature=self._temperature)
        asked = base.model_copy(update=self.details(question))
        return [
            asked.model_copy(update={"seed": derive_seed(self._seed, f"{chain}/{key}")})
            for chain in range(self._chains)
        ]

    @abstractmethod
    def details(self, candidate: Candidate) -> dict[str, object]:
        """Return the fields of a request that are this verifier's own."""

    def verdict(
        self,
        candidate: Candidate,
        samples: Sequence[Sample | None],
        *,
        scores: Sequence[float | None],
        values: Sequence[float | None],
    ) -> Verdict:
        """Return the verdict of chains with these `values`; those without one are dropped and counted."""
        self.unread.add(sum(value is None for value in values))
        return Verdict(
            scores=tuple(scores),
            value=mean_of_present(values),
            tokens=tokens_used(samples),
            flops=flops_used(self.generator, self.requests(candidate), samples),
        )


class GenerativePRM(_Chains):
    """Judge each step by K verification chains (ThinkPRM, arXiv 2504.16828)."""

    _prompt = staticmethod(step_prompt)

    def details(self, candidate: Candidate) -> dict[str, object]:
        """Lead the model into checking, where it can be led; end a chain that goes beyond the last step."""
        after_the_last = f"Step {len(candidate.steps) + 1}:"
        return {"prefix": _LEAD if self.generator.can_continue else "", "stop": (after_the_last,)}

    def fold(self, question: Candidate, samples: Sequence[Sample | None]) -> Verdict:
        """Return the share of chains that found each step, and the whole, correct."""
        count = len(question.steps)
        chains = [[None] * count if sample is None else step_judgments(sample.text, count) for sample in samples]
        scores = [mean_of_present([row[step] for row in chains]) for step in range(count)]
        return self.verdict(question, samples, scores=scores, values=[_value(row) for row in chains])


class GenRM(_Chains):
    """Judge a solution as a whole by the mean of P(Yes) over K verification chains (arXiv 2408.15240)."""

    _prompt = staticmethod(yes_no_prompt)

    def details(self, candidate: Candidate) -> dict[str, object]:
        """Ask for the distribution over Yes and No."""
        return {"alternatives": LETTER_LOGPROBS}

    def fold(self, question: Candidate, samples: Sequence[Sample | None]) -> Verdict:
        """Return the mean of P(Yes), taken from the distribution where the backend tells it, else 1 or 0."""
        values = [
            None if sample is None else expectation(distribution(sample, _ANSWER, YES_NO), YES_NO) for sample in samples
        ]
        return self.verdict(question, samples, scores=(None,) * len(question.steps), values=values)


def step_judgments(chain: str, steps: int) -> list[bool | None]:
    """Return what a chain says of each step: True, False, or None where it says nothing or comes after an error.

    A judgment belongs to the step whose heading (`Step k`) stands before it, the last one there if there are several;
    without any heading the judgments are taken in order.
    """
    said: dict[int, bool] = {}
    headers = [(match.start(), int(match[1]) - 1) for match in _HEADER.finditer(chain)]
    for place, box in enumerate(_BOX.finditer(chain)):
        before = [step for start, step in headers if start < box.start()]
        step = before[-1] if before else place
        if before or not headers:
            said[step] = box[1].lower() == "correct"
    judged = [said.get(step) for step in range(steps)]
    error = first_error(judged)
    return judged if error is None else judged[: error + 1] + [None] * (steps - error - 1)


def first_error(judgments: Sequence[bool | None]) -> int | None:
    """Return the index of the first incorrect step, from 0; None where there is none."""
    return next((step for step, correct in enumerate(judgments) if correct is False), None)


def _value(judgments: Sequence[bool | None]) -> float | None:
    """Return 0 where there is an error, 1 where every step is correct, None where a judgment is missing."""
    if first_error(judgments) is not None:
        return 0.0
    return 1.0 if judgments and all(judgments) else None
