"""A fold that continues where it stopped equals a fold of everything, and takes each record once."""

from typing import Any

from its_graph.search.folds import Fold


def summing(seen: list[str]) -> Fold[list[int], int]:
    """Return a fold that sums `x` (times the view) and notes which records it took."""

    def take(value: list[int], key: str, record: dict[str, int], view: int) -> list[int]:
        seen.append(key)
        value[0] += record["x"] * view
        return value

    return Fold(lambda: [0], take)


def grown(log: dict[str, Any], *numbers: int) -> dict[str, Any]:
    return log | {str(len(log) + offset): {"x": number} for offset, number in enumerate(numbers)}


def test_each_record_is_taken_once_while_the_log_grows() -> None:
    seen: list[str] = []
    fold = summing(seen)
    log: dict[str, Any] = {}
    for number in range(5):
        log = grown(log, number, number)
        assert fold(log, 1) == [sum(record["x"] for record in log.values())]
    assert seen == [str(key) for key in range(10)]


def test_an_empty_log_has_the_starting_value() -> None:
    assert summing([])({}, 1) == [0]


def test_a_fork_is_folded_from_the_start_and_does_not_affect_the_other_branch() -> None:
    fold = summing([])
    trunk = grown({}, 1, 2)
    left, right = grown(trunk, 10), grown(trunk, 20)
    assert fold(left, 1) == [13]
    assert fold(right, 1) == [23]
    assert fold(grown(left, 1), 1) == [14]


def test_an_earlier_state_is_folded_from_the_start() -> None:
    fold = summing([])
    early = grown({}, 1, 2)
    late = grown(early, 3)
    assert fold(late, 1) == [6]
    assert fold(early, 1) == [3]


def test_equal_records_of_another_search_are_another_log() -> None:
    seen: list[str] = []
    fold = summing(seen)
    assert fold(grown({}, 1), 1) == fold(grown({}, 1), 1) == [1]
    assert seen == ["0", "0"]


def test_a_record_inserted_between_others_is_not_a_continuation() -> None:
    fold = summing([])
    log = grown({}, 1, 2)
    fold(log, 1)
    squeezed = {"0": log["0"], "5": {"x": 7}, "1": log["1"]}
    assert fold(squeezed, 1) == [10]
