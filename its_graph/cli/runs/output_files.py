"""Files that a command writes: what cannot be written is refused before anything is done for it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from its_graph.errors import ConfigurationError, StorageError

__all__ = ["require_apart", "require_folder", "require_writable", "writing"]


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


def require_folder(option: str, path: Path) -> None:
    """See that files can be written into a folder, which need not be there yet; leave no trace of the trial.

    Raises:
        ConfigurationError: it is a file.
        StorageError: it cannot be written to, or made.
    """
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{option} {path} is a file. Give a folder.")
    nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
    with writing(path, "Give another folder."):
        tempfile.TemporaryFile(dir=nearest).close()


def require_apart(*files: tuple[str, Path | str | None]) -> None:
    """Refuse two options that name the same file: one would write over what the other reads or writes.

    Args:
        files: each with the option that names it; None and data sets that are no file meet no other.

    Raises:
        ConfigurationError: two do.
    """
    named: dict[Path, str] = {}
    for option, given in files:
        if given is not None and (other := named.setdefault(Path(given).resolve(), option)) is not option:
            raise ConfigurationError(f"{other} and {option} are both {given}. Give each a file of its own.")
