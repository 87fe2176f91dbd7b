"""Problems of reasoning-gym: seeded tasks of any difficulty, made on the spot, so that no model has seen them.

Its scorers pay for partial answers, and for the right one anywhere in a text. So the answer is extracted first, and
only full marks count.
"""

import difflib
import json
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.evaluation.data.problem import Problem

__all__ = ["PREFIX", "reasoning_gym_problems"]

PREFIX = "reasoning-gym:"
_FULL = 0.999
"""Full marks: what is less was paid for a part of the answer."""

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, SyntaxError, TypeError, ValueError)
"""What a scorer raises where it cannot parse an answer: it is not the right one."""


def reasoning_gym_problems(spec: str, *, limit: int | None = None) -> list[Problem]:
    """Return the problems of a task.

    Args:
        spec: its name and settings, `chain_sum?size=50&seed=42&max_terms=3`.
        limit: how many at most.

    Raises:
        ConfigurationError: there is no such task, or it has no such setting.
        MissingExtraError: reasoning-gym is not installed.
    """
    task, _, query = spec.partition("?")
    options = {name: _value(text) for name, text in parse_qsl(query, keep_blank_values=True)}
    dataset = _dataset(task, options)
    count = len(dataset) if limit is None else min(limit, len(dataset))
    return [_problem(dataset, dataset[place]) for place in range(count)]


def _dataset(task: str, options: dict[str, Any]) -> Any:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise MissingExtraError("reasoning-gym", "reasoning-gym") from error
    if task not in DATASETS:
        near = ", ".join(difflib.get_close_matches(task, DATASETS)) or "see the reasoning-gym gallery"
        raise ConfigurationError(f"reasoning-gym has no task {task!r}. Near it: {near}.")
    try:
        return reasoning_gym.create_dataset(task, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigurationError(f"reasoning-gym refuses {task} with {options}: {error}") from error


def _problem(dataset: Any, entry: dict[str, Any]) -> Problem:
    return Problem(
        entry["question"], str(entry["answer"]), dict(entry.get("metadata", {})), partial(_is_right, dataset, entry)
    )


def _is_right(dataset: Any, entry: dict[str, Any], answer: str) -> bool:
    try:
        return bool(dataset.score_answer(answer, entry) >= _FULL)
    except _UNREADABLE:
        return False


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
