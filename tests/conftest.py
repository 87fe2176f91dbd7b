"""Fixtures shared by all tests."""

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from its_graph.search.tree import Tree

# Reference 11.1: a number can only be checked on the exact file that it was measured on.
SHA256 = {
    "gsm8k_test.jsonl": "6b88cca129a3b235893f071ddbfb53b51e9b4b4c950938dcb6e57fd0ae7dfafb",
    "math500.jsonl": "8e7a781f1d65ca24d6afaaf3852481287fb7c7a267e7c75e1c5d7c7fcd5e9b6c",
    "processbench_gsm8k.jsonl": "69ccb346ad6f7419583017a06e0a9aeb927f0baa85777aa6c7f00c59bd5886c0",
    "recorded_gsm8k_gpt3_solutions.jsonl": "f509aaa03774b476356e3b94629acf7991369a4c166225f3dade9cab9685d18f",
}
DEFAULT_FOLDER = Path(__file__).parents[2] / "shared" / "data"

Rows = list[dict[str, Any]]

# The duration of an example depends on the load of the machine.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("busy")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job that a shell started in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@cache
def _checked(path: Path) -> Rows | str:
    """Return the rows of a file, or the reason why it cannot be used."""
    if not path.is_file():
        return f"{path.name} is absent from {path.parent}: evaluation data is optional (folder: ITS_GRAPH_DATA)"
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[path.name]:
        return f"{path.name} in {path.parent} is not the version whose figures are known (sha256 differs)"
    return [json.loads(line) for line in content.decode().splitlines()]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the optional evaluation data, which may not exist."""
    return Path(os.environ.get("ITS_GRAPH_DATA", DEFAULT_FOLDER))


@pytest.fixture(scope="session")
def data_rows(data_folder: Path) -> Callable[[str], Rows]:
    """Read a data file by name; the test is skipped if the file is missing or not the known version."""

    def rows(name: str) -> Rows:
        rows_or_reason = _checked(data_folder / name)
        if isinstance(rows_or_reason, str):
            pytest.skip(rows_or_reason)
        return rows_or_reason

    return rows


@pytest.fixture(scope="session", autouse=True)
def no_backoff() -> Iterator[None]:
    """Retry failed calls immediately, so that no test waits. test_retries covers the length of the backoff."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("its_graph.search.model_node.backoff_s", lambda attempts, errors, seed: 0.0)
        yield


@pytest.fixture(scope="session")
def answer_tree() -> Callable[..., Tree]:
    """Return a function: (id of the answer that was shown or None, score, model) of each answer, and a seed -> tree."""

    def make(*rows: tuple[str | None, float | None, str | None], seed: int = 1) -> Tree:
        steps: dict[str, dict[str, Any]] = {}
        for shown, _, model in rows:
            text = f"answer {len(steps)}"
            step: dict[str, Any] = {"parent": None, "text": text, "tokens": 1, "finish": "end", "confidence": None}
            if model is not None:
                step["model"] = model
            if shown is not None:
                step["sources"] = [shown]
            steps[str(len(steps))] = step
        scores: dict[str, dict[str, Any]] = {
            str(key): {"step": str(key), "value": score, "steps": [], "tokens": 0}
            for key, (_, score, _) in enumerate(rows)
        }
        question = [{"role": "user", "content": "Add 3, 5, 4."}]
        return Tree.of({"steps": steps, "scores": scores, "settings": {"seed": seed}, "question": question})

    return make
