"""The loop that step searches share: expand -> verify -> select -> again. They differ by the rule in `select`.

Beam search, DVTS, REBASE and particle filtering are this graph with another `keep`.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.rounds import end_rounds
from its_graph.nodes.answer import answer
from its_graph.nodes.expand import expand, lookahead
from its_graph.nodes.generate import complete
from its_graph.nodes.rules.choice import weighted
from its_graph.nodes.rules.stopping import no_open_path, out_of_steps, too_deep
from its_graph.nodes.rules.types import AskRule, ChoiceRule, PathRule, StopRule
from its_graph.nodes.select import select
from its_graph.nodes.verify import verify

__all__ = ["require_shares", "step_search"]


def step_search(
    strategy: str,
    generator: Generator,
    verifier: Verifier,
    keep: PathRule,
    *,
    n: int,
    max_steps: int = 40,
    lookahead_steps: int = 0,
    stop: tuple[StopRule, ...] = (),
    choose: ChoiceRule | None = None,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Return the graph of a step search.

    Args:
        strategy: its name, as it stands in results.
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model.
        keep: names the paths to go on with, each once for every continuation it gets.
        n: steps drawn in the first round.
        max_steps: the longest path.
        lookahead_steps: steps rolled out greedily before a path is judged.
        stop: further reasons to stop, beside open paths running out and `max_steps`.
        choose: how the winner is found among the finished; a weighted vote by default.
        ask: when a person is asked how to go on, behind a round (`its_graph.nodes.rules.steering`); None never.
    """
    require(n >= 1, f"{strategy} needs at least one sample a round.", n=n)
    require(max_steps >= 1, f"{strategy} needs max_steps >= 1.", max_steps=max_steps)
    require(lookahead_steps >= 0, f"{strategy} needs lookahead >= 0.", lookahead=lookahead_steps)
    graph = search_graph(strategy, n=n)
    ahead = None if lookahead_steps else verifier  # with a lookahead, its end is what the verifier reads
    graph.add_node("expand", expand(generator, n=n, verifier=verifier, ahead=ahead))
    graph.add_node("verify", verify(verifier))
    ends = (*stop, no_open_path, too_deep(max_steps), out_of_steps(lookahead_steps + 5 + (ask is not None)))
    graph.add_node("select", select(keep, *ends))
    graph.add_node("finish", complete(generator))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "expand")
    last = "expand"
    for step in range(1, lookahead_steps + 1):
        graph.add_node(f"lookahead_{step}", lookahead(generator, verifier))
        graph.add_edge(last, f"lookahead_{step}")
        last = f"lookahead_{step}"
    graph.add_edge(last, "verify")
    graph.add_edge("verify", "select")
    end_rounds(graph, generator, ask, max_steps=max_steps)
    return graph


def require_shares(strategy: str, n: int, width: int) -> None:
    """Refuse a `width` of paths that cannot share n steps a round evenly."""
    require(1 <= width <= n, f"{strategy} needs 1 <= width <= n.", width=width, n=n)
    require(n % width == 0, f"{strategy} shares n among `width` paths, so width must divide n.", n=n, width=width)
