"""Load problems with known answers by name.

`embedded`              generated problems of the embedded models' arithmetic world
`reasoning-gym:TASK?..` problems that the package reasoning-gym generates, `reasoning-gym:chain_sum?size=50&seed=42`
anything else           a JSONL file (see `its_graph.evaluation.data.problem_file`): GSM8K, MATH, AIME as published
"""

from pathlib import Path

from its_graph.evaluation.data.problem import Problem
from its_graph.evaluation.data.problem_file import read_problems
from its_graph.evaluation.data.reasoning_gym import PREFIX, reasoning_gym_problems

__all__ = ["EMBEDDED_DATASET", "EMBEDDED_PROBLEMS", "load_problems"]

EMBEDDED_DATASET = "embedded"
EMBEDDED_PROBLEMS = 200


def load_problems(name: str, *, limit: int | None = None, seed: int = 0) -> list[Problem]:
    """Return the problems of a data set.

    Args:
        name: `embedded`, `reasoning-gym:...`, or the path of a file.
        limit: maximum number of problems; None takes the whole file, the size given to reasoning-gym, or 200 embedded
            problems.
        seed: of embedded problems; for reasoning-gym the name contains the seed.

    Raises:
        ConfigurationError: the data set does not exist.
        InputError: a line of the file is not a problem.
        MissingExtraError: reasoning-gym is not installed.
    """
    if name == EMBEDDED_DATASET:
        from its_graph.embedded import problems

        return [Problem(text, answer) for text, answer in problems(limit or EMBEDDED_PROBLEMS, seed=seed, split="test")]
    if name.startswith(PREFIX):
        return reasoning_gym_problems(name.removeprefix(PREFIX), limit=limit)
    return read_problems(Path(name))[:limit]
