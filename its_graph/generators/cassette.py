"""Record the replies of a generator or verifier in a file, and replay them without the model.

Replies are looked up by the content of the request (except its time limit), so requests may come in any order. Equal
requests without a seed may have different replies: these are replayed in the order in which they were recorded. For a
request that is repeatable (a seed, temperature 0, a verifier), the last reply also answers all later calls. Recorded
failures fail again.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, overload

from its_graph.contracts import Generator, Verifier
from its_graph.generators.cassette_attributes import dump_attributes
from its_graph.generators.cassette_file import Cassette, CassetteWriter
from its_graph.generators.cassette_recorder import RecordingGenerator, RecordingVerifier
from its_graph.generators.cassette_replayer import ReplayingGenerator, ReplayingVerifier

__all__ = ["record", "replay"]


@overload
def record(runnable: Generator, path: str | Path, *, model: str = "") -> Generator: ...
@overload
def record(runnable: Verifier, path: str | Path, *, model: str = "") -> Verifier: ...
def record(runnable: Generator | Verifier, path: str | Path, *, model: str = "") -> Generator | Verifier:
    """Return a runnable that replies as `runnable` does and writes every reply to a new cassette file.

    Args:
        runnable: A generator or a verifier.
        path: The file to write; it must not exist, or be empty.
        model: Name and version of the model, for the file's header; the class name by default.

    Returns:
        A generator or a verifier, like `runnable`.

    Raises:
        ConfigurationError: `path` already holds a recording.
        OSError: The file cannot be written (a full disk, for example). Every later call may raise it too.

    Example:
        >>> from its_graph import SampleRequest
        >>> from its_graph.testing import ToyGenerator
        >>> request = SampleRequest(messages=({"role": "user", "content": "Add 3, 5."},), seed=7)
        >>> [sample] = record(ToyGenerator(0.3), "toy.jsonl").invoke(request)
        >>> replay("toy.jsonl").invoke(request) == [sample]
        True
    """
    kind = "generator" if isinstance(runnable, Generator) else "verifier"
    attributes = dump_attributes(runnable)
    header = {
        "kind": kind,
        "model": model or type(runnable).__name__,
        "its_graph": _version(),
        "attributes": attributes,
    }
    writer = CassetteWriter(Path(path), header)
    if isinstance(runnable, Generator):
        return RecordingGenerator(runnable, writer, attributes)
    return RecordingVerifier(runnable, writer, attributes)


def replay(path: str | Path) -> Any:
    """Return the recorded generator or verifier. A request that was never recorded raises `CassetteMissError`.

    Args:
        path: A file written by `record`.

    Returns:
        A generator or a verifier, whichever was recorded, with its attributes (`parameters`, `max_tokens`, ...).

    Raises:
        ConfigurationError: `path` is not a cassette.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.testing import ToyVerifier
        >>> question = {"role": "user", "content": "Add 3, 5."}
        >>> candidate = Candidate(messages=(question,), steps=("3 + 5 = 8",))
        >>> record(ToyVerifier(), "toy.jsonl").invoke(candidate).value
        0.9
        >>> replay("toy.jsonl").invoke(candidate).value
        0.9
    """
    cassette = Cassette(Path(path))
    return (ReplayingGenerator if cassette.header["kind"] == "generator" else ReplayingVerifier)(cassette)


def _version() -> str:
    try:
        return version("its-graph")
    except PackageNotFoundError:
        return "not installed"
