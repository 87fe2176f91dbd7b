"""Three attempts of a whole agent; only the best one's mail is sent, once."""

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
    """Look a number up."""
    return "the turnover was 42"


@tool
def send(text: str) -> str:
    """Send a mail."""
    sent.append(text)
    return "sent"


def agent_says(messages: list[BaseMessage], number: int) -> AIMessage | str:
    """Stand in for your own model: look up, write, report; every other draft forgets the number."""
    last = messages[-1]
    if isinstance(last, HumanMessage):
        return calling("look_up", what="turnover")
    if last.name == "look_up":
        return calling("send", text="The turnover was 42." if next(drafts) % 2 else "The turnover was fine.")
    return "The mail is on its way."


def names_the_number(candidate: Candidate) -> float:
    """Score an attempt by its transcript."""
    return 0.9 if "turnover was 42." in candidate.steps[0] else 0.2


tools = [mark(look_up, "read_only"), mark(send, "commit")]
agent = create_agent(ScriptedChatModel(script=agent_says), tools, middleware=[ToolEffects()])
search = create_agent_best_of_n(agent, tools, n=3, choose=by_score(FunctionVerifier(names_the_number)))
output = search.compile(name="best_agent").invoke({"messages": [HumanMessage("Mail the turnover to the board.")]})

print("sent:", sent)
print("scores:", sorted(one["score"] for one in output["result"]["candidates"]))
print([message.text for message in output["messages"] if isinstance(message, ToolMessage)])
