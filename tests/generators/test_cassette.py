"""Recording and replaying generators and verifiers."""

import asyncio
import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from its_graph import Budget, SearchContext
from its_graph.contracts import Candidate, Sample, SampleRequest, Verdict
from its_graph.errors import CassetteMissError, ConfigurationError, TruncationError
from its_graph.generators.cassette import record, replay
from its_graph.generators.team import Team
from its_graph.graphs.ab_mcts import create_ab_mcts
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier
from its_graph.text.thinking import ThinkStyle


def ask(text: str = "q", **options: Any) -> SampleRequest:
    return SampleRequest(messages=({"role": "user", "content": text},), **options)


def candidate(*steps: str) -> Candidate:
    return Candidate(messages=({"role": "user", "content": "q"},), steps=steps)


def counting_generator() -> ScriptedGenerator:
    """Return a generator whose reply contains the seed, or else a new number each time."""
    numbers = iter(range(10_000))
    return ScriptedGenerator(lambda request: f"{request.messages[0]['content']} {request.seed or next(numbers)}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_replies_are_replayed_in_any_order_by_every_method(path: Path) -> None:
    requests = [ask(f"question {index} 한국어", seed=index + 1, n=2) for index in range(12)]
    recorder = record(counting_generator(), path)
    replies = recorder.batch(requests)
    shuffled = random.Random(0).sample(list(zip(requests, replies, strict=True)), 12)
    replayed = replay(path)
    assert [replayed.invoke(request) for request, _ in shuffled] == [reply for _, reply in shuffled]
    assert [await replayed.ainvoke(request) for request in requests] == replies
    assert replayed.batch(requests) == await replayed.abatch(requests) == replies
    assert dict(replayed.batch_as_completed(requests)) == dict(enumerate(replies))


async def test_every_method_is_recorded(path: Path) -> None:
    recorder = record(counting_generator(), path)
    replies = [recorder.invoke(ask("a", seed=1)), await recorder.ainvoke(ask("b", seed=1))]
    replies += recorder.batch([ask("c", seed=1)]) + await recorder.abatch([ask("d", seed=1)])
    replies += [reply for _, reply in recorder.batch_as_completed([ask("e", seed=1)])]
    replies += [reply async for _, reply in recorder.abatch_as_completed([ask("f", seed=1)])]
    assert replay(path).batch([ask(text, seed=1) for text in "abcdef"]) == replies


def test_equal_requests_without_a_seed_get_successive_replies(path: Path) -> None:
    recorder = record(counting_generator(), path)
    replies = [recorder.invoke(ask()) for _ in range(3)]
    replayed = replay(path)
    assert [replayed.invoke(ask()) for _ in range(3)] == replies
    assert len({reply[0].text for reply in replies}) == 3
    with pytest.raises(CassetteMissError, match="holds 3 replies to this request, and this is call 4"):
        replayed.invoke(ask())


def test_takes_are_numbered_in_the_order_of_the_requests(path: Path) -> None:
    class Backwards(ScriptedGenerator):
        def batch_as_completed(
            self, inputs: Any, config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
        ) -> Any:
            yield from reversed(list(super().batch_as_completed(inputs, config)))

    numbers = iter("abc")
    recorder = record(Backwards(lambda request: next(numbers)), path)
    replies = recorder.batch([ask(), ask(), ask()])
    assert replay(path).batch([ask(), ask(), ask()]) == replies


def test_with_a_seed_or_greedy_the_reply_is_repeated(path: Path) -> None:
    recorder = record(counting_generator(), path)
    for request in (ask(seed=1), ask(temperature=0)):
        replies = recorder.invoke(request)
        replayed = replay(path)
        assert [replayed.invoke(request) for _ in range(3)] == [replies] * 3


def test_a_miss_names_request_and_file(path: Path) -> None:
    record(counting_generator(), path).invoke(ask("known", seed=1))
    with pytest.raises(CassetteMissError, match=r"cassette\.jsonl has no reply to .*unknown.*Record it again"):
        replay(path).invoke(ask("unknown", seed=1))
    for changed in ({"seed": 2}, {"n": 2}, {"stop": ("x",)}, {"temperature": 0.1}, {"prefix": "x"}):
        with pytest.raises(CassetteMissError):
            replay(path).invoke(ask("known", **{"seed": 1, **changed}))


def test_the_time_limit_does_not_identify_a_request(path: Path) -> None:
    replies = record(counting_generator(), path).invoke(ask(seed=1, timeout_s=3.2))
    assert replay(path).invoke(ask(seed=1, timeout_s=1.7)) == replies


def test_failures_fail_again_and_retries_succeed_again(path: Path) -> None:
    replies = iter([TruncationError("too long"), TimeoutError("slow"), KeyError("odd"), OverloadError("busy"), "fine"])

    def script(request: SampleRequest) -> Any:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    recorder = record(ScriptedGenerator(script), path)
    outcomes = [recorder.batch([ask(seed=1)], return_exceptions=True)[0] for _ in range(5)]
    assert [type(outcome) for outcome in outcomes] == [TruncationError, TimeoutError, KeyError, OverloadError, list]
    replayed = replay(path)
    again = [replayed.batch([ask(seed=1)], return_exceptions=True)[0] for _ in range(5)]
    assert [type(outcome) for outcome in again] == [TruncationError, TimeoutError, KeyError, RuntimeError, list]
    assert [str(again[0]), str(again[3]), again[4]] == ["too long", "OverloadError: busy", outcomes[4]]
    with pytest.raises(TruncationError, match="too long"):
        replay(path).invoke(ask(seed=1))


class OverloadError(Exception):
    """An exception class of a client library."""


def test_recording_raises_what_the_model_raises(path: Path) -> None:
    def script(request: SampleRequest) -> Any:
        raise TruncationError("too long")

    with pytest.raises(TruncationError):
        record(ScriptedGenerator(script), path).invoke(ask(seed=1))
    assert lines(path)[1]["failure"] == {"type": "TruncationError", "message": "too long"}


def test_a_replayed_generator_is_like_the_recorded_one(path: Path) -> None:
    inner = ScriptedGenerator(lambda request: "x", parameters=5)
    inner.max_tokens, inner.step_tokens, inner.can_continue, inner.step_separator = 11, 12, False, "\n"
    recorder = record(inner, path)
    counted = recorder.prompt_tokens(ask("one two three", n=4))
    for copy in (recorder, replay(path)):
        assert (copy.parameters, copy.max_tokens, copy.step_tokens) == (5, 11, 12)
        assert (copy.can_continue, copy.step_separator) == (False, "\n")
        assert copy.prompt_tokens(ask("one two three", n=1, max_tokens=3)) == counted == 3
    recorder.prompt_tokens(ask("one two three"))
    assert sum("tokens" in line for line in lines(path)) == 1
    with pytest.raises(CassetteMissError, match="never counted"):
        replay(path).prompt_tokens(ask("another"))


def test_verifiers(path: Path) -> None:
    scores = {"good": 0.9, "nan": math.nan}
    inner = ScriptedVerifier(lambda candidate: [scores.get(step, -math.inf) for step in candidate.steps], parameters=7)
    inner.score_range = "real"
    recorder = record(inner, path)
    candidates = [candidate("good"), candidate("nan", "good"), candidate("bad")]
    replies, tokens = recorder.batch(candidates), recorder.tokens(candidates[1])
    replayed = replay(path)
    assert repr(replayed.batch(candidates[::-1])) == repr(replies[::-1])
    assert repr(replayed.invoke(candidates[0])) == repr(replayed.invoke(candidates[0])) == repr(replies[0])
    assert isinstance(replayed.invoke(candidates[1]), Verdict)
    assert (replayed.parameters, replayed.score_range, replayed.tokens(candidates[1])) == (7, "real", tokens)
    with pytest.raises(CassetteMissError):
        replayed.invoke(candidate("never"))


def test_the_header_names_the_model(path: Path, tmp_path: Path) -> None:
    record(counting_generator(), path, model="tiny 1.2")
    assert lines(path)[0].items() >= {"kind": "generator", "model": "tiny 1.2", "cassette": 1}.items()
    assert "its_graph" in lines(path)[0]
    record(counting_generator(), tmp_path / "other")
    assert lines(tmp_path / "other")[0]["model"] == "ScriptedGenerator"


def test_an_existing_recording_is_not_overwritten(path: Path) -> None:
    record(counting_generator(), path).invoke(ask(seed=1))
    with pytest.raises(ConfigurationError, match="already holds a recording"):
        record(counting_generator(), path)


def test_a_crash_loses_only_the_line_being_written(path: Path) -> None:
    recorder = record(counting_generator(), path)
    replies = [recorder.invoke(ask(str(index), seed=1)) for index in range(3)]
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1]) + 1):
        path.write_bytes(whole[:-cut])
        replayed = replay(path)
        assert [replayed.invoke(ask(str(index), seed=1)) for index in range(2)] == replies[:2]
        with pytest.raises(CassetteMissError):
            replayed.invoke(ask("2", seed=1))


