"""A search asks a person after its second round; the person prunes wrong paths and gives a hint, and it continues."""

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


def person(request: dict[str, Any]) -> Steering:
    """Read the paths, prune those with a wrong sum, and give a hint."""
    wrong = tuple(path["id"] for path in request["frontier"] if "= 12" not in path["step"])
    return Steering(prune=wrong, hint="Three and five and four are twelve.")


out = graph.invoke(question, thread, context=SearchContext(seed=7))
while "__interrupt__" in out:
    request = out["__interrupt__"][0].value
    reply = person(request) if request["round"] == 2 else Steering()
    print(f"round {request['round']}: {len(request['frontier'])} paths, {len(reply.prune)} pruned")
    out = graph.invoke(Command(resume=reply.model_dump()), thread)
print("answer:", out["answer"])
