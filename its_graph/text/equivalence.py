"""Decides whether two answers are the same, and sorts answers into classes.

Three tiers: the normal form of `its_graph.text.canonical`, exact comparison of plain forms (numbers, tuples, words), and
for the rest math-verify in a process of its own (`its_graph.text.math_verify_client`), which is started at the first need.
Without the extra `math` the first two tiers decide. A comparison that fails or takes too long counts as "not
equal" and is counted and logged. Equal means exactly equal: 0.333333 is not 1/3.
"""

import logging
import threading
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any, NamedTuple

from its_graph.text.canonical import canonical, is_plain, tidy, without_percent
from its_graph.text.math_verify_client import MathVerifyProcess

__all__ = ["AnswerComparer", "canonical", "default_comparer", "equivalent", "group"]

_LOG = logging.getLogger(__name__)
_LONGEST = 1000
"""Characters; longer answers are compared as text and not kept in caches."""


class _Answer(NamedTuple):
    form: str
    plain: bool
    percent: str | None
    """What a percentage reads as when its sign is dropped; None for all other answers."""
    text: str | None
    """What math-verify may read; None for an answer too long for it."""


class AnswerComparer:
    """Compares answers and keeps count of what it could not compare.

    Args:
        timeout_s: seconds of processor time one comparison by math-verify may take before its process is killed.
    """

    def __init__(self, *, timeout_s: float = 5.0) -> None:
        self.timeouts = 0
        """Questions to math-verify that ran out of time."""
        self.errors = 0
        """Questions to math-verify that failed otherwise."""
        self._count = threading.Lock()
        self._process = MathVerifyProcess(timeout_s=timeout_s) if find_spec("math_verify") else None
        # A hostile answer is found out once, by itself, not once for each answer it is compared with.
        self._harmless = lru_cache(maxsize=4096)(self._probe)
        self._algebra = lru_cache(maxsize=16384)(self._compare)

    def equivalent(self, a: str | None, b: str | None) -> bool:
        """Whether two answers are the same; symmetric. No answer is the same as nothing, not even as itself.

        A percentage equals its value and, as writers often leave the sign out, the number before the sign:
        `40%` is the same as `0.4` and as `40`.
        """
        first, second = _read(a), _read(b)
        return first is not None and second is not None and self._same(first, second)

    def group(self, answers: Sequence[str | None]) -> list[int | None]:
        """Return the class of each answer, classes numbered by first appearance; None for no answer.

        Classes are the transitive closure of `equivalent`: an answer that equals members of
        two classes joins them.
        """
        read = [_read(answer) for answer in answers]
        distinct = list(dict.fromkeys(answer for answer in read if answer is not None))
        roots = list(range(len(distinct)))
        for new, answer in enumerate(distinct):
            for old in range(new):
                if roots[old] != roots[new] and self._same(distinct[old], answer):
                    joined = roots[new]
                    roots = [roots[old] if root == joined else root for root in roots]
        numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
        classes = {answer: numbers[root] for answer, root in zip(distinct, roots, strict=True)}
        return [None if answer is None else classes[answer] for answer in read]

    def close(self) -> None:
        """End the math-verify process, if one runs. The judge stays usable."""
        if self._process is not None:
            self._process.close()

    def _same(self, a: _Answer, b: _Answer) -> bool:
        if a.form == b.form:
            return True
        if (a.percent is None) != (b.percent is None) and (a.percent == b.form or b.percent == a.form):
            return True
        if (a.plain and b.plain) or a.text is None or b.text is None or self._process is None:
            return False
        return self._algebra(*sorted((a.text, b.text)))

    def _compare(self, first: str, second: str) -> bool:
        return self._harmless(first) and self._harmless(second) and self._ask({"verify": [first, second]}) is True

    def _probe(self, text: str) -> bool:
        return self._ask({"probe": text}) is not None

    def _ask(self, question: dict[str, Any]) -> bool | None:
        """Return the reply, None where there is none; that case is counted and logged here."""
        assert self._process is not None, "checked by _same"
        reply = self._process.ask(question)
        if "equal" in reply:
            return bool(reply["equal"])
        with self._count:
            self.timeouts += "timeout" in reply
            self.errors += "error" in reply
        _LOG.warning("Answers taken as different, not compared: %s, %s", reply.get("error", "timeout"), question)
        return None


def _read(answer: str | None) -> _Answer | None:
    if answer is None:
        return None
    return _described(answer) if len(answer) <= _LONGEST else _described.__wrapped__(answer)


@lru_cache(maxsize=16384)
def _described(answer: str) -> _Answer | None:
    form = canonical(answer)
    if form is None:
        return None
    text = tidy(answer)
    return _Answer(form, is_plain(form), without_percent(answer), text if len(text) <= _LONGEST else None)


@cache
def default_comparer() -> AnswerComparer:
    """Return the judge behind `equivalent` and `group`, where its counts can be read."""
    return AnswerComparer()


def equivalent(a: str | None, b: str | None) -> bool:
    """Whether two answers are the same, by the default judge; see `AnswerComparer.equivalent`."""
    return default_comparer().equivalent(a, b)


def group(answers: Sequence[str | None]) -> list[int | None]:
    """Return the class of each answer, by the default judge; see `AnswerComparer.group`."""
    return default_comparer().group(answers)
