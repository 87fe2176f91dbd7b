"""Unit tests as a verifier of code: the score is the share of tests that the solution passes.

Each test runs in a sandbox of its own; `its_graph.prm.code.sandbox` says what that does not protect from. A test passes if
it runs to its end: a solution that ends the program, runs too long, takes too much memory or raises has failed. Test
and solution share a process, so a solution written to cheat (to read the test from memory, to replace what it calls)
can pass; one that merely exits early cannot.
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
    """A test of a whole program: what it reads and what it must print, white space at line ends left aside."""

    stdin: str
    stdout: str


UnitTest: TypeAlias = str | InputOutput
"""Python source that runs after the solution and raises where it is wrong (`assert add(2, 3) == 5`), or a dialogue."""


def extract_code(text: str) -> str | None:
    """Return the last fenced block of Python (or of no named language) in `text`; None where there is none."""
    blocks = _BLOCK.findall(text)
    return blocks[-1][1] if blocks else None


class UnitTestVerifier(FunctionVerifier):
    """Judge code by running tests against it.

    A finished solution without code has failed all tests; an unfinished one, or a question without tests, gets no
    opinion. A sandbox that does not start is an error, not a bad score.

    Args:
        tests: returns the tests of a conversation.
        sandbox: where they run.
        extract: returns the code in a solution's text; None where there is none.
        aggregate: turns 1 (passed) and 0 (failed) into the score: `minimum` where all must pass.
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
        self._rule = aggregate

    def _check(self, candidate: Candidate) -> Verdict:
        missing = (None,) * len(candidate.steps)
        code = self._extract(solution_text(candidate))
        tests = self._tests(candidate.messages)
        if not tests or (code is None and not candidate.finished):
            return Verdict(scores=missing, value=None)
        passed = [code is not None and _passes(self._sandbox, code, test) for test in tests]
        return Verdict(scores=missing, value=self._rule([float(one) for one in passed]))


def _passes(sandbox: Sandbox, code: str, test: UnitTest) -> bool:
    if isinstance(test, InputOutput):
        outcome = sandbox.run(code, stdin=test.stdin)
        return outcome.status == 0 and _lines(outcome.stdout) == _lines(test.stdout)
    token = secrets.token_hex(16)  # known only to a harness that has come to its end
    outcome = sandbox.run(_HARNESS.format(code=code, test=test), arguments=[token])
    return outcome.status == 0 and outcome.stdout.endswith(token)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
