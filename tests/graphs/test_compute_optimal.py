"""Routing by difficulty, and every strategy as part of a search in progress."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph

from its_graph import Budget, SampleRequest, SearchContext, Spend, create
from its_graph.catalog.registry import STRATEGIES, register, strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError
from its_graph.graphs.subsearch import start_after_pilots
from its_graph.nodes.rules.stopping import first_unanimous
from its_graph.routing.default_policy import default_policy
from its_graph.routing.policy import Estimator, Policy
from its_graph.routing.regressor import Regressor
from its_graph.search.event_schema import parse_event
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 7, 2."
QUESTION = {"problem": PROBLEM}
SEEDED = SearchContext(seed=7)
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}
PILOTS = 3
Timeless = Callable[[dict[str, Any]], dict[str, Any]]

REUSING_PILOTS = [
    "self_consistency",
    "best_of_n",
    "adaptive_best_of_n",
    "ab_mcts",
    "diverse_prompts",
    "extended_cot",
    "tournament",
    "knockout",
    "gen_select",
]
COMPARISONS = ["tournament", "knockout", "gen_select"]
BY_LOT = ["particle_filtering"]
"""Their frontier is drawn by the numbers of the records."""
REFUSED = ["deepconf", "deepconf_online", "self_certainty", "compute_optimal"]
STARTING_AFTER = [name for name in STRATEGIES if name not in (*REUSING_PILOTS, *REFUSED, "single")]
SIZES: dict[str, Any] = {"n": 8, "width": 4, "price": 0.005, "iterations": 6}


def setting(name: str, **options: Any) -> StrategyConfig:
    known = {key: value for key, value in (SIZES | options).items() if key in strategy(name).options}
    return StrategyConfig(strategy=name, options=known)


def always(chosen: StrategyConfig, *, pilots: int = PILOTS, estimator: Estimator = "agreement") -> Policy:
    return Policy(estimator=estimator, pilots=pilots, unit="tokens", thresholds=(), budgets=(1.0,), table=((chosen,),))


def routed_to(
    chosen: StrategyConfig, generator: Generator | None = None, verifier: Verifier | None = None, **policy: Any
) -> Any:
    models = generator or ToyGenerator(0.3), verifier or ToyVerifier()
    return create("compute_optimal", *models, policy=always(chosen, **policy))


def run(graph: Any, context: SearchContext = SEEDED) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the result of a search and its whole state."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    result = compiled.invoke(QUESTION, CONFIG, context=context)["result"]
    return result, compiled.get_state(CONFIG).values


def nodes_run(state: dict[str, Any]) -> Counter[str]:
    return Counter(charge["node"] for charge in state["charges"].values())


# --- every strategy as part of a search ----------------------------------------------------------------------------


def test_every_strategy_reuses_pilots_starts_after_them_or_is_rejected() -> None:
    assert sorted((*REUSING_PILOTS, *STARTING_AFTER, *REFUSED, "single")) == sorted(STRATEGIES)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_subsearch_is_rejected_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name} cannot be part of another search: .* Use another"):
        routed_to(setting(name))


@pytest.mark.parametrize("name", [*REUSING_PILOTS, *STARTING_AFTER])
def test_pilots_and_strategy_are_one_search(name: str) -> None:
    result, state = run(routed_to(setting(name), ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=5)))
    assert result["strategy"] == "compute_optimal"
    assert result["route"]["config"] == setting(name).label
    assert sorted([*state["steps"], *state["failures"]], key=int) == [str(key) for key in range(len(state["steps"]))]
    assert [str(key) for key in range(PILOTS)] == [one["id"] for one in by_id(result)][:PILOTS]
    assert result["spend"]["generated_tokens"] == sum(step["tokens"] for step in state["steps"].values())
    opinions = [*state["scores"].values(), *state["judgments"].values()]
    assert result["spend"]["verifier_tokens"] == sum(opinion["tokens"] for opinion in opinions)
    assert list(state["charges"]) == [str(key) for key in range(len(state["charges"]))]


@pytest.mark.parametrize("name", REUSING_PILOTS)
def test_a_strategy_over_whole_solutions_counts_the_pilots_as_its_first_samples(name: str) -> None:
    alone, _ = run(create(name, ToyGenerator(0.3), *[ToyVerifier()][: strategy(name).needs_verifier], **options(name)))
    result, state = run(routed_to(setting(name)))
    assert len(state["steps"]) == 8
    texts = [one["text"] for one in by_id(result)]
    if name != "diverse_prompts":  # pilots are drawn under no instruction
        assert texts == [one["text"] for one in by_id(alone)]
        assert result["answer"] == alone["answer"]


@pytest.mark.parametrize("name", STARTING_AFTER)
def test_a_strategy_that_starts_after_the_pilots_does_what_it_does_alone(name: str) -> None:
    """A generator that never errs makes every draw the same, so that only the numbers of the records differ."""
    _, alone = run(create(name, ToyGenerator(0.0), *[ToyVerifier()][: strategy(name).needs_verifier], **options(name)))
    _, state = run(routed_to(setting(name), ToyGenerator(0.0)))
    own = Tree.for_strategy(state)
    assert [step["text"] for step in own.steps.values()] == [step["text"] for step in alone["steps"].values()]
    if name not in BY_LOT:
        parents = [moved(step["parent"]) for step in alone["steps"].values()]
        assert [step["parent"] for step in own.steps.values()] == parents
    assert nodes_run(state) - nodes_run(alone) == Counter(["generate", *["verify"] * ("verify" in nodes_run(state))])


@pytest.mark.parametrize("name", [name for name in REUSING_PILOTS if name not in COMPARISONS])
def test_every_node_counts_from_where_its_strategy_started(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of strategies that reuse pilots: a custom strategy may start after them."""
    _, alone = run(create(name, ToyGenerator(0.0), *[ToyVerifier()][: strategy(name).needs_verifier], **options(name)))
    monkeypatch.setattr(f"its_graph.graphs.{name}.reuse_pilots", start_after_pilots)
    _, state = run(routed_to(setting(name), ToyGenerator(0.0)))
    assert len(Tree.for_strategy(state).steps) == len(alone["steps"])
    assert len(state["steps"]) == PILOTS + len(alone["steps"])


