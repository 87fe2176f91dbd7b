"""Labels of the domain: right solutions need no rollouts, first errors are located, untrusted ones are masked."""

from pathlib import Path

from its_graph.contracts import SampleRequest
from its_graph.embedded.arithmetic import arithmetic_problems, reference_solution
from its_graph.embedded.dataset import LabelPlan, is_correct, label_solutions, read_labels, write_labels
from its_graph.embedded.expressions import parse
from its_graph.testing import ScriptedGenerator

PLAN = LabelPlan(questions=6, samples=2, k=4, seed=1, chunk=4)
TRUTH = {item.text: item for item in arithmetic_problems(PLAN.questions, seed=PLAN.seed, split="train")}


def _truth(request: SampleRequest) -> str:
    return reference_solution(TRUTH[request.messages[-1]["content"]].expression)


def test_right_solutions_need_no_completion() -> None:
    generator = ScriptedGenerator(_truth)
    rows, report = label_solutions(generator, PLAN)
    assert len(generator.requests) == PLAN.questions
    assert all(set(row.labels) == {1.0} and len(row.labels) == len(row.candidate.steps) for row in rows)
    assert (report.solutions, report.right, report.completions) == (6, 6, 0)


def test_labels_end_at_the_first_error() -> None:
    """Every solution errs in its second step: completions fail after it and succeed before it."""
    turn = iter(range(10**6))

    def script(request: SampleRequest) -> str:
        true = _truth(request)
        if request.prefix:
            return true[len(request.prefix) :] if true.startswith(request.prefix) else "\\boxed{0.5}"
        steps = true.split("\n\n")
        wrong = "\n\n".join([steps[0], steps[1] + "9", *steps[2:-1], "\\boxed{0.5}"])
        return true if next(turn) % 2 else wrong

    rows, report = label_solutions(ScriptedGenerator(script), PLAN)
    assert report.errors_found == 6
    assert report.errors_masked == 0
    assert {row.labels for row in rows if 0.0 in row.labels} == {(1.0, 0.0)}


def test_hopeless_questions_give_no_negative_labels() -> None:
    generator = ScriptedGenerator(lambda _: "Step 1: 1 + 1 = 3\n\n\\boxed{0.5}")
    rows, report = label_solutions(generator, PLAN)
    assert report.errors_masked == len(rows) == 6
    assert {row.labels for row in rows} == {(None,)}


def test_truncated_solutions_are_counted_and_left_out() -> None:
    generator = ScriptedGenerator(lambda _: "word " * 100)
    rows, report = label_solutions(generator, PLAN)
    assert rows == []
    assert report.cut_solutions == PLAN.questions * PLAN.samples


def test_labels_round_trip_through_a_file(tmp_path: Path) -> None:
    rows, _ = label_solutions(ScriptedGenerator(_truth), PLAN)
    write_labels(tmp_path / "labels.jsonl", rows)
    assert read_labels(tmp_path / "labels.jsonl") == rows


def test_the_boxed_answer_decides() -> None:
    assert is_correct(reference_solution(parse("3 - 5")), "-2")
    assert not is_correct("Step 1: 3 - 5 = -2\n\\boxed{2}", "-2")
    assert not is_correct("Step 1: 3 - 5 = -2", "-2")
