"""Record what a generator or verifier answers, replay it without the model.

An answer is found by the content of its request (its time limit apart), so replies may come in any order. Identical
requests without a seed may have different answers: they are replayed in the order in which they were asked. With a
seed, or of a verifier, the last answer stands for all later ones; recorded failures fail again.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, overload

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.errors import CassetteMissError, ConfigurationError
from its_graph.generators.as_completed import AsCompleted
from its_graph.generators.tape import Tape, TapeWriter, content_key, failure_line, recorded_failure

__all__ = ["record", "replay"]

Request = TypeVar("Request", SampleRequest, Candidate)
Reply = TypeVar("Reply")

KEPT = {
    "generator": ("parameters", "max_tokens", "step_tokens", "can_continue", "step_separator"),
    "verifier": ("parameters", "score_range"),
}
"""Attributes that a replayed model has from the recorded one."""


@overload
def record(runnable: Generator, path: str | Path, *, model: str = "") -> Generator: ...
@overload
def record(runnable: Verifier, path: str | Path, *, model: str = "") -> Verifier: ...
def record(runnable: Generator | Verifier, path: str | Path, *, model: str = "") -> Generator | Verifier:
    """Return `runnable` as it is, but everything it answers is also written to `path`.

    Args:
        runnable: a generator or a verifier.
        path: of a new file.
        model: name and version of the model, for the header; the class's name if empty.

    Raises:
        ConfigurationError: `path` already holds a recording.
        OSError: the file cannot be written (a full disk, for example). So for every call.
    """
    kind = "generator" if isinstance(runnable, Generator) else "verifier"
    header = {
        "kind": kind,
        "model": model or type(runnable).__name__,
        "its_graph": version("its-graph"),
        "attributes": {name: getattr(runnable, name) for name in KEPT[kind]},
    }
    writer = TapeWriter(Path(path), header)
    if isinstance(runnable, Generator):
        return _RecordingGenerator(runnable, writer, header["attributes"])
    return _RecordingVerifier(runnable, writer, header["attributes"])


def replay(path: str | Path) -> Any:
    """Return the recorded generator or verifier. What was never recorded raises CassetteMissError.

    Raises:
        ConfigurationError: `path` is not a cassette.
    """
    tape = Tape(Path(path))
    return (_ReplayedGenerator if tape.header["kind"] == "generator" else _ReplayedVerifier)(tape)
