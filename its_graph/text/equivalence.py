"""Decides whether two answers are the same, and groups answers into classes.

Three tiers: the normal form of `its_graph.text.canonical`; exact comparison of plain forms (numbers, tuples, words);
and for the rest math-verify in its own process (`its_graph.text.math_verify_client`), started on first use. Without the
extra `math` the first two tiers decide. A comparison that fails or takes too long is "not equal"; it is counted and
logged. Equal means exactly equal: 0.333333 is not 1/3.
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
"""Characters; longer answers are compared as text and not cached."""


class _Answer(NamedTuple):
    form: str
    plain: bool
    percent: str | None
    """A percentage without its sign; None for all other answers."""
    text: str | None
    """What math-verify reads; None for an answer too long for it."""


class AnswerComparer:
    """Compares answers and counts the comparisons that failed.

    Args:
        timeout_s: seconds of CPU time that one comparison by math-verify may take before its process is killed.
    """

    def __init__(self, *, timeout_s: float = 5.0) -> None:
        self.timeouts = 0
        """Requests to math-verify that timed out."""
        self.errors = 0
        """Requests to math-verify that failed for another reason."""
        self._count = threading.Lock()
        self._process = MathVerifyProcess(timeout_s=timeout_s) if find_spec("math_verify") else None
        # A hostile answer is detected once, by itself, not once for each answer it is compared with.
        self._harmless = lru_cache(maxsize=4096)(self._probe)
        self._algebra = lru_cache(maxsize=16384)(self._compare)

    def equivalent(self, a: str | None, b: str | None) -> bool:
        """Return whether two answers are the same; symmetric. None equals nothing, not even None.

        A percentage equals its value and, because writers often omit the sign, the number before the sign: `40%` equals
        `0.4` and `40`.
        """
        first, second = _read(a), _read(b)
        return first is not None and second is not None and self._same(first, second)

    def group(self, answers: Sequence[str | None]) -> list[int | None]:
        """Return the class of each answer, numbered by first appearance; None for no answer.

        Classes are the transitive closure of `equivalent`: an answer that equals members of two classes merges them.
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
        """End the math-verify process, if it runs. The comparer stays usable."""
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
        return self._harmless(first) and self._harmless(second) and self._request({"verify": [first, second]}) is True

    def _probe(self, text: str) -> bool:
        return self._request({"probe": text}) is not None

    def _request(self, request: dict[str, Any]) -> bool | None:
        """Return whether math-verify found the answers equal; None if it failed, which is counted and logged."""
        assert self._process is not None, "checked by _same"
        reply = self._process.ask(request)
        if "equal" in reply:
            return bool(reply["equal"])
        with self._count:
            self.timeouts += "timeout" in reply
            self.errors += "error" in reply
        _LOG.warning("Treating answers as different; comparison failed: %s, %s", reply.get("error", "timeout"), request)
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
    """Return the comparer behind `equivalent` and `group`, to read its counts."""
    return AnswerComparer()


def equivalent(a: str | None, b: str | None) -> bool:
    r"""Return whether two final answers are the same, however they are written.

    Exact comparison: 0.333333 is not 1/3. A percentage equals its value and the number before the sign. Algebra needs
    the extra `math` (math-verify); without it, only numbers, tuples, lists and words are recognized.

    Args:
        a: an answer, such as `extract_answer` returns; None for no answer.
        b: the other answer. None equals nothing, not even None.

    >>> from its_graph import equivalent
    >>> equivalent("0.5", r"\frac{1}{2}"), equivalent("10,080", "$10080"), equivalent("0.333", "1/3")
    (True, True, False)
    """
    return default_comparer().equivalent(a, b)


def group(answers: Sequence[str | None]) -> list[int | None]:
    """Return the class of each answer; see `AnswerComparer.group`."""
    return default_comparer().group(answers)
