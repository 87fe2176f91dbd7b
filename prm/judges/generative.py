r"""Verifiers that generate text before they score: K verification chains of thought for every candidate.

GenerativePRM (ThinkPRM, arXiv 2504.16828): a chain checks the solution step by step and ends each check with
`\boxed{correct}` or `\boxed{incorrect}`. The first incorrect step is the error of the solution; the steps after it are
not judged. A step's score is the share of chains that judged it correct, among those that judged it; the solution's
score is the share that found no error.

GenRM (2408.15240): a chain ends with Yes or No; the score is the mean of P(Yes) over the chains.

A chain that cannot be parsed is dropped and counted. Generating K chains costs far more than reading the solution once:
at small budgets the same compute is better spent on more samples and a vote (2504.01005).
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
"""Builds the prompt of the verifying model for a candidate."""

_LEAD = "\nLet's verify step by step:"
_BOX = re.compile(r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm)\s*\{\s*)?(correct|incorrect)\s*\}", re.IGNORECASE)
_HEADER = re.compile(r"^[\s*#>-]*Step\s+(\d+)\b", re.IGNORECASE | re.MULTILINE)
_LABEL = re.compile(r"^[\s*#]*Step\s+\d+[\s*]*[:.][\s*]*", re.IGNORECASE)
_ANSWER = re.compile(r"Is the solution correct\s*\(Yes/No\)\s*\?[\s*]*(Yes|No)\b", re.IGNORECASE)


def step_prompt(candidate: Candidate) -> tuple[Message, ...]:
    """Ask for a judgment of each step: the problem, the numbered steps, one per line, and the instructions."""
    steps = "\n".join(
        f"Step {number}: {' '.join(_LABEL.sub('', step).split())}" for number, step in enumerate(candidate.steps, 1)
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


class _GenerativeVerifier(MultiRequest[Candidate, Verdict], Verifier):
    """Base of both: K requests that differ in their seeds."""

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
            raise ConfigurationError(f"chains must be >= 1; got {chains}.")
        self.generator = generator
        self.parameters = generator.parameters
        self.unparsed = Counter()
        """Chains that could not be parsed, failed requests included, since the verifier was created."""
        self._chains = chains
        self._prompt = prompt or type(self)._prompt
        self._max_tokens = max_tokens or generator.max_tokens
        self._temperature = temperature
        self._seed = seed

    def requests(self, input: Candidate) -> list[SampleRequest]:
        """Return one request for each chain."""
        messages, key = self._prompt(input), input.model_dump_json()
        base = SampleRequest(messages=messages, max_tokens=self._max_tokens, temperature=self._temperature)
        request = base.model_copy(update=self.request_fields(input))
        return [
            request.model_copy(update={"seed": derive_seed(self._seed, f"{chain}/{key}")})
            for chain in range(self._chains)
        ]

    @abstractmethod
    def request_fields(self, candidate: Candidate) -> dict[str, object]:
        """Return the request fields that are specific to this verifier."""

    def verdict(
        self,
        candidate: Candidate,
        samples: Sequence[Sample | None],
        *,
        scores: Sequence[float | None],
        values: Sequence[float | None],
    ) -> Verdict:
        """Return the verdict of chains with these `values`; chains without a value are dropped and counted."""
        self.unparsed.add(sum(value is None for value in values))
        return Verdict(
            scores=tuple(scores),
            value=mean_of_present(values),
            tokens=tokens_used(samples),
            flops=flops_used(self.generator, self.requests(candidate), samples),
        )


class GenerativePRM(_GenerativeVerifier):
    r"""Score each step with K verification chains (ThinkPRM, arXiv 2504.16828).

    Args:
        generator: the model that verifies.
        chains: K, at least 1. One chain at `temperature=0` is greedy verification.
        prompt: builds the prompt for a candidate; default: `step_prompt`.
        max_tokens: maximum number of tokens of a chain; None: the generator's own limit.
        temperature: sampling temperature of the chains; 0.4 as in ThinkPRM's parallel scaling.
        seed: seed of the chains. The same candidate gets the same verdict.

    Raises:
        ConfigurationError: `chains` < 1.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import GenerativePRM
        >>> from its_graph.testing import ScriptedGenerator
        >>> reply = "Step 1: \\boxed{correct}\nStep 2: \\boxed{incorrect}"
        >>> verifier = GenerativePRM(ScriptedGenerator(lambda request: reply))
        >>> question = ({"role": "user", "content": "What is 2 + 3 - 1?"},)
        >>> verdict = verifier.invoke(Candidate(messages=question, steps=("2 + 3 = 5", "5 - 1 = 3")))
        >>> verdict.scores, verdict.value
        ((1.0, 0.0), 0.0)
    """

    _prompt = staticmethod(step_prompt)

    def request_fields(self, candidate: Candidate) -> dict[str, object]:
        """Begin the chain for generators that can continue text; stop a chain after the last step."""
        next_label = f"Step {len(candidate.steps) + 1}:"
        return {"prefix": _LEAD if self.generator.can_continue else "", "stop": (next_label,)}

    def fold(self, input: Candidate, samples: Sequence[Sample | None]) -> Verdict:
        """Return the share of chains that judged each step, and the whole solution, correct."""
        count = len(input.steps)
        chains = [[None] * count if sample is None else step_judgments(sample.text, count) for sample in samples]
        scores = [mean_of_present([chain[step] for chain in chains]) for step in range(count)]
        return self.verdict(input, samples, scores=scores, values=[_value(chain) for chain in chains])


class GenRM(_GenerativeVerifier):
    """Score a solution by the mean of P(Yes) over K verification chains (arXiv 2408.15240); steps get no scores.

    Args:
        generator: the model that verifies.
        chains: K, at least 1. One chain at `temperature=0` is greedy verification.
        prompt: builds the prompt for a candidate; default: `yes_no_prompt`.
        max_tokens: maximum number of tokens of a chain; None: the generator's own limit.
        temperature: sampling temperature of the chains; 0.4 as in ThinkPRM's parallel scaling.
        seed: seed of the chains. The same candidate gets the same verdict.

    Raises:
        ConfigurationError: `chains` < 1.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import GenRM
        >>> from its_graph.testing import ScriptedGenerator
        >>> replies = iter(["Is the solution correct (Yes/No)? Yes", "Is the solution correct (Yes/No)? No"])
        >>> verifier = GenRM(ScriptedGenerator(lambda request: next(replies)), chains=2)
        >>> question = ({"role": "user", "content": "What is 2 + 3?"},)
        >>> verifier.invoke(Candidate(messages=question, steps=("It is 5.",))).value
        0.5
    """

    _prompt = staticmethod(yes_no_prompt)

    def request_fields(self, candidate: Candidate) -> dict[str, object]:
        """Request the distribution over Yes and No."""
        return {"alternatives": LETTER_LOGPROBS}

    def fold(self, input: Candidate, samples: Sequence[Sample | None]) -> Verdict:
        """Return the mean of P(Yes), from the distribution if the backend returns it, otherwise 1 or 0."""
        values = [
            None if sample is None else expectation(distribution(sample, _ANSWER, YES_NO), YES_NO) for sample in samples
        ]
        return self.verdict(input, samples, scores=(None,) * len(input.steps), values=values)


def step_judgments(chain: str, steps: int) -> list[bool | None]:
    """Return a chain's judgment of each step: True, False, or None if it is missing or follows an error.

    A judgment belongs to the step of the last heading (`Step k`) before it, and a later judgment of the same step
    replaces an earlier one. Without headings the judgments are taken in order.
    """
    judgments: dict[int, bool] = {}
    headers = [(match.start(), int(match[1]) - 1) for match in _HEADER.finditer(chain)]
    for index, box in enumerate(_BOX.finditer(chain)):
        before = [step for start, step in headers if start < box.start()]
        step = before[-1] if before else index
        if before or not headers:
            judgments[step] = box[1].lower() == "correct"
    row = [judgments.get(step) for step in range(steps)]
    error = first_error(row)
    return row if error is None else row[: error + 1] + [None] * (steps - error - 1)


def first_error(judgments: Sequence[bool | None]) -> int | None:
    """Return the index of the first incorrect step, from 0; None without an error."""
    return next((step for step, correct in enumerate(judgments) if correct is False), None)


def _value(judgments: Sequence[bool | None]) -> float | None:
    """Return 0 if there is an error, 1 if every step is correct, None if a judgment is missing."""
    if first_error(judgments) is not None:
        return 0.0
    return 1.0 if judgments and all(judgments) else None
