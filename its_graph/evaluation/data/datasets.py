"""Where problems with known answers come from: a name, or a file of one's own.

`embedded`              fresh problems of the embedded models' world
`reasoning-gym:TASK?..` problems that the package reasoning-gym makes, `reasoning-gym:chain_sum?size=50&seed=42`
anything else           a file of JSON lines (see `its_graph.evaluation.data.problem_file`): GSM8K, MATH, AIME as they are
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
        limit: how many at most; None takes all of a file, the size that reasoning-gym is given, 200 embedded ones.
        seed: of embedded problems; reasoning-gym has a seed of its own in the name.

    Raises:
        ConfigurationError: there is no such data set.
        InputError: a line of the file is no problem.
        MissingExtraError: reasoning-gym is not installed.
    """
    if name == EMBEDDED_DATASET:
        from its_graph.embedded import problems

        return [Problem(text, answer) for text, answer in problems(limit or EMBEDDED_PROBLEMS, seed=seed, split="test")]
    if name.startswith(PREFIX):
        return reasoning_gym_problems(name.removeprefix(PREFIX), limit=limit)
    return read_problems(Path(name))[:limit]
