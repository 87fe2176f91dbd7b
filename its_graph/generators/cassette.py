"""Record what a generator or verifier answers, replay it without the model.

An answer is found by the content of its request (its time limit apart), so replies may come in any order. Identical
requests without a seed may have different answers: they are replayed in the order in which they were asked. With a
seed, or of a verifier, the last answer stands for all later ones; recorded failures fail again.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, overload

from its_graph.contracts import Generator, Verifier
from its_graph.generators.cassette_attributes import kept
from its_graph.generators.cassette_file import Tape, TapeWriter
from its_graph.generators.cassette_recorder import RecordingGenerator, RecordingVerifier
from its_graph.generators.cassette_replayer import ReplayedGenerator, ReplayedVerifier

__all__ = ["record", "replay"]


@overload
def record(runnable: Generator, path: str | Path, *, model: str = "") -> Generator: ...
@overload
def record(runnable: Verifier, path: str | Path, *, model: str = "") -> Verifier: ...
def record(runnable: Generator | Verifier, path: str | Path, *, model: str = "") -> Generator | Verifier:
    """Return a runnable that answers as `runnable` does and writes every answer to `path`.

    Args:
        runnable: a generator or a verifier.
        path: of a new file.
        model: name and version of the model, for the header; the class's name if empty.

    Raises:
        ConfigurationError: `path` already holds a recording.
        OSError: the file cannot be written (a full disk, for example). So for every call.
    """
    kind = "generator" if isinstance(runnable, Generator) else "verifier"
    attributes = kept(runnable)
    header = {
        "kind": kind,
        "model": model or type(runnable).__name__,
        "its_graph": _version(),
        "attributes": attributes,
    }
    writer = TapeWriter(Path(path), header)
    if isinstance(runnable, Generator):
        return RecordingGenerator(runnable, writer, attributes)
    return RecordingVerifier(runnable, writer, attributes)


def replay(path: str | Path) -> Any:
    """Return the recorded generator or verifier. What was never recorded raises CassetteMissError.

    Raises:
        ConfigurationError: `path` is not a cassette.
    """
    tape = Tape(Path(path))
    return (ReplayedGenerator if tape.header["kind"] == "generator" else ReplayedVerifier)(tape)


def _version() -> str:
    try:
        return version("its-graph")
    except PackageNotFoundError:
        return "not installed"
