"""What budgets can limit: no sample is drawn under a limit on something that is not counted."""

import pytest

from its_graph import SearchContext, create
from its_graph.budget import Budget
from its_graph.errors import ConfigurationError
from its_graph.generators.team import Team
from its_graph.testing import ToyGenerator, ToyVerifier

STRATEGIES = ["single", "best_of_n", "beam_search", "mcts", "extended_cot", "sequential_revision"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_flops_of_a_model_of_unknown_size_are_no_budget(name: str) -> None:
    generator = ToyGenerator()
    search = create(name, generator, ToyVerifier(parameters=7)).compile()
    with pytest.raises(ConfigurationError, match="ToyGenerator does not know its model's number of parameters"):
        search.invoke({"problem": "Add 1, 2."}, context=SearchContext(budget=Budget(flops=1e6)))
    assert not generator.requests


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_verifier_without_parameters_costs_none(name: str) -> None:
    search = create(name, ToyGenerator(parameters=2), ToyVerifier()).compile()
    result = search.invoke({"problem": "Add 1, 2."}, context=SearchContext(budget=Budget(flops=2e5)))["result"]
    assert 0 < result["spend"]["flops"] <= 2e5


async def test_a_member_of_a_team_counts_by_itself() -> None:
    team = Team({"big": ToyGenerator(parameters=9), "unknown": ToyGenerator()})
    search = create("ab_mcts", team, ToyVerifier()).compile()
    with pytest.raises(ConfigurationError, match="does not know its model's number of parameters"):
        await search.ainvoke({"problem": "Add 1, 2."}, context=SearchContext(seed=1, budget=Budget(flops=1e6)))
