"""Problems of reasoning-gym: seeded tasks of adjustable difficulty, generated on demand, so no model has seen them.

Its scorers give partial credit, and credit for a correct answer anywhere in a text. So the answer is extracted first,
and only full credit counts.
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
_FULL_CREDIT = 0.999
"""Scores below this are partial credit."""

_PARSE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, SyntaxError, TypeError, ValueError)
"""What a scorer raises for an answer that it cannot parse, which is then incorrect."""


def reasoning_gym_problems(spec: str, *, limit: int | None = None) -> list[Problem]:
    """Return the problems of a task.

    Args:
        spec: name and options of the task, `chain_sum?size=50&seed=42&max_terms=3`.
        limit: maximum number of problems.

    Raises:
        ConfigurationError: there is no such task, or it has no such option.
        MissingExtraError: reasoning-gym is not installed.
    """
    task, _, query = spec.partition("?")
    options = {name: _value(text) for name, text in parse_qsl(query, keep_blank_values=True)}
    dataset = _dataset(task, options)
    count = len(dataset) if limit is None else min(limit, len(dataset))
    return [_problem(dataset, dataset[index]) for index in range(count)]


def _dataset(task: str, options: dict[str, Any]) -> Any:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise MissingExtraError("reasoning-gym", "reasoning-gym") from error
    if task not in DATASETS:
        matches = ", ".join(difflib.get_close_matches(task, DATASETS)) or "see the reasoning-gym gallery"
        raise ConfigurationError(f"reasoning-gym has no task {task!r}. Similar names: {matches}.")
    try:
        return reasoning_gym.create_dataset(task, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigurationError(f"reasoning-gym rejects {task} with {options}: {error}") from error


def _problem(dataset: Any, entry: dict[str, Any]) -> Problem:
    return Problem(
        entry["question"], str(entry["answer"]), dict(entry.get("metadata", {})), partial(_is_correct, dataset, entry)
    )


def _is_correct(dataset: Any, entry: dict[str, Any], answer: str) -> bool:
    try:
        return bool(dataset.score_answer(answer, entry) >= _FULL_CREDIT)
    except _PARSE_ERRORS:
        return False


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
