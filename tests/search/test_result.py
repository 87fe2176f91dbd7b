"""The result of a search is what its types say."""

import ast
import inspect
from typing import Any

import pytest
from pydantic import TypeAdapter

from its_graph import CandidateResult, Ledger, SearchContext, SearchResult, Spend, Vote, create
from its_graph.search import result as module
from its_graph.search import state as state_module
from its_graph.search.result import ledger
from its_graph.testing import ToyGenerator, ToyVerifier

QUESTION: Any = {"problem": "Add 3, 5, 4."}


def results() -> list[SearchResult]:
    graphs = [create(name, ToyGenerator(), ToyVerifier(), n=4) for name in ("best_of_n", "mcts", "tournament")]
    graphs += [
        create("self_consistency", ToyGenerator(), n=4),
        create("compute_optimal", ToyGenerator(), ToyVerifier()),
    ]
    return [graph.compile().invoke(QUESTION, context=SearchContext(seed=7))["result"] for graph in graphs]


def test_a_result_has_the_declared_keys_and_types() -> None:
    for result in results():
        assert set(result) | {"route"} == set(SearchResult.__annotations__)
        assert TypeAdapter(SearchResult).validate_python(result, strict=True) == result
        assert result["candidates"]
        for candidate in result["candidates"]:
            assert list(candidate) == list(CandidateResult.__annotations__)
        for vote in result["votes"]:
            assert list(vote) == list(Vote.__annotations__)
        assert list(result["spend"]) == list(Ledger.__annotations__)


def test_only_a_search_that_chooses_its_strategy_has_a_route() -> None:
    assert ["route" in result for result in results()] == [False, False, False, False, True]


def test_the_ledger_is_the_spend_as_plain_data() -> None:
    assert list(Ledger.__annotations__) == list(Spend._fields)
    assert ledger(Spend(calls=2, seconds=0.5)) == Spend(calls=2, seconds=0.5)._asdict()


@pytest.mark.parametrize("source", [module, state_module])
def test_every_field_of_a_record_is_described(source: Any) -> None:
    classes = [node for node in ast.walk(ast.parse(inspect.getsource(source))) if isinstance(node, ast.ClassDef)]
    for node in classes:
        for field, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign):
                described = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert described, f"{node.name}.{ast.unparse(field.target)} has no docstring"
