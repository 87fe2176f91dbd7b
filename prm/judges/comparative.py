"""Language models as judges that compare several solutions: a letter for each, or the number of the best one.

Both are for the strategies that compare (tournament, knockout, gen_select), which shuffle the solutions they show. A
reply that cannot be parsed is missing: it is left out and counted. A comparison without any parsed reply has no
opinion.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence

from its_graph.contracts import Comparison, Judge, Message, Opinion, Sample
from its_graph.prm.judges.criteria import CriteriaRequest
from its_graph.prm.judges.multi_request import tokens_used
from its_graph.prm.judges.prompts import with_task
from its_graph.prm.judges.reply_parsing import LETTER_LOGPROBS, SCALE, letter_score, mean_of_present

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


class _ComparativeJudge(CriteriaRequest[Comparison, Opinion], Judge):
    """Base of both: the score of a solution is the mean over the replies that could be parsed."""

    @abstractmethod
    def task(self, criterion: str, texts: Sequence[str]) -> str:
        """Return the instructions about one criterion."""

    @abstractmethod
    def parse(self, sample: Sample, count: int) -> Sequence[float | None]:
        """Return the scores of `count` solutions in one reply."""

    def messages(self, input: Comparison, criterion: str) -> tuple[Message, ...]:
        """Return the conversation, followed by the instructions."""
        return with_task(input.messages, self.task(criterion, input.texts))

    def seed_source(self, input: Comparison) -> tuple[int | None, str]:
        """Return the seed of the comparison."""
        return input.seed, ""

    def fold(self, input: Comparison, samples: Sequence[Sample | None]) -> Opinion:
        """Return the mean score of each solution over the replies that scored it."""
        count = len(input.texts)
        rows = [(None,) * count if sample is None else self.parse(sample, count) for sample in samples]
        self.unparsed.add(sum(score is None for row in rows for score in row))
        scores = tuple(mean_of_present([row[index] for row in rows]) for index in range(count))
        return Opinion(scores=scores, tokens=tokens_used(samples))


class PairwiseJudge(_ComparativeJudge):
    """Score two or more solutions with a letter from A to T each, read as an expectation (arXiv 2607.05391).

    The score is (E - 1) / 19 with A = 20 ... T = 1. If the backend does not return the distribution over the letters,
    the letter itself counts.

    Args:
        generator: the model that judges.
        criteria: questions about the solutions; each one gets separate replies.
        repeats: replies for each criterion.
        max_tokens: maximum number of tokens of a reply; None: the generator's own limit.
        temperature: sampling temperature; None: the generator's own, or 0 for a single reply per criterion.

    Raises:
        ConfigurationError: there is no criterion, or `repeats` < 1.

    Example:
        >>> from its_graph import Comparison
        >>> from its_graph.prm import PairwiseJudge
        >>> from its_graph.testing import ScriptedGenerator
        >>> reply = "<score_1>T</score_1><score_2>A</score_2>"
        >>> judge = PairwiseJudge(ScriptedGenerator(lambda request: reply))
        >>> question = ({"role": "user", "content": "What is 2 + 3?"},)
        >>> judge.invoke(Comparison(messages=question, texts=("It is 6.", "It is 5."))).scores
        (0.0, 1.0)
    """

    alternatives = LETTER_LOGPROBS

    def task(self, criterion: str, texts: Sequence[str]) -> str:
        """Ask for one letter per solution."""
        tags = "".join(f"<score_{number}>LETTER</score_{number}>" for number in range(1, len(texts) + 1))
        return _PAIRWISE.format(count=len(texts), question=criterion, scale=SCALE, solutions=_listed(texts), tags=tags)

    def parse(self, sample: Sample, count: int) -> Sequence[float | None]:
        """Return the expected score of each letter; None for a missing one."""
        return [letter_score(sample, _score_pattern(number)) for number in range(1, count + 1)]


class GenSelectJudge(_ComparativeJudge):
    """Select the best solution: 1 for the selected one and 0 for the others, averaged over the replies.

    A reply with a number outside 1 ... N cannot be parsed (GenSelect, arXiv 2602.02143).

    Args:
        generator: the model that judges.
        criteria: questions about the solutions; each one gets separate replies.
        repeats: replies for each criterion.
        max_tokens: maximum number of tokens of a reply; None: the generator's own limit.
        temperature: sampling temperature; None: the generator's own, or 0 for a single reply per criterion.

    Raises:
        ConfigurationError: there is no criterion, or `repeats` < 1.

    Example:
        >>> from its_graph import Comparison
        >>> from its_graph.prm import GenSelectJudge
        >>> from its_graph.testing import ScriptedGenerator
        >>> judge = GenSelectJudge(ScriptedGenerator(lambda request: "BEST CANDIDATE: 2"))
        >>> question = ({"role": "user", "content": "What is 2 + 3?"},)
        >>> judge.invoke(Comparison(messages=question, texts=("It is 6.", "It is 5."))).scores
        (0.0, 1.0)
    """

    alternatives = 0

    def task(self, criterion: str, texts: Sequence[str]) -> str:
        """Ask for the number of the best solution."""
        return _GEN_SELECT.format(count=len(texts), question=criterion, solutions=_listed(texts))

    def parse(self, sample: Sample, count: int) -> Sequence[float | None]:
        """Return a one-hot vector of the last number in the reply, or no scores."""
        numbers = _BEST.findall(sample.text)
        best = int(numbers[-1]) if numbers else 0
        if not 1 <= best <= count:
            return [None] * count
        return [float(number == best) for number in range(1, count + 1)]


def _listed(texts: Sequence[str]) -> str:
    return "\n\n".join(
        f"<solution_{number}>\n{text.strip()}\n</solution_{number}>" for number, text in enumerate(texts, 1)
    )


def _score_pattern(number: int) -> re.Pattern[str]:
    return re.compile(rf'(?:<score_{number}>\s*|"score_{number}"\s*:\s*")([A-T])(?=\s*(?:[<"]|$))', re.IGNORECASE)
