"""Files that a command writes: a file that cannot be written is rejected before any work is done for it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from its_graph.errors import ConfigurationError, StorageError

__all__ = ["explain_write_errors", "require_distinct_files", "require_folder", "require_writable"]


@contextmanager
def explain_write_errors(path: Path, remedy: str = "Give another file.") -> Iterator[None]:
    """Turn an `OSError` into one line that names the file, the reason and a remedy.

    Raises:
        StorageError: for any `OSError` inside.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}. {remedy}") from error


def require_writable(path: Path) -> None:
    """Check that a file can be opened for writing; a new file is removed again.

    Raises:
        StorageError: it cannot be opened.
    """
    with explain_write_errors(path, "Give a file in an existing, writable folder."):
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()


def require_folder(option: str, path: Path) -> None:
    """Check that files can be written into a folder, which need not exist yet and is not created.

    Raises:
        ConfigurationError: it is a file.
        StorageError: it cannot be created or written to.
    """
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{option} {path} is a file. Give a folder.")
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    with explain_write_errors(path, "Give another folder."):
        tempfile.TemporaryFile(dir=nearest).close()


def require_distinct_files(*files: tuple[str, Path | str | None]) -> None:
    """Check that no two options name the same file: one would overwrite what the other reads or writes.

    Args:
        files: each with the option that names it; None and names of built-in data sets are allowed.

    Raises:
        ConfigurationError: two options name one file.
    """
    options: dict[Path, str] = {}
    for option, path in files:
        if path is not None and (first := options.setdefault(Path(path).resolve(), option)) is not option:
            raise ConfigurationError(f"{first} and {option} are both {path}. Give each its own file.")
