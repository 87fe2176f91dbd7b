"""Extended chain of thought: docs/reference/algorithms.md 4.1, through the graph."""

from typing import Any

import pytest

from its_graph import SampleRequest, SearchContext
from its_graph.contracts import Sample
from its_graph.graphs import create_extended_cot
from its_graph.testing import ScriptedGenerator
from its_graph.text.thinking import THINK, thinking_share


def run(*texts: str | Sample, context: SearchContext | None = None, **options: Any) -> tuple[dict[str, Any], Any]:
    """Return the result and the generator; each text is one sample, in order."""
    said = iter(texts)
    generator = ScriptedGenerator(lambda request: next(said))
    graph = create_extended_cot(generator, n=len(texts), **options).compile()
    out = graph.invoke({"problem": "?"}, context=context or SearchContext(seed=0))
    return out["result"], generator


def test_one_long_generation_is_asked_for_by_default() -> None:
    generator = ScriptedGenerator(lambda request: r"hm</think>\boxed{4}")
    create_extended_cot(generator).compile().invoke({"problem": "?"})
    assert [(request.stop, request.prefix, request.max_tokens) for request in generator.requests] == [((), "", 64)]


@pytest.mark.parametrize("style", ["think", "turn", THINK, None])
def test_the_answer_follows_the_thinking(style: Any) -> None:
    r"""Reference 4.1: a box inside the thinking is not an answer."""
    assert run(r"<think>\boxed{3}</think> \boxed{4}", style=style)[0]["answer"] == "4"
    assert run(r"\boxed{3}</think> \boxed{4}", style=style)[0]["answer"] == "4"
    assert run(r"<think>\boxed{3}", style=style)[0]["answer"] is None


def test_two_closing_tags_split_at_the_first() -> None:
    """Reference 4.1."""
    result, _ = run(r"<think>\boxed{3}</think> \boxed{4}</think> so", style="think")
    assert result["answer"] == "4"


@pytest.mark.parametrize("finish", ["length", "end"])
def test_a_thinking_that_never_ends_has_no_answer(finish: Any) -> None:
    """Reference 4.1: text without a closing tag is truncated thinking; the chat template wrote the opening one."""
    result, _ = run(Sample(text=r"so \boxed{3}", finish_reason=finish, generated_tokens=2), style="think")
    assert result["answer"] is None
    assert result["text"] == "<think>\n" + r"so \boxed{3}"
    assert result["votes"] == []
    assert result["truncated"] == (finish == "length")


def test_an_opening_tag_that_is_there_is_not_put_back() -> None:
    assert run("\n<think>so", style="think")[0]["text"] == "\n<think>so"


def test_a_model_that_does_not_mark_its_thinking_is_read_as_it_stands() -> None:
    result, _ = run(r"so \boxed{3}")
    assert (result["answer"], result["text"]) == ("3", r"so \boxed{3}")


def test_the_answers_vote_and_what_was_cut_does_not() -> None:
    cut = Sample(text=r"hm</think>\boxed{7}", finish_reason="length", generated_tokens=2)
    result, _ = run(cut, cut, cut, r"\boxed{1}</think>\boxed{4}", r"\boxed{1}</think>\boxed{5}", r"</think>\boxed{5}")
    assert result["answer"] == "5"
    assert [(vote["answer"], vote["count"]) for vote in result["votes"]] == [("5", 2), ("4", 1)]
    assert result["truncated"] == 3


def test_the_settings_of_the_run_are_the_models() -> None:
    """Reference 4.1: R1's temperature .6, top_p .95 and 32,768 tokens are settings, not constants."""
    settings = SearchContext(seed=0, temperature=0.6, top_p=0.95, max_tokens=32_768)
    _, generator = run("</think>4", context=settings)
    (request,) = generator.requests
    assert isinstance(request, SampleRequest)
    assert (request.temperature, request.top_p, request.max_tokens) == (0.6, 0.95, 32_768)


def test_the_thinking_can_be_measured_on_every_candidate() -> None:
    result, _ = run("aaaa</think>4444", style="think")
    assert thinking_share(result["candidates"][0]["text"]) == pytest.approx(4 / 16)


def test_the_generators_own_style_is_taken() -> None:
    generator = ScriptedGenerator(lambda request: r"so \boxed{3}")
    generator.think_style = THINK
    assert create_extended_cot(generator).compile().invoke({"problem": "?"})["answer"] is None
