"""Your own models: any LangChain chat model is a generator, any function is a verifier."""

from itertools import cycle

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from its_graph import Candidate, Generator, SearchContext
from its_graph.graphs import create_best_of_n
from its_graph.prm import FunctionVerifier

# In place of ChatOpenAI(...), ChatAnthropic(...), ChatOllama(...): three of four replies are wrong here.
replies = [r"6 * 7 = 44, so \boxed{44}", r"6 * 7 = 42, so \boxed{42}", r"It is \boxed{44}", r"Hm, \boxed{41}"]
chat_model = GenericFakeChatModel(messages=cycle([AIMessage(text) for text in replies]))


def shows_the_product(candidate: Candidate) -> float:
    """Score a solution in [0, 1] by your own check."""
    return 0.95 if "6 * 7 = 42" in "".join(candidate.steps) else 0.1


graph = create_best_of_n(Generator.from_chat_model(chat_model), FunctionVerifier(shows_the_product), n=4).compile()
result = graph.invoke({"problem": "What is 6 times 7?"}, context=SearchContext(seed=0))["result"]

print("answer:", result["answer"])
for vote in result["votes"]:
    print(f"{vote['answer']}: {vote['count']} of 4, weight {vote['weight']:.2f}")
