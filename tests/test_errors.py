"""What an error carries besides its message."""

import pickle

import pytest

from its_graph import SearchContext, Spend, create
from its_graph.errors import SearchFailedError
from its_graph.testing import ScriptedGenerator


def test_a_failed_search_reports_its_spend_and_failures() -> None:
    def dead(request: object) -> str:
        raise ValueError("no such model")

    graph = create("self_consistency", ScriptedGenerator(dead), n=3).compile()
    with pytest.raises(SearchFailedError, match=r"^All samples failed \(3 of 3\)\. First error: ValueError") as it:
        graph.invoke({"problem": "Add 1, 2."}, context=SearchContext(seed=1))
    assert isinstance(it.value.spend, Spend)
    assert it.value.spend.calls == 3
    assert it.value.failures == {
        key: {"parent": None, "reason": "ValueError: no such model"} for key in ("0", "1", "2")
    }


def test_one_failure_is_one_sample() -> None:
    with pytest.raises(SearchFailedError, match=r"^All samples failed \(1 of 1\)\."):
        create("single", ScriptedGenerator(lambda request: "")).compile().invoke({"problem": "Add 1, 2."})


def test_the_error_of_a_failed_search_can_be_pickled() -> None:
    error = SearchFailedError("why", spend=Spend(calls=2), failures={"0": {"parent": None, "reason": "x"}})
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.spend, again.failures) == ("why", error.spend, error.failures)
    assert (SearchFailedError("why").spend, SearchFailedError("why").failures) == (Spend(), {})
