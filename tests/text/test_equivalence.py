"""Normal forms, equivalence and classes: docs/reference/algorithms.md 0.6 and 1.3."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.errors import ConfigurationError
from its_graph.text import equivalence
from its_graph.text.equivalence import AnswerComparer, canonical, default_comparer, equivalent, group
from its_graph.text.math_verify_client import MathVerifyProcess

needs_math_verify = pytest.mark.skipif(find_spec("math_verify") is None, reason="math-verify (extra 'math') is absent")


@pytest.fixture(scope="module")
def comparer() -> Iterator[AnswerComparer]:
    comparer = AnswerComparer(timeout_s=20)  # generous: these tests are about answers, and machines are busy
    yield comparer
    comparer.close()


@pytest.fixture
def cheap_comparer(monkeypatch: pytest.MonkeyPatch) -> AnswerComparer:
    """A comparer without math-verify."""
    monkeypatch.setattr(equivalence, "find_spec", lambda name: None)
    return AnswerComparer()


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("0.5", "1/2"),
        ("1/2", "1/2"),
        (r"\frac{1}{2}", "1/2"),
        (r"\dfrac12", "1/2"),
        (r"\tfrac{2}4", "1/2"),
        (r"-\frac{1}{2}", "-1/2"),
        (r"\frac{-1}{2}", "-1/2"),
        (r"1\frac{1}{2}", "3/2"),
        (r"137 \frac{1}{2}", "275/2"),
        ("1 1/2", "3/2"),
        ("-1 1/2", "-3/2"),
        ("11/2", "11/2"),
        (r"50\%", "1/2"),
        ("50 %", "1/2"),
        ("50 percent", "1/2"),
        (".35625", "57/160"),
        ("5.", "5"),
        ("5.0", "5"),
        ("+5", "5"),
        ("\u22125", "-5"),
        ("- 5", "-5"),
        ("007", "7"),
        ("1/0", "1/0"),
        (r"3\frac{5}{2}", r"3\frac{5}{2}"),
        ("$42$", "42"),
        (r"\(42\)", "42"),
        (r"\boxed{42}", "42"),
        (r"\boxed{\(42\)}", "42"),
        (r"\boxed{\sqrt{\frac{1}{x}}}", r"\sqrt{\frac{1}{x}}"),
        (r"10,\!080", "10080"),
        (r"11,\! 111,\! 111,\! 100", "11111111100"),
        (r"\$32,\!348", "32348"),
        (r"\$18.90", "189/10"),
        ("58,500", "58500"),
        ("10{,}000", "10000"),
        (r"10\,000", "10000"),
        (r"90^\circ", "90"),
        (r"90^{\circ}", "90"),
        ("90°", "90"),
        (r"5.4 \text{ cents}", "27/5"),
        (r"\frac{270}7\text{ degrees}", "270/7"),
        (r"864 \mbox{ inches}^2", "864"),
        (r"15\mbox{ cm}^2", "15"),
        ("18 dollars per hour", "18"),
        ("12 cm", "12"),
        ("5개", "5"),
        ("x=5", "5"),
        (r"x \in [-2,7]", "[-2, 7]"),
        ("3, 5, 7", "3, 5, 7"),
        ("3,5,7", "3, 5, 7"),
        ("-2,1", "-2, 1"),
        ("7,5,3", "3, 5, 7"),
        ("1/2 and 0.25", "1/2, 1/4"),
        ("(0.5, 3)", "(1/2, 3)"),
        (r"\left[ 0, 1 \right)", "[0, 1)"),
        ("((1, 2), 0.5)", "((1, 2), 1/2)"),
        ("((((1, 2), 3), 4), 0.5)", "((((1,2), 3), 4), 1/2)"),
        (r"(2,12) \cup (12,102)", r"(2,12)\cup(12,102)"),
        (r"\{3, 1\}", "1, 3"),
        (r"\text{Evelyn}", "evelyn"),
        ("Evelyn", "evelyn"),
        ("No", "no"),
        (r"\text{(C)}", "C"),
        ("(C)", "C"),
        ("C.", "C"),
        ("x", "x"),
        ("p - q", "p-q"),
        (r"11\sqrt2", r"11\sqrt{2}"),
        ("4210_{5}", "4210_5"),
        (r"\pi r", r"\pi r"),
        ("y = 2x + 3", "y=2x+3"),
    ],
)
def test_normal_forms(answer: str, form: str) -> None:
    """Reference 0.6, and the hard shapes of MATH-500."""
    assert canonical(answer) == form
    assert canonical(form) == form


@pytest.mark.parametrize("answer", [None, "", "  ", "$$", r"\boxed{}", "."])
def test_no_answer_has_no_form(answer: str | None) -> None:
    assert canonical(answer) is None
    assert not equivalent(answer, answer)


@pytest.mark.parametrize(
    "answers",
    [
        ("58,500", "58, 500", "(58,500)", "[58,500)"),
        ("(2,12)", "[2,12]", "(2,12]", "(12,2)"),
        ("5 AM", "5 PM", "5"),
        ("52_8", "52_9", "52"),
        ("5 million", "5만", "5"),
        ("2xy", "2"),
        ("2 sin x", "2"),
        ("52_8", "52"),
        ("x", "X"),
        (r"7 \text{ or } 8", "7", "8"),
        ("listen", "silent"),
        ("0.333333", "1/3"),
        ("11111111100", "11111111101"),
    ],
)
def test_different_answers_keep_different_forms(answers: tuple[str, ...]) -> None:
    assert len({canonical(answer) for answer in answers}) == len(answers)


def test_the_matrix_keeps_its_rows() -> None:
    assert canonical(r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}") == r"\begin{pmatrix}1\\2\end{pmatrix}"


LATEX = (r"\frac", r"\text{", r"\text{ or }", r"\{", r"\}", r"\%", r"\!", r"\left", r"^\circ", r"\boxed{")
PIECES = st.sampled_from([*LATEX, *"{}()[],%$=x1/.-", ", ", "AB", "no", " cm", " and ", "개", "23", ",000", " "])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_the_normal_form_is_its_own_normal_form(answer: str) -> None:
    form = canonical(answer)
    assert canonical(form) == form


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_numbers_are_exact(numerator: int, denominator: int) -> None:
    assert equivalent(f"{numerator}/{denominator}", rf"\frac{{{2 * numerator}}}{{{2 * denominator}}}")
    assert equivalent(f"{numerator:,}", str(numerator))
    assert not equivalent(str(numerator), f"{numerator + 1}")


@pytest.mark.parametrize(("a", "b"), [("50%", "0.5"), ("40", r"40\%"), (r"40\%", "2/5"), (r"40\%", "40 percent")])
def test_percentages(cheap_comparer: AnswerComparer, a: str, b: str) -> None:
    """Reference 0.6: 50 % = 0.5. The sign may be left out, as math-verify allows."""
    assert cheap_comparer.equivalent(a, b)
    assert cheap_comparer.equivalent(b, a)


@pytest.mark.parametrize(("a", "b"), [(r"40\%", r"4000\%"), ("40", "0.4"), (r"40\%", "4"), (r"40\%", "x")])
def test_other_percentages_differ(cheap_comparer: AnswerComparer, a: str, b: str) -> None:
    assert not cheap_comparer.equivalent(a, b)
    assert not cheap_comparer.equivalent(b, a)


def test_groups_are_numbered_by_first_appearance(cheap_comparer: AnswerComparer) -> None:
    """Reference 0.6 and 1.3: one class, and [A, B, A, None]."""
    assert cheap_comparer.group(["0.5", "1/2", r"\frac{1}{2}"]) == [0, 0, 0]
    assert cheap_comparer.group([None, "B", "A", "B", None, "C", "A"]) == [None, 0, 1, 0, None, 2, 1]
    assert cheap_comparer.group(["", None]) == [None, None]
    assert cheap_comparer.group([]) == []


def test_groups_are_transitive(cheap_comparer: AnswerComparer) -> None:
    """Reference 0.6: `40%` equals both `0.4` and `40`, which alone differ."""
    assert cheap_comparer.group(["0.4", "7", "40"]) == [0, 1, 2]
    assert cheap_comparer.group(["0.4", "7", "40", "40%", "8"]) == [0, 1, 0, 0, 2]


def test_plain_answers_never_start_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: MathVerifyProcess, question: dict[str, object]) -> dict[str, object]:
        raise AssertionError(f"asked {question}")

    monkeypatch.setattr(MathVerifyProcess, "ask", refuse)
    monkeypatch.setattr(equivalence, "find_spec", lambda name: True)
    numbers = ["5", "6", "1/2", "0.51", "58,500", "40%", "18 cm", "52_8", "52_{12}"]
    plain = [*numbers, "3, 5", "(1,2)", "[1,2)", "Evelyn", "Monday", "(C)", "D"]
    assert AnswerComparer().group(plain) == list(range(len(plain)))
    assert AnswerComparer().equivalent("2x", "2 x")


def test_without_math_verify_the_first_tiers_decide(cheap_comparer: AnswerComparer) -> None:
    assert cheap_comparer.equivalent("p - q", "p-q")
    assert not cheap_comparer.equivalent("(x+1)^2", "x^2+2x+1")
    assert (cheap_comparer.timeouts, cheap_comparer.errors) == (0, 0)
    cheap_comparer.close()


@needs_math_verify
@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("(x+1)^2", "x^2+2x+1", True),
        (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", True),
        (r"\sqrt{25}", "5", True),
        (r"\begin{pmatrix} 1/5 \\ 2 \end{pmatrix}", r"\begin{pmatrix} \frac{1}{5} \\ 2.0 \end{pmatrix}", True),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}", False),
        (r"(2,12) \cup (12,102)", r"(12,102) \cup (2,12)", True),
        (r"\{1\pm\sqrt{5},-2\}", r"\{-2, 1+\sqrt{5}, 1-\sqrt{5}\}", True),
        ("1<x<2", "(1,2)", True),
        ("[0,1)", "(0,1)", False),
        ("2x", "x", False),
        ("no", "on", False),
        ("UR", "RU", False),
        (r"\text{US}", "SU", False),
        ("xy", r"y \cdot x", True),
        ("2xy", "2yx", True),
        ("ab+c", "c+ba", True),
        (r"\begin{bad 1, 2, 5", "5", False),
    ],
)
def test_math_verify_decides_the_rest(comparer: AnswerComparer, a: str, b: str, same: bool) -> None:
    """Reference 0.6; math-verify itself is not symmetric (interval against inequality), a comparer is."""
    assert comparer.equivalent(a, b) is same
    assert comparer.equivalent(b, a) is same
    assert (comparer.timeouts, comparer.errors) == (0, 0)


@needs_math_verify
def test_algebraic_answers_form_classes(comparer: AnswerComparer) -> None:
    answers = ["(x+1)^2", "y", "x^2+2x+1", None, r"\sqrt{9}", "3", "(1+x)^2"]
    assert comparer.group(answers) == [0, 1, 0, None, 2, 2, 0]


def test_two_letters_are_not_a_product_in_a_vote() -> None:
    assert group(["UR", "RU", "UD", "UD", "RU", "no", "on"]) == [0, 1, 2, 2, 1, 3, 4]


@needs_math_verify
def test_threads_may_share_a_comparer(comparer: AnswerComparer) -> None:
    pairs = [(f"(x+{n})^2", f"x^2+{2 * n}x+{n * n + n % 2}") for n in range(1, 13)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda pair: comparer.equivalent(*pair), pairs)) == [n % 2 == 0 for n in range(1, 13)]


@needs_math_verify
def test_a_hostile_answer_is_counted_once_and_costs_bounded_time(caplog: pytest.LogCaptureFixture) -> None:
    """Reference 0.6: a timeout counts as "not equal" and is reported."""
    comparer = AnswerComparer(timeout_s=3)
    assert comparer.equivalent(r"\sqrt{4}", "2"), "the process is warm"
    start = time.monotonic()
    answers = ["9^{9^{9^9}}", "x+1", "x+2", "x+3", "(" * 60 + "x" + ")" * 60, "1+x"]
    assert comparer.group(answers) == [0, 1, 2, 3, 4, 1]
    assert time.monotonic() - start < 20
    assert comparer.timeouts == 2
    assert len(caplog.records) == comparer.timeouts + comparer.errors
    comparer.close()


@needs_math_verify
def test_long_answers_are_compared_as_text_only() -> None:
    comparer = AnswerComparer()
    long = "x+" * 50_000
    start = time.monotonic()
    assert comparer.equivalent(long + "1", long + " 1")
    assert not comparer.equivalent(long + "1", "x")
    assert not comparer.equivalent("1" * 100_000, "1" * 99_999 + "2")
    assert time.monotonic() - start < 5
    assert comparer._process is not None
    assert comparer._process._process is None


@pytest.mark.parametrize(
    "piece", ["\\frac{", "\\text{", "{", "(", "1", "1,", ",", " ", "a ", "\\boxed{", "$", "=", "(1,", "%", "\\left"]
)
def test_normal_forms_take_linear_time(piece: str) -> None:
    start = time.process_time()
    canonical(piece * (100_000 // len(piece)))
    canonical(piece * 70 + "x")
    canonical("abc " * 25_000 + piece)
    assert time.process_time() - start < 2


@needs_math_verify
def test_a_process_that_hangs_is_killed_and_replaced() -> None:
    process = MathVerifyProcess(timeout_s=1.5)
    try:
        assert process.ask({"verify": ["x+1", "1+x"]}) == {"equal": True}
        first = process._process
        assert first is not None
        first.send_signal(signal.SIGSTOP)  # the alarm inside cannot help now
        start = time.monotonic()
        assert process.ask({"verify": ["x", "y"]}) == {"timeout": True}
        assert time.monotonic() - start < 10
        assert first.returncode is not None
        assert process.ask({"verify": ["x+1", "1+x"]}) == {"equal": True}
    finally:
        process.close()


@needs_math_verify
def test_a_busy_machine_does_not_change_answers() -> None:
    """Limits are in CPU time: a process that got none for longer than its limit still answers."""
    process = MathVerifyProcess(timeout_s=2.5)
    try:
        assert process.ask({"verify": ["x+1", "1+x"]}) == {"equal": True}
        assert process._process is not None
        process._process.send_signal(signal.SIGSTOP)
        threading.Timer(3, process._process.send_signal, [signal.SIGCONT]).start()
        assert process.ask({"verify": ["y+1", "1+y"]}) == {"equal": True}
    finally:
        process.close()


@needs_math_verify
def test_work_that_ignores_the_alarm_ends_with_its_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import sys\n"
        "from its_graph.text.math_verify_worker import _time_limit\n"
        "print('{\"ready\": true}', flush=True)\n"
        "for line in sys.stdin:\n"
        "    with _time_limit(float(sys.argv[1])):\n"
        "        sum(range(10**14))\n"  # in C, where no handler of a signal runs
    )
    monkeypatch.setattr("its_graph.text.math_verify_client._WORKER", worker)
    process = MathVerifyProcess(timeout_s=1)
    monkeypatch.setattr("its_graph.text.math_verify_client._PATIENCE", 600)
    try:
        assert process.ask({"probe": "x"}) == {"timeout": True}
        assert process._process is None
    finally:
        process.close()


@needs_math_verify
def test_existing_limits_are_respected() -> None:
    """Only root may raise a hard limit; for other users every comparison would fail."""
    program = (
        "import resource\n"
        "from its_graph.text.math_verify_worker import _time_limit\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (500, 700))\n"
        "for seconds in (50, 5000):\n"
        "    with _time_limit(seconds): print(*resource.getrlimit(resource.RLIMIT_CPU))\n"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    (low, hard), high = map(int, printed.splitlines()[0].split()), printed.splitlines()[1]
    assert 50 <= low <= 100
    assert hard == 700
    assert high == "700 700"


@needs_math_verify
def test_a_process_that_dies_is_reported_and_replaced() -> None:
    process = MathVerifyProcess(timeout_s=20)
    try:
        assert process.ask({"probe": "x"}) == {"equal": False}
        assert "error" in process.ask({"verify": "not a pair of texts"})
        assert process._process is not None
        process._process.kill()
        assert "ended" in str(process.ask({"probe": "x"})["error"])
        assert process.ask({"probe": "x"}) == {"equal": False}
    finally:
        process.close()


def test_a_process_that_cannot_start_is_reported_once_per_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit(1)")
    monkeypatch.setattr("its_graph.text.math_verify_client._WORKER", broken)
    process = MathVerifyProcess(timeout_s=5)
    assert "did not start" in process.ask({"probe": "x"})["error"]
    assert "did not start" in process.ask({"probe": "x"})["error"]


def test_a_timeout_of_zero_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="timeout_s must be positive; got 0"):
        MathVerifyProcess(timeout_s=0)


@needs_math_verify
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_does_not_touch_its_parents_process(comparer: AnswerComparer) -> None:
    script = """
import os
from its_graph.text.equivalence import equivalent, default_comparer
assert equivalent("(x+1)^2", "x^2+2x+1")
worker = default_comparer()._process._process
child = os.fork()
if child == 0:
    assert equivalent("(x+2)^2", "x^2+4x+4")
    assert default_comparer()._process._process is not worker
    raise SystemExit(0)
assert os.waitpid(child, 0)[1] == 0
assert worker.poll() is None
assert equivalent("(x+3)^2", "x^2+6x+9")
"""
    assert _python(script).returncode == 0


@needs_math_verify
def test_a_script_without_a_main_guard_works_and_leaves_no_process() -> None:
    done = _python(
        "import sys\n"
        "from its_graph.text.equivalence import equivalent, default_comparer\n"
        "assert equivalent('(x+1)^2', 'x^2+2x+1')\n"
        "assert not {'torch', 'sympy', 'math_verify'} & set(sys.modules)\n"
        "print(default_comparer()._process._process.pid)"
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def _python(script: str) -> SimpleNamespace | subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_functions_share_one_comparer() -> None:
    assert default_comparer() is default_comparer()
    assert group(["1", "1.0", None]) == [0, 0, None]
