"""A language model as the judge of one solution: a letter from A to T, read as an expectation.

1. Show the model the conversation and the solution, and ask for a letter on each criterion, several times if wanted.
2. Take the expectation over the letters if the backend returns their distribution, otherwise the letter itself.
3. The score is (E - 1) / 19 with A = 20 ... T = 1, averaged over criteria and repeats (arXiv 2607.05391).

A reply without a letter is missing: it is left out and counted, never taken as a score of one half.
"""

import re
from collections.abc import Sequence

from its_graph.contracts import Candidate, Generator, Message, Sample, Verdict, Verifier
from its_graph.prm.judges.criteria import CORRECTNESS, CriteriaRequest
from its_graph.prm.judges.multi_request import flops_used, tokens_used
from its_graph.prm.judges.prompts import with_solution
from its_graph.prm.judges.reply_parsing import LETTER_LOGPROBS, SCALE, letter_score, mean_of_present

__all__ = ["PointwiseJudge"]

_SCORE = re.compile(r'(?:<score>\s*|"score"\s*:\s*")([A-T])(?=\s*(?:[<"]|$))', re.IGNORECASE)
_TASK = """Judge the solution above. {question}
{scale}
Think it through first, then end with the letter in tags, like this: <score>LETTER</score>"""
_LETTER_ONLY_TASK = """Judge the solution above. {question}
{scale}
Reply with nothing but the letter in tags, like this: <score>LETTER</score>"""


class PointwiseJudge(CriteriaRequest[Candidate, Verdict], Verifier):
    """Score a whole or partial solution by itself; its steps get no scores.

    Args:
        generator: the model that judges.
        criteria: questions about the solution; each one gets separate replies with one letter.
        repeats: replies for each criterion.
        letter_only: ask for the letter without reasoning before it, which costs a few tokens instead of hundreds.
        max_tokens: maximum number of tokens of a reply; None: 16 with `letter_only`, else the generator's own limit.
        temperature: sampling temperature; None: the generator's own, or 0 for a single reply per criterion.
        seed: seed of the replies. The same candidate gets the same verdict.

    Raises:
        ConfigurationError: there is no criterion, or `repeats` < 1.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import PointwiseJudge
        >>> from its_graph.testing import ScriptedGenerator
        >>> judge = PointwiseJudge(ScriptedGenerator(lambda request: "<score>A</score>"))
        >>> question = ({"role": "user", "content": "What is 2 + 3?"},)
        >>> judge.invoke(Candidate(messages=question, steps=("It is 5.",))).value
        1.0
    """

    alternatives = LETTER_LOGPROBS

    def __init__(
        self,
        generator: Generator,
        *,
        criteria: Sequence[str] = (CORRECTNESS,),
        repeats: int = 1,
        letter_only: bool = False,
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            generator,
            criteria=criteria,
            repeats=repeats,
            max_tokens=max_tokens or (16 if letter_only else None),
            temperature=temperature,
        )
        self._task = _LETTER_ONLY_TASK if letter_only else _TASK
        self._seed = seed

    def messages(self, input: Candidate, criterion: str) -> tuple[Message, ...]:
        """Ask for a letter about one criterion."""
        return with_solution(input, self._task.format(question=criterion, scale=SCALE))

    def seed_source(self, input: Candidate) -> tuple[int | None, str]:
        """Return the judge's seed and the candidate as text."""
        return self._seed, "/" + input.model_dump_json()

    def fold(self, input: Candidate, samples: Sequence[Sample | None]) -> Verdict:
        """Return the mean of the letters that could be parsed; None without any."""
        scores = [None if sample is None else letter_score(sample, _SCORE) for sample in samples]
        self.unparsed.add(scores.count(None))
        return Verdict(
            scores=(None,) * len(input.steps),
            value=mean_of_present(scores),
            tokens=tokens_used(samples),
            flops=flops_used(self.generator, self.requests(input), samples),
        )
