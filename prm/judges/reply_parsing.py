"""Parse a choice in a reply: the distribution over the options if the backend returns it, otherwise the written word.

A model that is asked for a letter assigns a probability to each letter at that position. Their expectation carries more
information than the sampled letter (LLM-as-a-verifier, arXiv 2607.05391; GenRM's P("Yes"), 2408.15240).
"""

import math
import re
from collections.abc import Mapping, Sequence

from its_graph.contracts import Sample

__all__ = [
    "LETTERS",
    "LETTER_LOGPROBS",
    "SCALE",
    "YES_NO",
    "distribution",
    "expectation",
    "letter_score",
    "mean_of_present",
]

LETTERS: Mapping[str, float] = {letter: (19 - index) / 19 for index, letter in enumerate("ABCDEFGHIJKLMNOPQRST")}
"""The scale of 20 letters: A is 20 points, T is 1 point; the score is (points - 1) / 19."""

SCALE = (
    "Give a letter from A to T. A: certainly right, nothing is missing. E: right but for small faults. "
    "J: more likely right than wrong. K: more likely wrong than right. P: wrong, though parts are useful. "
    "T: certainly wrong."
)
"""Explanation of the letters in a prompt."""

YES_NO: Mapping[str, float] = {"YES": 1.0, "NO": 0.0}

LETTER_LOGPROBS = 20
"""Number of most likely tokens to request: the number of letters, and the usual limit of servers."""


def letter_score(sample: Sample, pattern: re.Pattern[str], lead: str = "") -> float | None:
    """Return the expected score in [0, 1] of the letter that `pattern` matches; None if it does not match."""
    return expectation(distribution(sample, pattern, LETTERS, lead), LETTERS)


def expectation(mass: Mapping[str, float], values: Mapping[str, float]) -> float | None:
    """Return the mean of `values` under the renormalized `mass`; None if there is no mass."""
    total = sum(mass.values())
    return sum(share * values[option] for option, share in mass.items()) / total if total else None


def mean_of_present(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None without any."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def distribution(
    sample: Sample, pattern: re.Pattern[str], options: Mapping[str, float], lead: str = ""
) -> dict[str, float]:
    """Return the probability of each option at the last match of `pattern` in the reply.

    The probabilities of all spellings of an option ("A", " a", ">A") are added. If the reply has no alternatives, or if
    the option is not a single token, the written option has probability 1. Without a match the result is empty.

    Args:
        sample: the reply.
        pattern: matches the option in its first nonempty group.
        options: the options in uppercase.
        lead: prefix that the request put before the reply; it is read as part of the reply.
    """
    positions = sample.alternatives or ()
    reply = "".join(tokens[0][0] for tokens in positions) if positions else sample.text
    matches = [match for match in pattern.finditer(lead + reply) if match.end() > len(lead)]
    if not matches:
        return {}
    group = next(number for number, text in enumerate(matches[-1].groups(), 1) if text)
    mass = _option_mass(_tokens_at(positions, matches[-1].start(group) - len(lead)), options)
    return mass or {matches[-1][group].upper(): 1.0}


def _tokens_at(positions: Sequence[Sequence[tuple[str, float]]], start: int) -> Sequence[tuple[str, float]]:
    """Return the alternatives of the token that contains character `start`."""
    end = 0
    for tokens in positions:
        end += len(tokens[0][0])
        if start < end:
            return tokens
    return ()


def _option_mass(tokens: Sequence[tuple[str, float]], options: Mapping[str, float]) -> dict[str, float]:
    mass: dict[str, float] = {}
    for text, logprob in tokens:
        option = re.sub(r"\W+|_", "", text).upper()
        if option in options:
            mass[option] = mass.get(option, 0.0) + math.exp(logprob)
    return mass
