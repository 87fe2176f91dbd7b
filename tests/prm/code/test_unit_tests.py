import sys
from collections.abc import Sequence

import pytest

from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Message
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.prm.code.sandbox import ProgramLimits, ProgramOutcome, Sandbox, SandboxError
from its_graph.prm.code.unit_tests import InputOutput, UnitTest, UnitTestVerifier, extract_code
from its_graph.prm.families.aggregation import minimum
from its_graph.testing import ScriptedGenerator

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox requires Linux"),
    pytest.mark.filterwarnings("ignore::its_graph.prm.code.sandbox.SandboxWarning"),
]

QUESTION = ({"role": "user", "content": "Write add(a, b)."},)
TESTS: list[UnitTest] = ["assert add(2, 3) == 5", "assert add(-1, 1) == 0"]
SANDBOX = Sandbox(ProgramLimits(cpu_s=1))


def verifier(tests: Sequence[UnitTest] = TESTS, **options: object) -> UnitTestVerifier:
    return UnitTestVerifier(lambda messages: tests, sandbox=SANDBOX, **options)  # type: ignore[arg-type]


def solved(code: str, *, finished: bool = True) -> Candidate:
    return Candidate(messages=QUESTION, steps=("Plan.\n\n", f"```python\n{code}\n```\n"), finished=finished)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("def add(a, b): return a + b", 1.0),
        ("def add(a, b): return 5", 0.5),
        ("def add(a, b): return a - b", 0.0),
        ("def add(a, b: return", 0.0),
        ("def ad(a, b): return a + b", 0.0),
        ("text = '''{braces} and \\\\ \"quotes\"'''\ndef add(a, b): return a + b", 1.0),
        ("print('noise')\ndef add(a, b): return a + b", 1.0),
        ("if __name__ == '__main__': raise SystemExit(1)\ndef add(a, b): return a + b", 1.0),
    ],
)
def test_the_share_of_tests_passed(code: str, value: float) -> None:
    verdict = verifier().invoke(solved(code))
    assert verdict.value == value
    assert verdict.scores == (None, None)
    assert verdict.tokens == 0


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(0)",
        "raise SystemExit",
        "import sys; sys.exit(0)",
        "import atexit, os\natexit.register(os._exit, 0)",
    ],
)
def test_exiting_early_passes_no_test(code: str) -> None:
    assert verifier().invoke(solved(code)).value == 0.0


def test_an_endless_loop_fails_its_test() -> None:
    code = "def add(a, b):\n    while a > 0: pass\n    return a + b"
    assert verifier().invoke(solved(code)).value == 0.5


def test_all_must_pass() -> None:
    assert verifier(aggregate=minimum).invoke(solved("def add(a, b): return 5")).value == 0.0


def test_programs_that_read_and_print() -> None:
    tests = [InputOutput("2 3\n", "5"), InputOutput("4 4\n", "8\n")]
    program = "a, b = map(int, input().split())\nprint(a + b, '')"
    assert verifier(tests).invoke(solved(program)).value == 1.0
    assert verifier(tests).invoke(solved("print(5)")).value == 0.5
    assert verifier(tests).invoke(solved("print(5); raise SystemExit(1)")).value == 0.0


def test_no_code() -> None:
    text = Candidate(messages=QUESTION, steps=("I cannot.",), finished=True)
    assert verifier().invoke(text).value == 0.0
    assert verifier().invoke(text.model_copy(update={"finished": False})).value is None
    assert verifier([]).invoke(solved("def add(a, b): return a + b")).value is None


def test_tests_belong_to_the_question() -> None:
    conversations: list[Sequence[Message]] = []

    def tests(messages: Sequence[Message]) -> list[UnitTest]:
        conversations.append(messages)
        return ["assert True"]

    assert UnitTestVerifier(tests, sandbox=SANDBOX).invoke(solved("x = 1")).value == 1.0
    assert conversations == [QUESTION]


async def test_batches_both_ways() -> None:
    batch = [solved("def add(a, b): return a + b"), solved("def add(a, b): return 5")]
    assert [verdict.value for verdict in verifier().batch(batch)] == [1.0, 0.5]
    assert [verdict.value for verdict in await verifier().abatch(batch)] == [1.0, 0.5]


def test_a_sandbox_that_does_not_start_is_an_error() -> None:
    class Broken(Sandbox):
        def run(self, program: str, *, arguments: Sequence[str] = (), stdin: str = "") -> ProgramOutcome:
            raise SandboxError("no namespaces here")

    with pytest.raises(SandboxError):
        UnitTestVerifier(lambda messages: TESTS, sandbox=Broken()).invoke(solved("def add(a, b): return a + b"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\na\n```\nthen\n```py\nb\n```", "b\n"),
        ("```\na\n```", "a\n"),
        ("````python\n```\n````", "```\n"),
        ("```bash\nls\n```", None),
        ("a = 1", None),
        ("", None),
    ],
)
def test_extract_code(text: str, code: str | None) -> None:
    assert extract_code(text) == code


def test_a_search_finds_the_code_that_works() -> None:
    codes = iter(["a - b", "a * b", "a + b", "b - a"])
    generator = ScriptedGenerator(lambda request: f"```python\ndef add(a, b):\n    return {next(codes)}\n```")
    result = (
        create_best_of_n(generator, verifier(), n=4)
        .compile()
        .invoke({"problem": "Write add(a, b)."}, context=SearchContext(seed=1))["result"]
    )
    assert "a + b" in result["text"]
