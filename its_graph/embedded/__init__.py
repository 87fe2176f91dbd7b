"""The embedded models: a small generator and a verifier that ship with the package and know arithmetic.

Every strategy runs for real with them, without a GPU, a key or a download:

    generator, verifier = its_graph.embedded.load()
    for problem, answer in its_graph.embedded.problems(10, seed=1): ...
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from its_graph.embedded import arithmetic as world
from its_graph.embedded.arithmetic import DataSplit
from its_graph.embedded.phrasing import normalize
from its_graph.errors import MissingExtraError

if TYPE_CHECKING:
    from its_graph.embedded.models import ArithmeticGenerator, ArithmeticPRM, ArithmeticThinker

__all__ = ["WEIGHTS", "load", "load_larger", "load_thinker", "normalize", "problems"]

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped weights."""


def load() -> "tuple[ArithmeticGenerator, ArithmeticPRM]":
    """Return the shipped generator and verifier, on the CPU.

    The models are so small that one torch thread is fastest: set `OMP_NUM_THREADS=1` or call
    `torch.set_num_threads(1)`; nothing global is changed here.

    Raises:
        MissingExtraError: without the extra `local`.
    """
    _require_local()
    from its_graph.embedded.models import ArithmeticGenerator, ArithmeticPRM

    generator = cast(ArithmeticGenerator, ArithmeticGenerator.from_pretrained(WEIGHTS / "generator", device="cpu"))
    verifier = ArithmeticPRM.from_pretrained(WEIGHTS / "verifier", device="cpu")
    return generator, verifier


def load_larger() -> "ArithmeticGenerator":
    """Return a generator several times the size of the other, trained on as many problems, on the CPU.

    For comparisons at equal compute: `its-graph eval-sizes`.

    Raises:
        MissingExtraError: without the extra `local`.
    """
    _require_local()
    from its_graph.embedded.models import ArithmeticGenerator

    return cast(ArithmeticGenerator, ArithmeticGenerator.from_pretrained(WEIGHTS / "larger", device="cpu"))


def load_thinker() -> "ArithmeticThinker":
    """Return the variant that thinks, waits and revises, on the CPU: for `budget_forcing` and `sequential_revision`.

    Raises:
        MissingExtraError: without the extra `local`.
    """
    _require_local()
    from its_graph.embedded.models import ArithmeticThinker

    return cast(ArithmeticThinker, ArithmeticThinker.from_pretrained(WEIGHTS / "thinker", device="cpu"))


def _require_local() -> None:
    try:
        import torch  # noqa: F401 - asked for first, so that the error names the extra
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "local") from error


def problems(n: int, *, seed: int, split: DataSplit = "test") -> Iterator[tuple[str, str]]:
    """Yield n (problem, answer) pairs of 3 to 8 operations.

    Args:
        n: how many.
        seed: names the stream; any seed of the test split gives problems that no training run has seen.
        split: "train", "validation" or "test"; they share no problem.
    """
    return ((item.text, item.answer) for item in world.arithmetic_problems(n, seed=seed, split=split))
