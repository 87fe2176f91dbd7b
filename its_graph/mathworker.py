"""The process in which math-verify runs: JSON lines in, JSON lines out.

math-verify guards itself with SIGALRM, which works on a main thread only and blocks an event loop while it waits
(data.md 4.1). It therefore gets a process of its own, which `its_graph.equivalence` starts by the path of this file
and kills when it does not answer. Nothing of its_graph is imported here, to keep the start short.

First line out: `{"ready": true}`. Then for each `{"probe": a}` or `{"verify": [a, b]}` one line with `equal` (false
for a probe that went well), `timeout` or `error`.
"""

import json
import signal
import sys
from functools import lru_cache
from typing import Any, TextIO

from math_verify import LatexExtractionConfig, parse, verify
from math_verify.errors import TimeoutException

__all__ = ["main"]

_MEMORY_BYTES = 4 << 30
"""Address space of the process on Linux: towers of exponents fail instead of filling the machine."""

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
"""What sympy raises on odd input. Anything else ends the process, and its owner reports that."""


def main() -> None:
    """Serve requests from standard input until it closes. The first argument is the alarm in whole seconds."""
    alarm_s = int(sys.argv[1])
    replies, sys.stdout = sys.stdout, sys.stderr  # a print in a library must not break the protocol
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, who closes this process
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    _send(replies, {"ready": True})
    for line in sys.stdin:
        _send(replies, _reply(json.loads(line), alarm_s))


def _send(replies: TextIO, record: dict[str, Any]) -> None:
    replies.write(json.dumps(record) + "\n")
    replies.flush()


def _reply(request: dict[str, Any], alarm_s: int) -> dict[str, Any]:
    try:
        if "probe" in request:
            # Comparing with 1 forces the evaluation on which hostile answers hang, so that the blame is certain.
            _equal("1", request["probe"], alarm_s)
            return {"equal": False}
        first, second = request["verify"]
        # verify(gold, answer) is not symmetric (intervals against inequalities), an equivalence is.
        return {"equal": _equal(first, second, alarm_s) or _equal(second, first, alarm_s)}
    except TimeoutException:
        return {"timeout": True}
    except _FAILURES as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def _equal(gold: str, answer: str, alarm_s: int) -> bool:
    parsed = _parse(gold, alarm_s), _parse(answer, alarm_s)
    return bool(verify(*parsed, timeout_seconds=alarm_s, raise_on_error=True))


@lru_cache(maxsize=2048)
def _parse(text: str, alarm_s: int) -> list[Any]:
    r"""Parse one delimited expression: bare text such as `\text{Monday}` would give nothing.

    Only LaTeX is read. The other extractor of math-verify takes the last number of what it cannot parse.
    """
    return list(
        parse(
            f"${text}$",
            extraction_config=[LatexExtractionConfig()],
            parsing_timeout=alarm_s,
            raise_on_error=True,
        )
    )


if __name__ == "__main__":
    main()
