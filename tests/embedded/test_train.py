"""The whole training pipeline at toy size: every stage runs, reports and exports, and a second run skips all stages."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from its_graph.embedded.arithmetic import arithmetic_problem
from its_graph.embedded.gate import GateReport
from its_graph.embedded.models import ArithmeticPRM
from its_graph.embedded.pretrain import Phase, PretrainPlan, build_model, pretrain, training_batch
from its_graph.embedded.tokenizer import build_tokenizer
from its_graph.embedded.train import GateFailedError, run_training_command, train_embedded
from its_graph.embedded.train_larger import run_larger_training_command, train_larger_generator
from its_graph.embedded.train_plans import FULL, QUICK, QUICK_LARGER

STRICT_FAILURES = {"pass@4 >= 85", "single < majority"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quick")
    assert (
        run_training_command(["--out", str(out), "--quick", "--gate", "report", "--export", str(out / "weights")]) == 0
    )
    return out


def test_quick_run_runs_all_stages(finished: Path) -> None:
    report = (finished / "gate.txt").read_text()
    for line in ("single", "majority@4", "random score", "plain head", "implicit PRM", "dvts", "own greedy"):
        assert line in report
    for name in ("generator", "verifier"):
        folder = finished / "weights" / name
        assert (folder / "model.safetensors").is_file()
        assert "gate" in json.loads((folder / "training.json").read_text())
    verifier = ArithmeticPRM.from_pretrained(finished / "weights" / "verifier", device="cpu")
    assert verifier.metadata.family == "likelihood"
    verifier.close()


def test_a_failed_gate_exports_nothing(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(GateFailedError, match="nothing was exported"):
        train_embedded(QUICK, finished, export=tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_report_shows_every_check() -> None:
    report = GateReport(("figures",), {"a": True, "b": False}, {})
    assert not report.passed
    assert str(report).splitlines() == ["figures", "", "pass  a", "FAIL  b"]


def test_phases_follow_each_other_and_windows_move() -> None:
    plan = PretrainPlan(layers=1, phases=(Phase(2, (1, 4)), Phase(3, (1, 8), window=4)), anneal_steps=1)
    assert plan.total == 5
    assert [plan.phase(step).operations for step in range(5)] == [(1, 4)] * 2 + [(1, 8)] * 3
    assert [plan.phases[1].batch_operations(step) for step in range(6)] == [
        (1, 4), (2, 5), (3, 6), (4, 7), (5, 8), (1, 4),
    ]  # fmt: skip
    assert FULL.generator.anneal_steps < FULL.generator.total


def test_loss_is_on_the_solution_only() -> None:
    tokenizer = build_tokenizer()
    items = [
        arithmetic_problem(0, split="train", operations=(1, 1)),
        arithmetic_problem(1, split="train", operations=(4, 4)),
    ]
    ids, labels = training_batch(tokenizer, items)
    for row, label, item in zip(ids.tolist(), labels.tolist(), items, strict=True):
        targets = [token for token in label if token != -100]
        text = tokenizer.decode(targets)
        assert text.startswith("Step 1: ")
        assert text.endswith(f"\\boxed{{{item.answer}}}<|im_end|>")
        assert [token for token, target in zip(row, label, strict=True) if target != -100] == targets


def test_architecture_is_the_documented_one() -> None:
    tokenizer = build_tokenizer()
    counts = {layers: sum(p.numel() for p in build_model(tokenizer, layers).parameters()) for layers in (3, 5)}
    assert counts == {3: 193_536, 5: 300_672}


def test_pretraining_learns_and_resumes(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    lines: list[str] = []
    plan = PretrainPlan(
        layers=1, phases=(Phase(8, (1, 1)),), anneal_steps=4, batch=4, checkpoint_every=4, adam_rate=0.01
    )
    whole = pretrain(plan, tokenizer, report=lines.append)
    assert lines[-1].startswith("step 8/8")
    pretrain(replace(plan, phases=(Phase(4, (1, 1)),), anneal_steps=0), tokenizer, report=lines.append)

    class _StopError(Exception):
        pass

    def stop(line: str) -> None:
        raise _StopError

    with pytest.raises(_StopError):
        pretrain(plan, tokenizer, report=stop, checkpoint=tmp_path)
    resumed = pretrain(plan, tokenizer, report=lines.append, checkpoint=tmp_path)
    for first, second in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert first.detach().equal(second.detach())


def test_the_larger_generator_is_trained_exported_and_reused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_larger_training_command(["--quick", "--out", str(out), "--export", str(tmp_path / "weights")]) == 0
    exported = tmp_path / "weights" / "larger"
    assert json.loads((exported / "training.json").read_text())["pretraining"]["hidden"] == 128
    assert json.loads((exported / "config.json").read_text())["hidden_size"] == 128
    stamp = (out / "larger" / "model.safetensors").stat().st_mtime_ns
    train_larger_generator(QUICK_LARGER, out)
    assert (out / "larger" / "model.safetensors").stat().st_mtime_ns == stamp
