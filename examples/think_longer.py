"""Cap a model's thinking or extend it: budget forcing on the embedded thinking model."""

from typing import Any

from its_graph import SearchContext
from its_graph.embedded import load_thinker
from its_graph.graphs import create_budget_forcing

thinker = load_thinker()
question: Any = {"problem": "Compute 12 + 3 * (8 - 5)."}


def show(name: str, **options: Any) -> None:
    """Solve the question once and print the answer."""
    graph = create_budget_forcing(thinker, answer_tokens=16, **options).compile()
    result = graph.invoke(question, context=SearchContext(seed=2))["result"]
    print(f"{name}: {result['answer']} after {result['spend']['generated_tokens']} tokens")


show("at most 16 tokens of thinking", ignores=0, max_thinking_tokens=16)
show("no forcing", ignores=0, max_thinking_tokens=640)
show("one forced Wait", ignores=1, max_thinking_tokens=640)
