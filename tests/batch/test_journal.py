"""The journal of a batch on disk, and what survives a kill."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from its_graph.batch import adaptive_plan, stream_solutions
from its_graph.batch.journal import Journal
from its_graph.budget import NOTHING, Budget, Spend
from its_graph.errors import InputError
from its_graph.jsonl import JsonLines
from its_graph.testing import ToyGenerator, ToyVerifier

STEP = {"0": {"parent": None, "text": "a"}}
CHARGE = Spend(calls=1, generated_tokens=3)._asdict()
Opened = Callable[[], Journal]
TWO = ["Add 1, 2.", "Add 3, 4."]


@pytest.fixture
def opened(path: Path) -> Iterator[Opened]:
    """Return a function that closes the journal and reads it again."""
    with ExitStack() as files:

        def read() -> Journal:
            files.close()
            return Journal(files.enter_context(closing(JsonLines.open(path))))

        yield read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_only_new_entries_are_written_and_all_are_read(path: Path, opened: Opened) -> None:
    journal = opened()
    journal.add(0, TWO[0], {}, {"steps": STEP})
    journal.add(1, TWO[1], {}, {"steps": STEP})
    journal.add(0, TWO[0], {"steps": STEP}, {"steps": STEP | {"1": {"text": "b"}}, "charges": {"0": CHARGE}})
    assert path.read_text().count('"a"') == 2
    both: list[Opened] = [lambda: journal, opened]
    for reading in both:
        read = reading()
        assert read.logs(0) == {"steps": STEP | {"1": {"text": "b"}}, "charges": {"0": CHARGE}}
        assert read.logs(1) == {"steps": STEP}
        assert read.logs(2) == {}
    assert opened().started_problems(TWO) == [0, 1]


def test_a_search_in_flight_at_a_kill_counts_at_its_worst_case(path: Path, opened: Opened) -> None:
    bound = Spend(calls=2, generated_tokens=10)
    journal = opened()
    assert (journal.spent, journal.lost) == (NOTHING, NOTHING)
    for _ in range(2):
        journal.begin(0, bound)
    journal.add(0, TWO[0], {}, {"charges": {"0": CHARGE}})
    journal.begin(1, bound)
    both: list[Opened] = [lambda: journal, opened]
    for reading in both:
        read = reading()
        assert read.settled == Spend(calls=1, generated_tokens=3)
        assert read.lost == Spend(calls=2 + 2, generated_tokens=10 + 10)
        assert read.spent == Spend(calls=2 + 1 + 2, generated_tokens=10 + 3 + 10)


def test_a_torn_line_is_cut_off(path: Path, opened: Opened) -> None:
    journal = opened()
    journal.add(0, TWO[0], {}, {"steps": STEP})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"add": 0, "probl')
    journal = opened()
    assert path.read_bytes() == whole
    journal.add(1, TWO[1], {}, {"steps": STEP})
    assert opened().started_problems(TWO) == [0, 1]


def test_other_problems_and_other_settings_are_rejected(path: Path, opened: Opened) -> None:
    journal = opened()
    journal.bind_run({"seed": 0, "model": "a"})
    journal.add(1, TWO[1], {}, {"steps": STEP})
    again = opened()
    again.bind_run({"model": "a", "seed": 0})
    with pytest.raises(InputError, match=r"model='a', now 'b'"):
        again.bind_run({"seed": 0, "model": "b"})
    assert again.started_problems([*TWO, "Add 5, 6."]) == [1]
    for problems in (TWO[:1], ["Add 1, 2.", "Add 3, 5."]):
        with pytest.raises(InputError, match="another problem number 1"):
            again.started_problems(problems)


@pytest.mark.parametrize("line", ["[1]", '{"a": 1}', '{"begin": 1}', "nonsense"])
def test_a_file_of_another_kind_is_rejected(path: Path, opened: Opened, line: str) -> None:
    path.write_text(line + "\n")
    with pytest.raises(InputError, match="another file"):
        opened()
    assert path.read_text() == line + "\n"


async def test_a_batch_resumes_where_its_journal_ends(path: Path) -> None:
    """Stopped midway and resumed by another process, it ends as if it had never been stopped."""
    problems = [f"Add {n}, 5, 4, 2." for n in range(1, 30)]

    async def solve(lines: JsonLines, skip: set[int], stop_after: int) -> dict[int, object]:
        stream = stream_solutions(
            problems,
            ToyGenerator(0.5),
            ToyVerifier(),
            budget=Budget(tokens=9_000),
            plan=adaptive_plan(solved=0.85),
            concurrency=1,
            journal=Journal(lines),
            skip=skip,
        )
        results: dict[int, object] = {}
        async for result in stream:
            results[result.problem_index] = (result.answer, result.samples, result.spend._replace(seconds=0))
            if len(results) == stop_after:
                break
        await stream.aclose()
        lines.close()
        return results

    whole = await solve(JsonLines.temporary(), set(), 99)
    before = await solve(JsonLines.open(path), set(), 9)
    after = await solve(JsonLines.open(path), set(before), 99)
    assert len(before) == 9
    assert before | after == whole


def test_a_restarted_search_drops_its_samples_but_not_their_cost(opened: Opened) -> None:
    journal = opened()
    journal.add(0, TWO[0], {}, {"steps": STEP, "charges": {"0": CHARGE}})
    journal.restart(0)
    both: list[Opened] = [lambda: journal, opened]
    for reading in both:
        read = reading()
        assert (read.logs(0), read.settled, read.started_problems(TWO)) == ({}, Spend(**CHARGE), [])
    journal = opened()
    journal.add(0, TWO[0], {}, {"failures": {"0": {"parent": None}}})
    assert (opened().logs(0), opened().started_problems(TWO)) == ({"failures": {"0": {"parent": None}}}, [0])