def test_windows_of_samples_begin_where_the_strategy_started() -> None:
    """Pilots 1 1 1, own samples 1 2 2 2: the first window of three is not unanimous, whatever comes before it."""
    steps = {
        str(key): {"parent": None, "text": rf"\boxed{{{answer}}}", "tokens": 1, "finish": "end", "confidence": None}
        for key, answer in enumerate("1111222")
    }
    state = {"steps": steps, "strategy_start": {"record": 3, "charge": 1}}
    assert first_unanimous(Tree.for_strategy(state), 3) is None
    assert first_unanimous(Tree.of(state), 3) is None
    assert first_unanimous(Tree.of({"steps": steps}), 3) == "0"


def moved(parent: str | None) -> str | None:
    return None if parent is None else str(int(parent) + PILOTS)


def options(name: str) -> dict[str, Any]:
    return dict(setting(name).options)


def by_id(result: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(result["candidates"], key=lambda candidate: int(candidate["id"]))


@pytest.mark.parametrize("name", ["beam_search", "dvts", "rebase", "particle_filtering", "mcts", "best_of_n"])
def test_a_pilot_can_be_the_answer(name: str) -> None:
    """Only the pilots are right here: what the strategy itself writes gets low scores."""
    toy = ToyGenerator(0.0)
    calls = iter(range(10**9))

    def script(request: SampleRequest) -> str:
        return str(toy.script(request)) if next(calls) < PILOTS else r"\boxed{1}"

    verifier = ScriptedVerifier(lambda candidate: 0.01 if "{1}" in candidate.steps[-1] else 0.99)
    result, _ = run(routed_to(setting(name), ScriptedGenerator(script), verifier))
    assert result["answer"] == "21"
    assert len(result["candidates"]) > PILOTS


def test_single_after_pilots_draws_nothing_more() -> None:
    generator = ToyGenerator(0.3)
    result, _ = run(routed_to(StrategyConfig(strategy="single"), generator, estimator="verifier"))
    assert len(generator.requests) == PILOTS == len(result["candidates"])
    assert result["votes"][0]["weight"] != result["votes"][0]["count"]  # the scores weigh the vote


def test_single_without_pilots_draws_one() -> None:
    result, _ = run(routed_to(StrategyConfig(strategy="single"), pilots=0, estimator="text"))
    assert len(result["candidates"]) == 1


def test_fewer_samples_than_pilots_draw_nothing_more() -> None:
    result, _ = run(routed_to(StrategyConfig(strategy="best_of_n", options={"n": 2})))
    assert len(result["candidates"]) == PILOTS


def test_a_custom_strategy_can_be_a_subsearch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("its_graph.catalog.registry.STRATEGIES", dict(STRATEGIES))
    register("mine", "its_graph.graphs.single:create_single")
    result, _ = run(routed_to(StrategyConfig(strategy="mine")))
    assert result["route"]["config"] == "mine"
    register("foreign", f"{__name__}:create_foreign")
    with pytest.raises(ConfigurationError, match=r"foreign cannot be .* must start with `search_graph`"):
        routed_to(StrategyConfig(strategy="foreign"))


def create_foreign(generator: Generator) -> Any:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("one", lambda state: {})
    graph.add_edge(START, "one")
    graph.add_edge("one", END)
    return graph


def test_a_subsearch_is_only_built_inside() -> None:
    with pytest.raises(ConfigurationError):
        routed_to(setting("deepconf"))
    assert run(create("deepconf", ToyGenerator(0.3), n=4))[0]["strategy"] == "deepconf"


# --- budget, resuming, events --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REUSING_PILOTS, *STARTING_AFTER])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_one_budget_holds_over_pilots_and_strategy(name: str, share: float) -> None:
    models: Any = ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=5)
    whole = Spend(**run(routed_to(setting(name), *models))[0]["spend"])
    for limit in ("tokens", "calls"):
        budget = Budget(**{limit: int(getattr(whole, limit) * share)})
        result, _ = run(routed_to(setting(name), *models), SearchContext(seed=7, budget=budget))
        assert budget.allows(Spend(**result["spend"]))
        assert result["text"] is not None
        assert len(result["candidates"]) >= 1


