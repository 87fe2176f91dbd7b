"""An agent that deliberates before it pays: five replies to one model call, and a vote over tools and arguments."""

from langchain.agents import create_agent
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from its_graph.agents import DeliberateMiddleware, before_tools
from its_graph.agents.testing import ScriptedChatModel, calling


@tool
def pay(amount: int) -> str:
    """Pay a bill."""
    return f"paid {amount}"


def agent_says(messages: list[BaseMessage], number: int) -> AIMessage | str:
    """Play the agent's model, which sometimes adds a zero."""
    if isinstance(messages[-1], ToolMessage):
        return f"Done: {messages[-1].text}."
    return calling("pay", amount=300 if number in (0, 3) else 30)


agent = create_agent(
    ScriptedChatModel(script=agent_says),
    [pay],
    middleware=[DeliberateMiddleware(n=5, condition=before_tools({"pay"}))],
)
with get_usage_metadata_callback() as used:
    output = agent.invoke({"messages": [HumanMessage("The bill says 30. Pay it.")]})

print(output["messages"][-1].text)
for trace in output["its_trace"]:
    print(f"{trace['n']} replies, selected {trace['replies'][trace['winner']]}")
print(used.usage_metadata["scripted"]["total_tokens"], "tokens in total")
