"""A search as one node of a MessagesState graph."""

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from its_graph import SearchContext
from its_graph.embedded import load
from its_graph.graphs import create_best_of_n

generator, verifier = load()

agent = StateGraph(MessagesState, context_schema=SearchContext)
agent.add_node("think", create_best_of_n(generator, verifier, n=16).compile(name="think"))
agent.add_edge(START, "think")
agent.add_edge("think", END)

question = HumanMessage("Compute 84 / 6 / 2 - (54 + 86) / 4 / 7 + 21.")
reply = agent.compile().invoke({"messages": [question]}, context=SearchContext(seed=7))["messages"][-1]

print(reply.text.splitlines()[-1])
print("answer:", reply.response_metadata["its"]["answer"])
