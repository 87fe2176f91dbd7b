"""docs/reference/algorithms.md 5.5: letters read as an expectation."""

import math
import re

import pytest

from its_graph.contracts import Sample
from its_graph.prm.judges.reply_parsing import LETTERS, YES_NO, distribution, expectation, letter_score, mean_of_present

SCORE = re.compile(r"<score>\s*([A-T])(?=\s*(?:<|$))", re.IGNORECASE)


def reply(*positions: dict[str, float]) -> Sample:
    """Return a reply with the given probabilities at each token; the first of each was sampled."""
    alternatives = tuple(tuple((text, math.log(mass)) for text, mass in position.items()) for position in positions)
    return Sample(
        text="".join(position[0][0] for position in alternatives), finish_reason="end", alternatives=alternatives
    )


def test_letters_are_twenty_points_down_to_one() -> None:
    assert list(LETTERS) == list("ABCDEFGHIJKLMNOPQRST")
    points = [value * 19 + 1 for value in LETTERS.values()]
    assert points == pytest.approx(list(range(20, 0, -1)))


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ({"A": 0.6, "D": 0.3, "T": 0.1}, 0.852632),
        ({"A": 1.0}, 1.0),
        ({"T": 1.0}, 0.0),
        (dict.fromkeys("ABCDEFGHIJKLMNOPQRST", 0.05), 0.5),
    ],
)
def test_vectors(letters: dict[str, float], expected: float) -> None:
    """Reference 5.5: A .6, D .3, T .1 -> .852632; all at A -> 1, at T -> 0; uniform -> .5."""
    sample = reply({"<score>": 1.0}, letters, {"</score>": 1.0})
    assert letter_score(sample, SCORE) == pytest.approx(expected, abs=1e-6)


def test_only_valid_letters_count_and_are_renormalized() -> None:
    sample = reply({"<score>": 1.0}, {"A": 0.3, "T": 0.1, "Z": 0.4, "The": 0.1}, {"</score>": 1.0})
    assert letter_score(sample, SCORE) == pytest.approx(0.75)


def test_spellings_of_a_letter_are_added() -> None:
    """Reference 5.5: the maximum over spellings would give .5."""
    sample = reply({"<score>": 1.0}, {"A": 0.2, " A": 0.2, "a": 0.2, "T": 0.2}, {"</score>": 1.0})
    assert letter_score(sample, SCORE) == pytest.approx(0.75)


def test_a_letter_that_shares_its_token_with_the_tag() -> None:
    sample = reply({"<score": 1.0}, {">A<": 0.5, ">T<": 0.25}, {"/score>": 1.0})
    assert letter_score(sample, SCORE) == pytest.approx(2 / 3)


def test_the_last_score_counts() -> None:
    tags = ({"<score>": 1.0}, {"</score>": 1.0})
    sample = reply(tags[0], {"T": 1.0}, tags[1], {" no, ": 1.0}, tags[0], {"A": 1.0}, tags[1])
    assert letter_score(sample, SCORE) == 1.0


def test_without_alternatives_the_letter_itself_counts() -> None:
    assert letter_score(Sample(text="fine <score>b</score>", finish_reason="end"), SCORE) == pytest.approx(18 / 19)


@pytest.mark.parametrize("text", ["I cannot judge this.", "", "<score>U</score>", "<score>A good one</score>"])
def test_a_reply_without_a_letter_is_missing(text: str) -> None:
    assert letter_score(Sample(text=text, finish_reason="end"), SCORE) is None


def test_a_lead_is_part_of_the_reply_but_not_an_answer() -> None:
    assert letter_score(reply({"A": 0.5, "T": 0.5}), SCORE, lead="<score>") == 0.5
    assert letter_score(reply({" well": 1.0}), SCORE, lead="<score>A</score>") is None


def test_a_word_of_several_tokens_counts_as_written() -> None:
    pattern = re.compile(r"Correct\? (Yes|No)")
    sample = reply({"Correct? ": 1.0}, {"Y": 0.6, "N": 0.4}, {"es": 1.0})
    assert expectation(distribution(sample, pattern, YES_NO), YES_NO) == 1.0


def test_mean_of_present() -> None:
    assert mean_of_present([0.5, None, 1.0]) == 0.75
    assert mean_of_present([None]) is None
