"""Files that a command writes: what cannot be written is refused before anything is done for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from its_graph.errors import StorageError

__all__ = ["require_writable", "writing"]


@contextmanager
def writing(path: Path, remedy: str = "Give another file.") -> Iterator[None]:
    """Say in one line which file could not be written, why, and what to do about it.

    Raises:
        StorageError: for any `OSError` inside.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}. {remedy}") from error


def require_writable(path: Path) -> None:
    """Open a file for writing, and leave no trace of the trial.

    Raises:
        StorageError: it cannot be opened.
    """
    with writing(path, "Give a file in a folder that is there and can be written to."):
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
