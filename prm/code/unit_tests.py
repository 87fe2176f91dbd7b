"""Unit tests as a verifier of code: the score is the share of tests that the solution passes.

Each test runs in a separate sandbox; `its_graph.prm.code.sandbox` documents what that does not protect from. A test
passes if it runs to its end: a solution that ends the program, exceeds its time or memory, or raises has failed. Test
and solution share a process, so a solution written to cheat (to read the test from memory, or to replace the functions
that it calls) can pass; a solution that merely exits early cannot.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from its_graph.contracts import Aggregate, Candidate, Message, Verdict
from its_graph.prm.code.sandbox import Sandbox
from its_graph.prm.families.aggregation import mean
from its_graph.prm.function import FunctionVerifier
from its_graph.prm.judges.prompts import solution_text

__all__ = ["InputOutput", "UnitTest", "UnitTestVerifier", "extract_code"]

_BLOCK = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[ \t]*(?:python3?|py)?[ \t]*\n(.*?)^[ \t]*\1", re.DOTALL | re.IGNORECASE | re.MULTILINE
)

_HARNESS = """import os, sys
token = sys.argv.pop()
scope = {{"__name__": "solution"}}
exec(compile({code!r}, "solution.py", "exec"), scope)
exec(compile({test!r}, "test.py", "exec"), scope)
os.write(1, ("\\n" + token).encode())
os._exit(0)
"""


class InputOutput(NamedTuple):
    r"""A test of a whole program: its standard input, and the output that it must print.

    Whitespace at the ends of lines is ignored.

    Args:
        stdin: the standard input of the program.
        stdout: the expected standard output.

    Example:
        >>> from its_graph.prm import InputOutput
        >>> InputOutput(stdin="2 3\n", stdout="5").stdout
        '5'
    """

    stdin: str
    stdout: str


UnitTest: TypeAlias = str | InputOutput
"""Python source that runs after the solution and raises if it is wrong (`assert add(2, 3) == 5`), or its IO."""


def extract_code(text: str) -> str | None:
    """Return the last fenced block of Python (or without a language) in `text`; None without such a block."""
    blocks = _BLOCK.findall(text)
    return blocks[-1][1] if blocks else None


class UnitTestVerifier(FunctionVerifier):
    r"""Score code by running tests against it.

    A finished solution without code fails all tests; an unfinished solution without code, or a question without tests,
    gets no score. A sandbox that does not start is an error, not a bad score.

    Args:
        tests: returns the tests of a conversation.
        sandbox: runs the tests; default: `Sandbox()`.
        extract: returns the code in a solution's text; None if it has no code.
        aggregate: turns 1 (passed) and 0 (failed) into the score; `minimum` requires all tests to pass.

    Raises:
        SandboxError: a call raises it if a test cannot be started.

    Example:
        >>> import warnings
        >>> from its_graph import Candidate
        >>> from its_graph.prm import UnitTestVerifier
        >>> verifier = UnitTestVerifier(lambda messages: ["assert add(2, 3) == 5", "assert add(0, 1) == 1"])
        >>> code = "```python\ndef add(a, b):\n    return 5\n```"
        >>> question = ({"role": "user", "content": "Write add(a, b)."},)
        >>> with warnings.catch_warnings(action="ignore"):  # the sandbox warns if isolation is not full
        ...     verdict = verifier.invoke(Candidate(messages=question, steps=(code,), finished=True))
        >>> verdict.value
        0.5
    """

    def __init__(
        self,
        tests: Callable[[Sequence[Message]], Sequence[UnitTest]],
        *,
        sandbox: Sandbox | None = None,
        extract: Callable[[str], str | None] = extract_code,
        aggregate: Aggregate = mean,
    ) -> None:
        super().__init__(self._check)
        self._tests = tests
        self._sandbox = sandbox or Sandbox()
        self._extract = extract
        self._aggregate_tests = aggregate

    def _check(self, candidate: Candidate) -> Verdict:
        missing = (None,) * len(candidate.steps)
        code = self._extract(solution_text(candidate))
        tests = self._tests(candidate.messages)
        if not tests or (code is None and not candidate.finished):
            return Verdict(scores=missing, value=None)
        passed = [code is not None and _passes(self._sandbox, code, test) for test in tests]
        return Verdict(scores=missing, value=self._aggregate_tests([float(test_passed) for test_passed in passed]))


def _passes(sandbox: Sandbox, code: str, test: UnitTest) -> bool:
    if isinstance(test, InputOutput):
        outcome = sandbox.run(code, stdin=test.stdin)
        return outcome.status == 0 and _lines(outcome.stdout) == _lines(test.stdout)
    token = secrets.token_hex(16)  # printed only by a harness that reached its end
    outcome = sandbox.run(_HARNESS.format(code=code, test=test), arguments=[token])
    return outcome.status == 0 and outcome.stdout.endswith(token)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
