"""The embedded models: a small generator and a verifier for arithmetic that ship with the package.

Every strategy runs on them with real models, without a GPU, an API key or a download:

    generator, verifier = its_graph.embedded.load()
    for problem, answer in its_graph.embedded.problems(10, seed=1): ...
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from its_graph.embedded.arithmetic import DataSplit, arithmetic_problems
from its_graph.embedded.phrasing import normalize
from its_graph.errors import MissingExtraError

if TYPE_CHECKING:
    from its_graph.embedded.models import ArithmeticGenerator, ArithmeticPRM, ArithmeticThinker

__all__ = ["WEIGHTS", "load", "load_larger", "load_thinker", "normalize", "problems"]

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped weights."""


def load() -> "tuple[ArithmeticGenerator, ArithmeticPRM]":
    r"""Return the shipped generator and verifier, on the CPU.

    The models are so small that one torch thread is fastest: set `OMP_NUM_THREADS=1` or call
    `torch.set_num_threads(1)`. This function does not change global settings.

    Raises:
        MissingExtraError: the extra `local` is not installed.

    Example:
        >>> import its_graph
        >>> from its_graph.embedded import load
        >>> generator, verifier = load()
        >>> request = its_graph.SampleRequest(
        ...     messages=({"role": "user", "content": "What is 2 + 3?"},), temperature=0, seed=1
        ... )
        >>> print(generator.invoke(request)[0].text)
        Step 1: 2 + 3 = 5
        \boxed{5}
        >>> generator.close(), verifier.close()
        (None, None)
    """
    _require_local()
    from its_graph.embedded.models import ArithmeticGenerator, ArithmeticPRM

    generator = cast(ArithmeticGenerator, ArithmeticGenerator.from_pretrained(WEIGHTS / "generator", device="cpu"))
    verifier = ArithmeticPRM.from_pretrained(WEIGHTS / "verifier", device="cpu")
    return generator, verifier


def load_larger() -> "ArithmeticGenerator":
    """Return a generator several times larger than that of `load`, trained on as many problems, on the CPU.

    It is for comparisons at equal compute: `its-graph eval-sizes`.

    Raises:
        MissingExtraError: the extra `local` is not installed.

    Example:
        >>> from its_graph.embedded import load_larger
        >>> with load_larger() as generator:
        ...     generator.parameters > 500_000
        True
    """
    _require_local()
    from its_graph.embedded.models import ArithmeticGenerator

    return cast(ArithmeticGenerator, ArithmeticGenerator.from_pretrained(WEIGHTS / "larger", device="cpu"))


def load_thinker() -> "ArithmeticThinker":
    """Return the variant that thinks, waits and revises, on the CPU: for `budget_forcing` and `sequential_revision`.

    Raises:
        MissingExtraError: the extra `local` is not installed.

    Example:
        >>> import its_graph
        >>> from its_graph.embedded import load_thinker
        >>> request = its_graph.SampleRequest(
        ...     messages=({"role": "user", "content": "What is 2 + 3?"},), temperature=0, seed=1
        ... )
        >>> with load_thinker() as thinker:
        ...     "</think>" in thinker.invoke(request)[0].text
        True
    """
    _require_local()
    from its_graph.embedded.models import ArithmeticThinker

    return cast(ArithmeticThinker, ArithmeticThinker.from_pretrained(WEIGHTS / "thinker", device="cpu"))


def _require_local() -> None:
    try:
        import torch  # noqa: F401 - imported first, so that the error names the extra
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "local") from error


def problems(n: int, *, seed: int, split: DataSplit = "test") -> Iterator[tuple[str, str]]:
    """Yield n (problem, answer) pairs of 3 to 8 operations.

    Args:
        n: number of problems.
        seed: selects the stream of problems. No training run uses problems of the test split, whatever the seed.
        split: "train", "validation" or "test", which have no problem in common.

    Example:
        >>> from its_graph.embedded import problems
        >>> next(problems(1, seed=1))
        ('Compute 65 + 89 - 84 / 12 + 11.', '158')
    """
    return ((problem.text, problem.answer) for problem in arithmetic_problems(n, seed=seed, split=split))
