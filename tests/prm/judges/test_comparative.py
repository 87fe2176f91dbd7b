from collections.abc import Callable
from typing import Any

import pytest

from its_graph.contracts import Comparison, Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.comparative import GenSelectJudge, PairwiseJudge
from its_graph.testing import ScriptedGenerator

COMPARISON = Comparison(
    messages=({"role": "user", "content": "What is 2 + 3?"},), texts=("It is {5}.", "It is 6."), seed=4
)
Likely = Callable[..., Sample]


def judge(reply: str, kind: Any = PairwiseJudge, **options: Any) -> Any:
    return kind(ScriptedGenerator(lambda request: reply), **options)


def test_the_expectation_of_each_letter(likely: Likely) -> None:
    """Reference 5.5: E = 17.2 -> .852632 for the first, all mass on T -> 0 for the second."""

    def script(request: SampleRequest) -> Sample:
        first = ({"<score_1>": 1.0}, {"A": 0.6, "D": 0.3, "T": 0.1}, {"</score_1>": 1.0})
        return likely(request, {"Hm. ": 1.0}, *first, {"<score_2>": 1.0}, {"T": 1.0}, {"</score_2>": 1.0})

    generator = ScriptedGenerator(script, parameters=5)
    opinion = PairwiseJudge(generator).invoke(COMPARISON)
    assert opinion.scores == pytest.approx((0.852632, 0.0), abs=1e-6)
    assert opinion.tokens == generator.prompt_tokens(generator.requests[0]) + 7
    assert PairwiseJudge(generator).parameters == 5


def test_letters_count_if_there_is_no_distribution() -> None:
    assert judge("<score_1>B</score_1><score_2>T</score_2>").invoke(COMPARISON).scores == pytest.approx((18 / 19, 0))
    assert judge('{"score_1": "A", "score_2": "T"}').invoke(COMPARISON).scores == (1.0, 0.0)


def test_a_missing_letter_is_counted() -> None:
    partial = judge("<score_2>A</score_2>")
    assert partial.invoke(COMPARISON).scores == (None, 1.0)
    assert partial.unparsed.count == 1
    empty = judge("I cannot tell.")
    assert empty.invoke(COMPARISON).scores == (None, None)
    assert empty.unparsed.count == 2


def test_solutions_keep_their_order() -> None:
    generator = ScriptedGenerator(lambda request: "")
    PairwiseJudge(generator).invoke(COMPARISON)
    (message,) = generator.requests[0].messages
    text = message["content"]
    assert text.startswith("What is 2 + 3?\n\n")
    assert text.index("<solution_1>\nIt is {5}.") < text.index("<solution_2>\nIt is 6.")


def test_more_than_two_solutions() -> None:
    three = COMPARISON.model_copy(update={"texts": ("a", "b", "c")})
    reply = "<score_1>T</score_1><score_2>A</score_2><score_3>T</score_3>"
    assert judge(reply).invoke(three).scores == (0.0, 1.0, 0.0)


def test_ten_solutions_do_not_share_their_letters() -> None:
    """<score_1> does not match <score_10>."""
    ten = COMPARISON.model_copy(update={"texts": tuple("abcdefghij")})
    scores = judge("<score_10>A</score_10>").invoke(ten).scores
    assert scores == (None,) * 9 + (1.0,)


def test_the_mean_over_repeats_skips_missing_scores() -> None:
    replies = iter(["<score_1>A</score_1><score_2>T</score_2>", "<score_1>T</score_1>"])
    generator = ScriptedGenerator(lambda request: next(replies))
    assert PairwiseJudge(generator, repeats=2).invoke(COMPARISON).scores == (0.5, 0.0)
    first, second = generator.requests
    assert first.seed != second.seed
    assert first.temperature == generator.temperature


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("Both fine. BEST CANDIDATE: 2", (0.0, 1.0)),
        ("**Best candidate:** 1", (1.0, 0.0)),
        ("BEST CANDIDATE: 1? No.\nBEST CANDIDATE: 2", (0.0, 1.0)),
        ("BEST CANDIDATE: 3", (None, None)),
        ("BEST CANDIDATE: 0", (None, None)),
        ("BEST CANDIDATE: -1", (None, None)),
        ("The second.", (None, None)),
        ("", (None, None)),
    ],
)
def test_gen_select(reply: str, scores: tuple[float | None, ...]) -> None:
    """Reference 5.6: a number outside 1..N selects no solution."""
    gen_select = judge(reply, GenSelectJudge)
    assert gen_select.invoke(COMPARISON).scores == scores
    assert gen_select.unparsed.count == scores.count(None)


def test_gen_select_needs_no_distribution() -> None:
    generator = ScriptedGenerator(lambda request: "")
    assert GenSelectJudge(generator).requests(COMPARISON)[0].alternatives == 0
    assert PairwiseJudge(generator).requests(COMPARISON)[0].alternatives == 20


@pytest.mark.parametrize("kind", [PairwiseJudge, GenSelectJudge])
def test_tokens_bound_what_is_read_and_written(kind: Any) -> None:
    verbose = kind(ScriptedGenerator(lambda request: "word " * 99), repeats=3, max_tokens=20)
    assert verbose.invoke(COMPARISON).tokens == verbose.tokens(COMPARISON)


def test_seeds() -> None:
    pairwise = judge("")
    assert pairwise.requests(COMPARISON) == pairwise.requests(COMPARISON)
    assert pairwise.requests(COMPARISON.model_copy(update={"seed": None}))[0].seed is None
    assert pairwise.requests(COMPARISON.model_copy(update={"seed": 5})) != pairwise.requests(COMPARISON)


async def test_batches_both_ways() -> None:
    pairwise = judge("<score_1>A</score_1><score_2>T</score_2>")
    assert [opinion.scores for opinion in pairwise.batch([COMPARISON] * 2)] == [(1.0, 0.0)] * 2
    assert [opinion.scores for opinion in await pairwise.abatch([COMPARISON] * 2)] == [(1.0, 0.0)] * 2


@pytest.mark.parametrize("options", [{"criteria": ()}, {"repeats": 0}])
def test_impossible_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        judge("", **options)
