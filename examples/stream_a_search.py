"""Stream a search: one event per step, score and selection, and the events alone rebuild the tree."""

from collections import Counter
from typing import Any

from its_graph import Budget, SearchContext, Tree
from its_graph.embedded import load
from its_graph.graphs import create_beam_search
from its_graph.search.events import rebuild

generator, verifier = load()
graph = create_beam_search(generator, verifier, n=8, width=2).compile(name="beam_search")
context = SearchContext(seed=7, budget=Budget(tokens=20_000))

events: list[dict[str, Any]] = []
# Without subgraphs=True, events of a search inside another graph do not reach the caller.
for part in graph.stream(
    {"problem": "Compute 12 + 3 * (8 - 5)."}, context=context, stream_mode="custom", subgraphs=True, version="v2"
):
    if part["type"] == "custom":
        events.append(part["data"])

tree = Tree.of(rebuild(events))
print("event types:", ", ".join(sorted({event["type"] for event in events})))
print("every step was scored:", Counter(event["type"] for event in events)["its.scored"] == len(tree.steps))
print("within the budget:", tree.spend.tokens <= 20_000)
print("answer:", events[-1]["answer"])
