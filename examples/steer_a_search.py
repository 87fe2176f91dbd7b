"""A search asks how to go on after its second round; a person prunes what is wrong, gives a hint, and it goes on."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from its_graph import SearchContext
from its_graph.graphs import create_beam_search
from its_graph.nodes.rules.steering import Steering, every
from its_graph.search.state import SearchInput
from its_graph.testing import ToyGenerator, ToyVerifier

search = create_beam_search(ToyGenerator(0.5), ToyVerifier(), n=8, width=4, ask=every(2))
graph = search.compile(checkpointer=InMemorySaver())
question: SearchInput = {"problem": "Add 3, 5, 4, 7, 2."}
thread: RunnableConfig = {"configurable": {"thread_id": "1"}}


def person(ask: dict[str, Any]) -> Steering:
    """Read the paths, give up those that add wrongly, and say something."""
    wrong = tuple(path["id"] for path in ask["frontier"] if "= 12" not in path["step"])
    return Steering(prune=wrong, hint="Three and five and four are twelve.")


out = graph.invoke(question, thread, context=SearchContext(seed=7))
while "__interrupt__" in out:
    ask = out["__interrupt__"][0].value
    reply = person(ask) if ask["round"] == 2 else Steering()
    print(f"round {ask['round']}: {len(ask['frontier'])} paths, {len(reply.prune)} pruned")
    out = graph.invoke(Command(resume=reply.model_dump()), thread)
print("answer:", out["answer"])
