"""Language models as judges of several solutions side by side: a letter for each, or the best one's number.

Both are for the strategies that compare (tournament, knockout, gen_select), which shuffle what they show. A reply that
cannot be read is missing: it is left out and counted; a comparison without any readable reply has no opinion.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence

from its_graph.contracts import Comparison, Generator, Judge, Opinion, Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.counter import Counter
from its_graph.prm.judges.multi_request import MultiRequest, tokens_used
from its_graph.prm.judges.pointwise import CORRECTNESS
from its_graph.prm.judges.prompts import with_task
from its_graph.prm.judges.reply_parsing import LETTER_LOGPROBS, SCALE, mean_of_present, letter_score
from its_graph.seeds import derive_seed

__all__ = ["GenSelectJudge", "PairwiseJudge"]

_PAIRWISE = """Below are {count} solutions of the task above. Judge each of them. {question}
{scale}

{solutions}

Compare them step by step first, then end with a letter for each, in tags: {tags}"""

_GEN_SELECT = """Below are {count} solutions of the task above. {question} Find the best of them.

{solutions}

Compare them step by step first, then end with the number of the best one, on a line of its own:
BEST CANDIDATE: NUMBER"""
_BEST = re.compile(r"BEST CANDIDATE[\s:*#]*(-?\d+)", re.IGNORECASE)

OpinionScores = Sequence[float | None]


class _SideBySide(MultiRequest[Comparison, Opinion], Judge):
    """What the two have in common: one request for each criterion and repeat, and the mean of what could be read.

    Args:
        generator: the model that judges.
        criteria: what it is asked to look at, in replies of their own.
        repeats: replies for each criterion.
        max_tokens: longest reply; the generator's own limit where None.
        temperature: of the replies; the generator's own where None, and 0 where there is one reply for a criterion.
    """

    _alternatives = 0

    def __init__(
        self,
        generator: Generator,
        *,
        criteria: Sequence[str] = (CORRECTNESS,),
        repeats: int = 1,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> None:
        if not criteria or repeats < 1:
            raise ConfigurationError(
                f"A judge needs at least one criterion and one repeat, given {len(criteria)} and {repeats}."
            )
        self.generator = generator
        self.parameters = generator.parameters
        self.unread = Counter()
        """Scores that no reply told, since the judge was made."""
        self._criteria = tuple(criteria)
        self._repeats = repeats
        self._max_tokens = max_tokens or generator.max_tokens
        own = generator.temperature if repeats > 1 else 0.0
        self._temperature = own if temperature is None else temperature

    @abstractmethod
    def task(self, criterion: str, texts: Sequence[str]) -> str:
        """Return what the model is told to do."""

    @abstractmethod
    def read(self, sample: Sample, count: int) -> OpinionScores:
        """Return the score of each of `count` solutions in one reply."""

    def requests(self, question: Comparison) -> list[SampleRequest]:
        """Return one request for each criterion and repeat."""
        seed = question.seed
        return [
            SampleRequest(
                messages=with_task(question.messages, self.task(criterion, question.texts)),
                max_tokens=self._max_tokens,
                temperature=self._temperature,
                seed=None if seed is None else derive_seed(seed, f"{number}/{repeat}"),
                alternatives=self._alternatives,
            )
            for number, criterion in enumerate(self._criteria)
            for repeat in range(self._repeats)
        ]

    def fold(self, question: Comparison, samples: Sequence[Sample | None]) -> Opinion:
        """Return each solution's mean over the replies that scored it."""
        count = len(question.texts)
        rows = [(None,) * count if sample is None else self.read(sample, count) for sample in samples]
        self.unread.add(sum(score is None for row in rows for score in row))
        scores = tuple(mean_of_present([row[place] for row in rows]) for place in range(count))
        return Opinion(scores=scores, tokens=tokens_used(samples))


class PairwiseJudge(_SideBySide):
    """A letter from A to T for each of two or more solutions, read as an expectation (arXiv 2607.05391).

    The score is (E - 1) / 19 with A = 20 ... T = 1. Where the backend does not tell the distribution at a letter, the
    letter itself counts.
    """

    _alternatives = LETTER_LOGPROBS

    def task(self, criterion: str, texts: Sequence[str]) -> str:
        """Ask for a letter for each solution."""
        tags = "".join(f"<score_{number}>LETTER</score_{number}>" for number in range(1, len(texts) + 1))
        return _PAIRWISE.format(count=len(texts), question=criterion, scale=SCALE, solutions=_listed(texts), tags=tags)

    def read(self, sample: Sample, count: int) -> OpinionScores:
        """Return the expected score of each letter, None where there is none."""
        return [letter_score(sample, _tagged(number)) for number in range(1, count + 1)]


class GenSelectJudge(_SideBySide):
    """The number of the best solution: 1 for the one that is named and 0 for the others, averaged over the replies.

    A number that belongs to no solution is a reply that cannot be read (GenSelect, arXiv 2602.02143).
    """

    def task(self, criterion: str, texts: Sequence[str]) -> str:
        """Ask for the best one's number."""
        return _GEN_SELECT.format(count=len(texts), question=criterion, solutions=_listed(texts))

    def read(self, sample: Sample, count: int) -> OpinionScores:
        """Return a one-hot of the last number named, or no opinion."""
        named = _BEST.findall(sample.text)
        best = int(named[-1]) if named else 0
        if not 1 <= best <= count:
            return [None] * count
        return [float(number == best) for number in range(1, count + 1)]


def _listed(texts: Sequence[str]) -> str:
    return "\n\n".join(
        f"<solution_{number}>\n{text.strip()}\n</solution_{number}>" for number, text in enumerate(texts, 1)
    )


def _tagged(number: int) -> re.Pattern[str]:
    return re.compile(rf'(?:<score_{number}>\s*|"score_{number}"\s*:\s*")([A-T])(?=\s*(?:[<"]|$))', re.IGNORECASE)
