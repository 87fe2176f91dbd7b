"""Folds over a log that continue where they stopped: what makes a view of a growing search cheap.

A log only grows and its records never change, so the fold of a longer log is the fold of the shorter one plus the new
records. A `Fold` remembers its progress for a few searches at a time. It is a cache, not state: a search that is
resumed, forked or rebuilt from its events is folded from the start, with the same result.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Fold"]

_Value = TypeVar("_Value")
_View = TypeVar("_View")

_SEARCHES = 64
"""Searches remembered; one more evicts the least recently used."""


class _Progress(NamedTuple, Generic[_Value]):
    value: _Value
    taken: int
    """Records folded."""
    last: tuple[str, Any]
    """Id and record folded last: as long as the log holds it, everything before it is the same too."""


class Fold(Generic[_Value, _View]):
    """Folds the records of a log, each once, in the order in which they were written.

    Args:
        start: makes the value of an empty log.
        take: adds one record: `take(value, id, record, view)`. It may change the value in place and return it; callers
            of the fold must not change it. What it reads of the view must not depend on later records.
    """

    def __init__(self, start: Callable[[], _Value], take: Callable[[_Value, str, Any, _View], _Value]) -> None:
        self._start, self._take = start, take
        self._progress: OrderedDict[tuple[int, int], _Progress[_Value]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, log: dict[str, Any], view: _View) -> _Value:
        """Return the fold of `log`, records by id, oldest first; `view` is passed on to `take`."""
        if not log:
            return self._start()
        key = (threading.get_ident(), id(next(iter(log.values()))))
        with self._lock:
            progress = self._progress.pop(key, None)
        if progress is None or not _extends(log, progress):
            progress = _Progress(self._start(), 0, ("", None))
        value = progress.value
        for name, record in _newest(log, len(log) - progress.taken):
            value = self._take(value, name, record, view)
        with self._lock:
            self._progress[key] = _Progress(value, len(log), _newest(log, 1)[0])
            while len(self._progress) > _SEARCHES:
                self._progress.popitem(last=False)
        return value


def _extends(log: dict[str, Any], progress: _Progress[Any]) -> bool:
    """Return whether `log` starts with all the records that were folded, the last of them in its place."""
    name, record = progress.last
    new = len(log) - progress.taken
    return new >= 0 and log.get(name) is record and next(islice(reversed(log), new, None)) == name


def _newest(log: dict[str, Any], count: int) -> list[tuple[str, Any]]:
    """Return the `count` newest records, oldest of them first, without walking over the others."""
    names = list(islice(reversed(log), count))
    return [(name, log[name]) for name in reversed(names)]
