"""Three attempts of a whole agent; only the best attempt's email is sent, once."""

from itertools import count

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from its_graph import Candidate
from its_graph.agents import ToolEffects, by_score, create_agent_best_of_n, mark
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.prm import FunctionVerifier

sent: list[str] = []
drafts = count()


@tool
def look_up(what: str) -> str:
    """Look up a number."""
    return "the turnover was 42"


@tool
def send(text: str) -> str:
    """Send an email."""
    sent.append(text)
    return "sent"


def agent_says(messages: list[BaseMessage], number: int) -> AIMessage | str:
    """Play the agent's model: look up, write, report; every other draft omits the number."""
    last = messages[-1]
    if isinstance(last, HumanMessage):
        return calling("look_up", what="turnover")
    if last.name == "look_up":
        return calling("send", text="The turnover was 42." if next(drafts) % 2 else "The turnover was fine.")
    return "The email is on its way."


def names_the_number(candidate: Candidate) -> float:
    """Score an attempt by its transcript."""
    return 0.9 if "turnover was 42." in candidate.steps[0] else 0.2


tools = [mark(look_up, "read_only"), mark(send, "commit")]
agent = create_agent(ScriptedChatModel(script=agent_says), tools, middleware=[ToolEffects()])
search = create_agent_best_of_n(agent, tools, n=3, choose=by_score(FunctionVerifier(names_the_number)))
output = search.compile(name="best_agent").invoke({"messages": [HumanMessage("Email the turnover to the board.")]})

print("sent:", sent)
print("scores:", sorted(candidate["score"] for candidate in output["result"]["candidates"]))
print([message.text for message in output["messages"] if isinstance(message, ToolMessage)])