def test_a_budget_that_ends_in_the_pilots_is_answered_from_them() -> None:
    result, state = run(routed_to(setting("beam_search")), SearchContext(seed=7, budget=Budget(calls=3)))
    assert result["stop_reason"] == "budget"
    assert set(nodes_run(state)) == {"generate", "verify"}
    assert result["answer"] is not None
    assert (result["route"]["config"], result["route"]["bin"]) == ("single", 0)
    assert result["route"]["fallback"] in result["notes"]
    assert "pilots used up the budget" in result["route"]["fallback"]


@pytest.mark.parametrize("name", [*REUSING_PILOTS, *STARTING_AFTER])
async def test_sync_equals_async(name: str, timeless: Timeless) -> None:
    graph = routed_to(setting(name)).compile()
    sync, later = graph.invoke(QUESTION, context=SEEDED), await graph.ainvoke(QUESTION, context=SEEDED)
    assert timeless(sync["result"]) == timeless(later["result"])


@pytest.mark.parametrize("name", ["beam_search", "mcts", "best_of_n", "sequential_revision"])
def test_killed_in_the_chosen_strategy_it_resumes_there(
    name: str, timeless: Timeless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process finds the checkpoints: pilots and rounds that had ended are not drawn again."""
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    chosen = setting(name, n=12)
    whole, drawn = ToyGenerator(0.3), ToyGenerator(0.3)
    expected, _ = run(routed_to(chosen, whole))
    calls = iter(range(10**9))
    last = len(whole.requests) - 1

    def mortal(request: SampleRequest) -> str:
        if next(calls) == last:
            raise KeyboardInterrupt
        return str(drawn.script(request))

    with SqliteSaver.from_conn_string(str(tmp_path / "search.sqlite")) as saver:
        dying = routed_to(chosen, ScriptedGenerator(mortal)).compile(checkpointer=saver)
        with pytest.raises(KeyboardInterrupt):
            dying.invoke(QUESTION, CONFIG, context=SEEDED)
        resumed = routed_to(chosen, drawn).compile(checkpointer=saver).invoke(None, CONFIG)["result"]
    assert timeless(resumed) == timeless(expected)
    assert len(drawn.requests) <= len(whole.requests) - PILOTS


@pytest.mark.parametrize("name", [*REUSING_PILOTS, *STARTING_AFTER, "single"])
def test_the_events_include_the_route_and_rebuild_the_tree(name: str) -> None:
    compiled = routed_to(setting(name)).compile(checkpointer=InMemorySaver())
    parts = compiled.stream(QUESTION, CONFIG, context=SEEDED, stream_mode="custom", subgraphs=True, version="v2")
    events = [part["data"] for part in parts]
    state = compiled.get_state(CONFIG).values
    assert [parse_event(json.loads(json.dumps(event))) for event in events] == events
    kinds = [event["type"] for event in events]
    assert kinds.count("its.search_started") == kinds.count("its.routed") == kinds.count("its.answered") == 1
    rebuilt = rebuild(events)
    assert rebuilt["route"] == state["route"] == state["result"]["route"]
    for log in ("steps", "scores", "judgments", "failures", "charges"):
        assert rebuilt.get(log, {}) == state.get(log, {}), log


def test_a_threads_next_question_is_routed_again(timeless: Timeless) -> None:
    graph = create("compute_optimal", ToyGenerator(0.3), ToyVerifier()).compile(checkpointer=InMemorySaver())
    graph.invoke({"problem": "Add 1, 1."}, CONFIG, context=SearchContext(seed=1))
    second = graph.invoke(QUESTION, CONFIG, context=SEEDED)["result"]
    alone = create("compute_optimal", ToyGenerator(0.3), ToyVerifier()).compile().invoke(QUESTION, context=SEEDED)
    assert timeless(second) == timeless(alone["result"])


# --- the route -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "label", "place"),
    [(0.9, "single", 0), (0.6, "best_of_n n=8", 1), (0.4, "beam_search", 2), (0.1, "mcts", 3)],
)
def test_the_default_table_goes_by_the_mean_score(score: float, label: str, place: int) -> None:
    verifier = ScriptedVerifier(lambda candidate: score)
    result, _ = run(create("compute_optimal", ToyGenerator(0.3), verifier))
    route = result["route"]
    assert (route["config"], route["bin"], route["estimator"]) == (label, place, "verifier")
    assert route["difficulty"] == pytest.approx(1 - score)
    assert route["fallback"] is None
    assert "not fitted" in route["reason"]
    assert f"Routed: {route['reason']}." in result["notes"]


def test_other_searches_carry_no_route() -> None:
    result, state = run(create("best_of_n", ToyGenerator(0.3), ToyVerifier(), n=4))
    assert "route" not in result
    assert (state["route"], state["strategy_start"]) == (None, None)


class Bare(ToyGenerator):
    can_continue = False


@pytest.mark.parametrize(
    ("chosen", "generator", "verifier", "label", "why"),
    [
        (
            setting("beam_search"),
            Bare(0.3),
            ToyVerifier(),
            "best_of_n n=8",
            "continues a given text, which Bare cannot do",
        ),
        (setting("beam_search"), ToyGenerator(0.3), None, "self_consistency n=8", "a verifier, but none is configured"),
        (
            StrategyConfig(strategy="mcts"),
            Bare(0.3),
            None,
            "self_consistency n=16",
            "a verifier, .* and a generator that",
        ),
        (setting("budget_forcing", n=2), Bare(0.3), None, "self_consistency n=2", "continues a given text"),
        (StrategyConfig(strategy="self_refine"), Bare(0.3), None, "self_refine", None),
    ],
)
def test_a_config_that_lacks_something_is_replaced(
    chosen: StrategyConfig, generator: Generator, verifier: Verifier | None, label: str, why: str | None
) -> None:
    result, _ = run(create("compute_optimal", generator, verifier, policy=always(chosen)))
    route = result["route"]
    assert route["config"] == label
    if why is None:
        assert route["fallback"] is None
    else:
        assert re.search(why, route["fallback"])
        assert route["fallback"] in result["notes"]


def test_without_the_signal_it_needs_a_strategy_is_replaced() -> None:
    silent = ToyGenerator(0.3)
    silent.signals = frozenset()
    result, _ = run(create("compute_optimal", silent, None, policy=always(setting("self_certainty"))))
    assert "self_certainty of samples, which ToyGenerator does not return" in result["route"]["fallback"]


def test_without_a_verifier_the_default_table_goes_by_agreement() -> None:
    result, _ = run(create("compute_optimal", ToyGenerator(0.0)))
    assert (result["route"]["estimator"], result["route"]["difficulty"]) == ("agreement", 0.0)
    result, _ = run(create("compute_optimal", ToyGenerator(1.0)))
    assert result["route"]["config"].startswith("self_consistency")
    assert "verifier" in result["route"]["fallback"]


def test_the_budget_of_a_question_selects_a_config() -> None:
    small, large = (
        StrategyConfig(strategy="best_of_n", options={"n": 4}),
        StrategyConfig(strategy="best_of_n", options={"n": 8}),
    )
    policy = Policy(
        estimator="verifier", pilots=2, unit="tokens", thresholds=(), budgets=(100, 1000), table=((small, large),)
    )

    def taken(context: SearchContext = SEEDED, **given: float) -> str:
        graph = create("compute_optimal", ToyGenerator(0.3), ToyVerifier(), policy=policy, **given)
        return str(run(graph, context)[0]["route"]["config"])

    assert taken() == large.label
    assert taken(budget=500) == small.label
    assert taken(SearchContext(seed=7, budget=Budget(tokens=900))) == small.label
    assert taken(SearchContext(seed=7, budget=Budget(tokens=900)), budget=1000) == large.label


def test_labels_may_contain_characters_that_langgraph_reserves() -> None:
    chosen = StrategyConfig(strategy="diverse_prompts", options={"n": 4, "prompts": ["a: b|c"]})
    assert run(routed_to(chosen))[0]["route"]["config"] == chosen.label


def test_a_policy_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    always(setting("best_of_n")).save(path)
    result, _ = run(create("compute_optimal", ToyGenerator(0.3), ToyVerifier(), policy=str(path)))
    assert result["route"]["config"] == setting("best_of_n").label
    with pytest.raises(ConfigurationError, match="File not found"):
        create("compute_optimal", ToyGenerator(0.3), policy=tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("estimator", "pilots", "verifier", "message"),
    [
        ("verifier", 2, None, "estimates difficulty from a verifier's scores"),
        ("agreement", 0, ToyVerifier(), "by agreement needs pilots >= 1"),
    ],
)
def test_a_difficulty_that_cannot_be_estimated_is_rejected(
    estimator: Estimator, pilots: int, verifier: Verifier | None, message: str
) -> None:
    policy = default_policy(estimator, pilots)
    with pytest.raises(ConfigurationError, match=message):
        create("compute_optimal", ToyGenerator(0.3), verifier, policy=policy)


def test_a_custom_estimate_replaces_that_of_the_policy() -> None:
    result, _ = run(
        create(
            "compute_optimal",
            ToyGenerator(0.3),
            ToyVerifier(),
            policy=default_policy("text", 0),
            estimate=lambda tree: 0.3,
        )
    )
    assert (result["route"]["config"], result["route"]["difficulty"]) == ("best_of_n n=8", 0.3)
    bad = create("compute_optimal", ToyGenerator(0.3), ToyVerifier(), estimate=lambda tree: float("nan"))
    with pytest.raises(ConfigurationError, match=r"must be in \[0, 1\]; got nan"):
        run(bad)


class Embedding(ToyGenerator):
    def embed(self, texts: list[str]) -> list[list[float]]:
        return [[float(len(text.split()))] for text in texts]


def test_a_learned_estimate_reads_the_question_with_the_generator() -> None:
    """Two words more than the mean of the fit: a logit of 2."""
    regressor = Regressor(means=(4.0,), scales=(1.0,), weights=(1.0,), bias=0.0)
    policy = default_policy().model_copy(update={"estimator": "learned", "pilots": 0, "regressor": regressor})
    result, _ = run(create("compute_optimal", Embedding(0.3), ToyVerifier(), policy=policy))
    assert result["route"]["difficulty"] == pytest.approx(1 / (1 + math.exp(-2)))
    with pytest.raises(ConfigurationError, match="ToyGenerator has no method `embed`"):
        create("compute_optimal", ToyGenerator(0.3), ToyVerifier(), policy=policy)


def test_pilots_are_verified_only_if_the_scores_are_used() -> None:
    policy = always(setting("self_consistency"))
    _, state = run(create("compute_optimal", ToyGenerator(0.3), ToyVerifier(), policy=policy))
    assert state["scores"] == {}
    _, state = run(routed_to(setting("best_of_n")))
    assert set(state["scores"]) == set(state["steps"])


def test_inside_a_conversation_only_the_answer_comes_out() -> None:
    parent: Any = StateGraph(MessagesState)
    parent.add_node("think", routed_to(setting("beam_search")).compile(name="think"))
    parent.add_edge(START, "think")
    parent.add_edge("think", END)
    out = parent.compile().invoke({"messages": [{"role": "user", "content": PROBLEM}]}, context={"seed": 7})
    assert set(out) == {"messages"}
    assert [message.type for message in out["messages"]] == ["human", "ai"]
