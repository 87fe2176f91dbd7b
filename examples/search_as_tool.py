"""An agent that searches on demand: a search as a tool of `create_agent`."""

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from its_graph import Budget, SearchContext
from its_graph.agents import create_search_tool
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.embedded import load
from its_graph.graphs import create_best_of_n

think = create_search_tool(
    create_best_of_n(*load(), n=16),
    name="think",
    description="Computes a long arithmetic expression carefully.",
    context=SearchContext(seed=7, budget=Budget(tokens=4_000)),
)


def agent_says(messages: list[BaseMessage], number: int) -> AIMessage | str:
    """Play the agent's model: call the tool, then report its answer."""
    last = messages[-1]
    return (
        f"It is {last.artifact['answer']}." if isinstance(last, ToolMessage) else calling("think", question=last.text)
    )


agent = create_agent(ScriptedChatModel(script=agent_says), [think])
messages = agent.invoke({"messages": [HumanMessage("Compute 84 / 6 / 2 - (54 + 86) / 4 / 7 + 21.")]})["messages"]
artifact = messages[-2].artifact

print(messages[-1].text)
print(f"{len(artifact['candidates'])} candidates, the best scored {artifact['candidates'][0]['score']:.2f}")
