"""rewrite: write new texts from older ones. Which ones, and how to ask, is all that tells such strategies apart."""


from langchain_core.runnables import Runnable

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.rules.types import RewritePrompt, SourceRule
from its_graph.nodes.sampling import build_request, sampling_node
from its_graph.search.calls import PlannedCall
from its_graph.search.state import AuxiliaryText, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["rewrite", "runs"]



def rewrite(
    name: str,
    generator: Generator,
    sources: SourceRule,
    prompt: RewritePrompt,
    *,
    verifier: Verifier | None = None,
    auxiliary: AuxiliaryText | None = None,
    max_tokens: int | None = None,
) -> Runnable[SearchState, Update]:
    """Write one new text for each group of `sources`, all of them together.

    Each is a whole text of its own, without a parent: its record names its sources instead.

    Args:
        name: of the node in the ledger.
        generator: who writes.
        sources: from what.
        prompt: how to ask, given the question and the sources' texts (see `its_graph.nodes.prompts`).
        verifier: the verifier that will score the texts; its price is reserved together with theirs, as if it read the
            whole prompt.
        auxiliary: what the texts are, if they are no solutions.
        max_tokens: the longest text, in tokens, where a solution may be longer.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        first = tree.next_id
        return [_call(tree, str(first + offset), group) for offset, group in enumerate(sources(tree))]

    def _call(tree: Tree, key: str, group: list[str]) -> PlannedCall[SampleRequest]:
        messages = prompt(tree.question, [tree.text(one) for one in group]) if group else None
        planned = build_request(generator, tree, key=key, parent=None, messages=messages, sources=group)
        longest = planned.request.max_tokens if max_tokens is None else min(max_tokens, planned.request.max_tokens)
        return planned._replace(request=planned.request.model_copy(update={"max_tokens": longest}))

    return sampling_node(name, generator, plan, verifier=verifier, ahead=verifier, auxiliary=auxiliary)


def runs(tree: Tree, name: str) -> int:
    """Return how often the node `name` has run to its end, by the ledger."""
    return sum(charge["node"] == name for charge in tree.charges.values())
