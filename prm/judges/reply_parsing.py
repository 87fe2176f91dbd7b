"""Reads a choice out of a reply: the distribution over the options where the backend tells it, the written word else.

A model that is asked for a letter has a probability for each letter at that place. Their expectation says more than the
one that was drawn (LLM-as-a-verifier, arXiv 2607.05391; GenRM's P("Yes"), 2408.15240).
"""

import math
import re
from collections.abc import Mapping, Sequence

from its_graph.contracts import Sample

__all__ = ["LETTERS", "LETTER_LOGPROBS", "SCALE", "YES_NO", "distribution", "expectation", "mean_of_present", "letter_score"]

LETTERS: Mapping[str, float] = {letter: (19 - place) / 19 for place, letter in enumerate("ABCDEFGHIJKLMNOPQRST")}
"""The scale of 20 letters: A is 20 points of 20, T is 1; a score is (points - 1) / 19."""

SCALE = (
    "Give a letter from A to T. A: certainly right, nothing is missing. E: right but for small faults. "
    "J: more likely right than wrong. K: more likely wrong than right. P: wrong, though parts are useful. "
    "T: certainly wrong."
)
"""What a prompt says about the letters."""

YES_NO: Mapping[str, float] = {"YES": 1.0, "NO": 0.0}

LETTER_LOGPROBS = 20
"""Most likely tokens to ask for: as many as there are letters, and as many as servers commonly give."""


def letter_score(sample: Sample, pattern: re.Pattern[str], lead: str = "") -> float | None:
    """Return the expected score in [0, 1] of the letter that `pattern` finds; None where it finds none."""
    return expectation(distribution(sample, pattern, LETTERS, lead), LETTERS)


def expectation(mass: Mapping[str, float], values: Mapping[str, float]) -> float | None:
    """Return the mean of `values` under `mass` after renormalising it; None where there is no mass."""
    total = sum(mass.values())
    return sum(share * values[option] for option, share in mass.items()) / total if total else None


def mean_of_present(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are there; None where there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def distribution(
    sample: Sample, pattern: re.Pattern[str], options: Mapping[str, float], lead: str = ""
) -> dict[str, float]:
    """Return the probability of each option where the last match of `pattern` stands in the reply.

    Spellings of an option ("A", " a", ">A") are added up. A reply without alternatives, or whose option is not one
    token, counts as certain of what it says. Nothing at all is returned where nothing is found.

    Args:
        sample: the reply.
        pattern: finds the option as its first non-empty group.
        options: the options in capitals.
        lead: text that was put into the model's mouth, read as the beginning of the reply.
    """
    places = sample.alternatives or ()
    said = "".join(place[0][0] for place in places) if places else sample.text
    matches = [match for match in pattern.finditer(lead + said) if match.end() > len(lead)]
    if not matches:
        return {}
    found = next(number for number, text in enumerate(matches[-1].groups(), 1) if text)
    mass = _mass(_place_at(places, matches[-1].start(found) - len(lead)), options)
    return mass or {matches[-1][found].upper(): 1.0}


def _place_at(places: Sequence[Sequence[tuple[str, float]]], start: int) -> Sequence[tuple[str, float]]:
    """Return the alternatives of the token that holds character `start`."""
    end = 0
    for place in places:
        end += len(place[0][0])
        if start < end:
            return place
    return ()


def _mass(place: Sequence[tuple[str, float]], options: Mapping[str, float]) -> dict[str, float]:
    mass: dict[str, float] = {}
    for text, logprob in place:
        option = re.sub(r"\W+|_", "", text).upper()
        if option in options:
            mass[option] = mass.get(option, 0.0) + math.exp(logprob)
    return mass
