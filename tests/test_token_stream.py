"""Text is streamed while it is written, and only if somebody listens."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from its_graph import Budget, SampleRequest, SearchContext, create
from its_graph.contracts import Sample
from its_graph.search.events import rebuild
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier
from its_graph.token_stream import subscribe, token_callback

QUESTION = {"problem": "Add 3, 5, 4."}


def ask(**options: Any) -> SampleRequest:
    return SampleRequest(messages=({"role": "user", "content": "2 + 2 ="},), **options)


def test_a_script_is_streamed_word_by_word() -> None:
    texts: dict[str, list[str]] = defaultdict(list)
    generator = ScriptedGenerator(lambda request: "one two\n\nthree")
    with subscribe(lambda stream_id, text: texts[stream_id].append(text)):
        [sample] = generator.invoke(ask(stream_id="a"))
    assert texts == {"a": ["one ", "two\n\n", "three"]}
    assert sample.text == "one two\n\nthree"


def test_without_a_listener_or_an_id_there_is_no_callback() -> None:
    assert token_callback(ask(stream_id="a")) is None
    with subscribe(lambda stream_id, text: None):
        assert token_callback(ask()) is None
        assert token_callback(ask(stream_id="a")) is not None


def search(stream_tokens: bool, **options: Any) -> tuple[Any, SearchContext]:
    graph = create("beam_search", ToyGenerator(**options), ToyVerifier(), n=4, width=2).compile()
    return graph, SearchContext(seed=7, stream_tokens=stream_tokens, budget=Budget(generated_tokens=200))


def texts_of(events: Sequence[Any]) -> dict[str, str]:
    """Join the streamed texts by their positions."""
    written: dict[str, str] = {}
    for event in events:
        if event["type"] == "its.token_added":
            written[event["id"]] = written.get(event["id"], "")[: event["at"]] + event["text"]
    return written


async def test_a_search_streams_what_its_steps_become() -> None:
    graph, context = search(stream_tokens=True)
    sync = list(graph.stream(QUESTION, context=context, stream_mode="custom"))
    events = [event async for event in graph.astream(QUESTION, context=context, stream_mode="custom")]
    steps = rebuild(events)["steps"]
    assert texts_of(events) == {key: step["text"] for key, step in steps.items()} == texts_of(sync)
    positions = {event["id"]: index for index, event in enumerate(events) if event["type"] == "its.step_added"}
    assert all(
        index < positions[event["id"]] for index, event in enumerate(events) if event["type"] == "its.token_added"
    )


def test_nothing_is_streamed_unless_requested_and_the_search_is_the_same() -> None:
    results = []
    for stream_tokens in (False, True):
        graph, context = search(stream_tokens=stream_tokens)
        events = list(graph.stream(QUESTION, context=context, stream_mode="custom"))
        assert bool(texts_of(events)) is stream_tokens
        results.append(rebuild(events)["steps"])
    assert results[0] == results[1]


def test_a_retried_call_starts_again_at_zero() -> None:
    toy, failed = ToyGenerator(), set()

    class FailsOnce(ScriptedGenerator):
        def invoke(self, input: SampleRequest, config: Any = None, **kwargs: Any) -> list[Sample]:
            samples = super().invoke(input, config)
            if input.seed not in failed:
                failed.add(input.seed)
                raise ConnectionError("lost in the middle of its reply")
            return samples

    graph = create("self_consistency", FailsOnce(toy.script), n=2).compile()
    context = SearchContext(seed=7, stream_tokens=True)
    events = list(graph.stream(QUESTION, context=context, stream_mode="custom"))
    started = [event["id"] for event in events if event["type"] == "its.token_added" and event["at"] == 0]
    assert sorted(started) == ["0", "0", "1", "1"]
    assert texts_of(events) == {key: step["text"] for key, step in rebuild(events)["steps"].items()}
