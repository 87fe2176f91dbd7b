"""Which failures are transient, and how long to back off."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from its_graph.search.retries import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, backoff_s, is_transient


class Status(Exception):
    """An error as HTTP clients raise it."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (Status(429), True),
        (Status(503), True),
        (Status(400), False),
        (Status(404), False),
        (ValueError(), False),
        (OSError(28, "No space left on device"), False),
        (type("APIConnectionError", (Exception,), {})(), True),
    ],
)
def test_which_failures_are_transient(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


class Busy(Exception):
    """An error as HTTP clients raise it, with the response and its headers."""

    def __init__(self, **headers: object) -> None:
        self.response = SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


def bounds(attempts: int, errors: Sequence[Exception] = ()) -> tuple[float, float]:
    delays = [backoff_s(attempts, errors, seed) for seed in range(500)]
    return min(delays), max(delays)


@pytest.mark.parametrize(("attempts", "longest"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (5000, 8)])
def test_backoff_doubles_up_to_a_cap_and_jitter_shortens_it_by_at_most_a_quarter(attempts: int, longest: float) -> None:
    low, high = bounds(attempts)
    assert 0.75 * longest <= low < 0.78 * longest
    assert 0.97 * longest < high <= longest
    assert FIRST_BACKOFF_S == 0.5
    assert LONGEST_BACKOFF_S == 8


def test_a_seed_repeats_its_backoff() -> None:
    assert backoff_s(3, [], seed=5) == backoff_s(3, [], seed=5) != backoff_s(3, [], seed=6)


@pytest.mark.parametrize("delay", [{"Retry_After": "3"}, {"retry_after": "3.0"}, {"Retry_After": 3}])
def test_a_server_gets_the_delay_it_requests(delay: dict[str, object]) -> None:
    assert bounds(1, [ConnectionError(), Busy(**delay), Busy(Retry_After="2")]) == (3, 3)


@pytest.mark.parametrize("delay", ["0", "-3", "60", "8.5", "nan", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", None, [3]])
def test_an_unusable_request_of_a_server_changes_nothing(delay: object) -> None:
    assert backoff_s(1, [Busy(Retry_After=delay)], seed=1) == backoff_s(1, [], seed=1)


def test_a_server_never_shortens_the_backoff() -> None:
    assert backoff_s(4, [Busy(Retry_After="1")], seed=1) == backoff_s(4, [], seed=1)
    assert backoff_s(4, [Busy(), Busy(Retry_After="8")], seed=1) == 8