def test_files_that_are_not_cassettes(path: Path, tmp_path: Path) -> None:
    for text in ("", "[]\n", "nonsense\n", '{"a": 1}\n', '{"cassette": 99}\n', '{"cassette": 1}\nbroken\n{}\n'):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"cassette\.jsonl.*[Rr]ecord"):
            replay(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        replay(tmp_path / "absent")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_raises_and_names_the_file(path: Path) -> None:
    with pytest.raises(OSError, match=r"could not be recorded \(No space left on device\).*'/dev/full'"):
        record(counting_generator(), "/dev/full")
    recorder = record(counting_generator(), path)
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"could not be recorded.*cassette\.jsonl"):
        recorder.invoke(ask())


async def test_concurrent_recording_writes_whole_lines(path: Path) -> None:
    recorder = record(counting_generator(), path)
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(recorder.invoke, [ask("x" * 5000, seed=index + 1) for index in range(64)]))
    replies += await asyncio.gather(*(recorder.ainvoke(ask("y" * 5000, seed=index + 1)) for index in range(64)))
    assert len(lines(path)) == 129
    replayed = replay(path)
    assert [replayed.invoke(ask("x" * 5000, seed=index + 1)) for index in range(64)] == replies[:64]
    assert all(isinstance(sample, Sample) for reply in replies for sample in reply)


