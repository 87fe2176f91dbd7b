"""A language model as the judge of one solution: a letter from A to T, read as an expectation.

1. Show the model the conversation and the solution, and ask for a letter on each criterion, several times if wanted.
2. Where the backend tells the distribution at the letter, take its expectation, else the letter itself.
3. The score is (E - 1) / 19 with A = 20 ... T = 1, averaged over criteria and repeats (arXiv 2607.05391).

A reply without a letter is missing: it is left out and counted, never taken as a score of one half.
"""

import re
from collections.abc import Sequence

from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.counter import Counter
from its_graph.prm.judges.multi_request import MultiRequest, flops_used, tokens_used
from its_graph.prm.judges.prompts import with_solution
from its_graph.prm.judges.reply_parsing import LETTER_LOGPROBS, SCALE, mean_of_present, letter_score
from its_graph.seeds import derive_seed

__all__ = ["CORRECTNESS", "PointwiseJudge"]

CORRECTNESS = "Is the solution correct, and does it answer what was asked?"

_SCORE = re.compile(r'(?:<score>\s*|"score"\s*:\s*")([A-T])(?=\s*(?:[<"]|$))', re.IGNORECASE)
_TASK = """Judge the solution above. {question}
{scale}
Think it through first, then end with the letter in tags, like this: <score>LETTER</score>"""
_TASK_AT_ONCE = """Judge the solution above. {question}
{scale}
Reply with nothing but the letter in tags, like this: <score>LETTER</score>"""


class PointwiseJudge(MultiRequest[Candidate, Verdict], Verifier):
    """Judge a whole or partial solution by itself; steps get no scores of their own.

    Args:
        generator: the model that judges.
        criteria: questions on which it gives a letter each, in replies of their own.
        repeats: replies for each criterion.
        at_once: ask for the letter without any thinking before it, which costs a few tokens instead of hundreds.
        max_tokens: longest reply; the generator's own limit where None.
        temperature: of the replies; the generator's own where None, and 0 where there is one reply for a criterion.
        seed: of the replies. The same candidate gets the same verdict.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        criteria: Sequence[str] = (CORRECTNESS,),
        repeats: int = 1,
        at_once: bool = False,
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> None:
        if not criteria or repeats < 1:
            raise ConfigurationError(
                f"A judge needs at least one criterion and one repeat, given {len(criteria)} and {repeats}."
            )
        self.generator = generator
        self.parameters = generator.parameters
        self.unread = Counter()
        """Replies without a letter, and requests that failed, since the judge was made."""
        self._criteria = tuple(criteria)
        self._repeats = repeats
        self._task = _TASK_AT_ONCE if at_once else _TASK
        self._max_tokens = max_tokens or (16 if at_once else generator.max_tokens)
        own = generator.temperature if repeats > 1 else 0.0
        self._temperature = own if temperature is None else temperature
        self._seed = seed

    def requests(self, question: Candidate) -> list[SampleRequest]:
        """Return one request for each criterion and repeat."""
        key = question.model_dump_json()
        return [
            SampleRequest(
                messages=with_solution(question, self._task.format(question=criterion, scale=SCALE)),
                max_tokens=self._max_tokens,
                temperature=self._temperature,
                seed=derive_seed(self._seed, f"{number}/{repeat}/{key}"),
                alternatives=LETTER_LOGPROBS,
            )
            for number, criterion in enumerate(self._criteria)
            for repeat in range(self._repeats)
        ]

    def fold(self, question: Candidate, samples: Sequence[Sample | None]) -> Verdict:
        """Return the mean of the letters that could be read; None where there is none."""
        scores = [None if sample is None else letter_score(sample, _SCORE) for sample in samples]
        self.unread.add(scores.count(None))
        return Verdict(
            scores=(None,) * len(question.steps),
            value=mean_of_present(scores),
            tokens=tokens_used(samples),
            flops=flops_used(self.generator, self.requests(question), samples),
        )
