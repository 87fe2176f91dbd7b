"""Stop a search between two supersteps and resume it from its checkpoint: same tree, same answer, same budget."""

import tempfile
from pathlib import Path

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver

from its_graph import SearchContext
from its_graph.graphs import create_dvts
from its_graph.search.state import SearchInput
from its_graph.testing import ToyGenerator, ToyVerifier

search = create_dvts(ToyGenerator(0.3), ToyVerifier(), n=8, width=2)
question: SearchInput = {"problem": "Add 3, 5, 4, 7, 2."}
thread: RunnableConfig = {"configurable": {"thread_id": "1"}}

with tempfile.TemporaryDirectory() as folder, SqliteSaver.from_conn_string(str(Path(folder, "s.sqlite"))) as saver:
    graph = search.compile(checkpointer=saver)
    graph.invoke(question, thread, context=SearchContext(seed=7), interrupt_after=["select"])
    print("stopped before:", graph.get_state(thread).next[0])

    resumed = search.compile(checkpointer=saver).invoke(None, thread)["result"]

uninterrupted = search.compile().invoke(question, context=SearchContext(seed=7))["result"]
print("answer:", resumed["answer"])
print("same as uninterrupted:", resumed["candidates"] == uninterrupted["candidates"])
