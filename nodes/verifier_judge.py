"""A verifier as a judge: each solution gets the score that it would get alone."""

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Candidate, Comparison, Judge, Opinion, Verdict, Verifier
from its_graph.text.steps import split_steps

__all__ = ["VerifierJudge", "as_judge"]


class VerifierJudge(Judge):
    """Compares by a verifier's scores. It reads each solution alone, so comparing adds nothing to best-of-N.

    It is the baseline: what a tournament costs and achieves with a judge that order and context cannot influence.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.parameters = verifier.parameters
        self.score_range = verifier.score_range

    def invoke(self, input: Comparison, config: RunnableConfig | None = None, **kwargs: Any) -> Opinion:
        """Return the scores of all texts."""
        return _opinion(self._verifier.batch(_candidates(input), config))

    async def ainvoke(self, input: Comparison, config: RunnableConfig | None = None, **kwargs: Any) -> Opinion:
        """Return the scores of all texts."""
        return _opinion(await self._verifier.abatch(_candidates(input), config))

    def tokens(self, comparison: Comparison) -> int:
        """Return the tokens that the verifier reads for all texts."""
        return sum(map(self._verifier.tokens, _candidates(comparison)))


def as_judge(judge: Judge | Verifier) -> Judge:
    """Return a judge unchanged, and a verifier as a `VerifierJudge`."""
    return judge if isinstance(judge, Judge) else VerifierJudge(judge)


def _candidates(comparison: Comparison) -> list[Candidate]:
    return [
        Candidate(messages=comparison.messages, steps=tuple(split_steps(text)), finished=True)
        for text in comparison.texts
    ]


def _opinion(verdicts: Sequence[Verdict]) -> Opinion:
    return Opinion(
        scores=tuple(verdict.value for verdict in verdicts), tokens=sum(verdict.tokens for verdict in verdicts)
    )