def test_a_replayed_team_runs_the_same_search(path: Path, tmp_path: Path) -> None:
    """Names, sizes and prompt lengths of the models are recorded: the search selects and charges the same."""

    class Wordy(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            return 3 * super().prompt_tokens(request)

    team = Team({"small": ToyGenerator(0.5, parameters=10), "large": Wordy(0.1, parameters=90)})
    context = SearchContext(seed=7, budget=Budget(flops=1e9))
    results = []
    ways: list[tuple[Any, Any]] = [(partial(record, team), partial(record, ToyVerifier())), (replay, replay)]
    for open_generator, open_verifier in ways:
        graph = create_ab_mcts(open_generator(path), open_verifier(tmp_path / "verifier.jsonl"), n=8).compile()
        result = graph.invoke({"problem": "Add 3, 5, 4, 7, 2."}, context=context)["result"]
        result["spend"]["seconds"] = 0
        results.append(result)
    assert results[0] == results[1]
    assert results[0]["spend"]["flops"] > 0


def test_signals_and_think_style_are_kept(path: Path) -> None:
    generator = counting_generator()
    generator.think_style = ThinkStyle("</t>", "</t>\n", wait="Hm")
    generator.temperature = 0.6
    record(generator, path).invoke(ask(seed=1))
    replayed = replay(path)
    assert replayed.signals == generator.signals
    assert replayed.think_style == generator.think_style
    assert replayed.temperature == 0.6
    assert replayed.models == ()
