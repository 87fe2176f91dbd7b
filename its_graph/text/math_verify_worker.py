"""The process in which math-verify runs: JSON lines in, JSON lines out.

math-verify limits its time with SIGALRM, which works on a main thread only, blocks an event loop while it waits, and
measures wall-clock time, so that answers would differ on a busy machine. It therefore gets its own process, with an
alarm on CPU time, which `its_graph.text.math_verify_client` starts by the path of this file and kills if it does not
answer. Nothing of its_graph is imported here, to keep the start fast.

First line out: `{"ready": true}`. Then one line for each `{"probe": a}` or `{"verify": [a, b]}`, with `equal` (false
for a probe that succeeded), `timeout` or `error`.
"""

import json
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TextIO

from math_verify import LatexExtractionConfig, parse, verify
from math_verify.errors import TimeoutException

try:
    import resource
except ImportError:  # Windows has no limits of this kind
    resource = None  # type: ignore[assignment]

__all__ = ["serve_requests"]

_MEMORY_BYTES = 4 << 30
"""Address space of the process on Linux: towers of exponents fail instead of filling the memory."""

_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What sympy raises on odd input. Anything else ends the process, which its owner reports."""


def serve_requests() -> None:
    """Serve requests from standard input until it closes. The first argument is the CPU seconds for each request."""
    timeout_s = float(sys.argv[1])
    replies, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not break the protocol
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, who closes this process
    if resource is not None:
        _limit(resource.RLIMIT_CORE, 0)
        if sys.platform == "linux":
            _limit(resource.RLIMIT_AS, _MEMORY_BYTES)
    _send(replies, {"ready": True})
    for line in sys.stdin:
        _send(replies, _reply(json.loads(line), timeout_s))


def _send(replies: TextIO, record: dict[str, Any]) -> None:
    replies.write(json.dumps(record) + "\n")
    replies.flush()


def _reply(request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    try:
        with _time_limit(timeout_s):
            return {"equal": _answer(request)}
    except TimeoutException:
        return {"timeout": True}
    except _FAILURES as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}


@contextmanager
def _time_limit(timeout_s: float) -> Iterator[None]:
    """Raise TimeoutException after half of the CPU time; work that ignores it ends with the process."""
    if resource is None:
        yield  # the owner's clock is the only limit
        return

    def expire(signum: int, frame: Any) -> None:
        raise TimeoutException("out of time")

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + timeout_s))
    signal.signal(signal.SIGPROF, expire)
    signal.setitimer(signal.ITIMER_PROF, timeout_s / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit(which: int, most: int) -> None:
    """Allow `most` of a resource, or less if this process may have less."""
    assert resource is not None, "checked by the callers"
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer(request: dict[str, Any]) -> bool:
    if "probe" in request:
        # Comparing with 1 forces the evaluation on which hostile answers hang, so that the culprit is certain.
        _equal("1", request["probe"])
        return False
    first, second = request["verify"]
    # verify(gold, answer) is not symmetric (intervals against inequalities); an equivalence is.
    return _equal(first, second) or _equal(second, first)


def _equal(gold: str, answer: str) -> bool:
    return bool(verify(_parse(gold), _parse(answer), timeout_seconds=None, raise_on_error=True))


@lru_cache(maxsize=2048)
def _parse(text: str) -> list[Any]:
    r"""Parse one delimited expression: bare text such as `\text{Monday}` would give nothing.

    Only LaTeX is read. math-verify's other extractor returns the last number of text that it cannot parse.
    """
    return list(
        parse(
            f"${text}$",
            extraction_config=[LatexExtractionConfig()],
            parsing_timeout=None,
            raise_on_error=True,
        )
    )


if __name__ == "__main__":
    serve_requests()
