"""rewrite: write new texts from earlier ones. Strategies differ in which texts they show and in the prompt."""

from langchain_core.runnables import Runnable

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.rules.types import RewritePrompt, SourceRule
from its_graph.nodes.sampling import build_request, sampling_node
from its_graph.search.calls import PlannedCall
from its_graph.search.state import AuxiliaryText, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["rewrite"]


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
    """Write one new text for each group of `sources`, all in one batch.

    Each is a whole text without a parent: its record lists its sources instead.

    Args:
        name: name of the node in the ledger.
        generator: model that writes.
        sources: which earlier texts each new one is written from.
        prompt: how to ask, given the question and the texts of the sources (see `its_graph.nodes.prompts`).
        verifier: verifier that scores the texts next; its price is reserved together with theirs, as if it read the
            whole prompt, and it may start on each text as it arrives.
        auxiliary: kind of text, if the texts are not solutions.
        max_tokens: longest text in tokens, if shorter than a solution may be.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        first = tree.next_id
        return [_call(tree, str(first + offset), group) for offset, group in enumerate(sources(tree))]

    def _call(tree: Tree, key: str, group: list[str]) -> PlannedCall[SampleRequest]:
        messages = prompt(tree.question, [tree.text(source) for source in group]) if group else None
        planned = build_request(generator, tree, key=key, parent=None, messages=messages, sources=group)
        longest = planned.request.max_tokens if max_tokens is None else min(max_tokens, planned.request.max_tokens)
        return planned._replace(request=planned.request.model_copy(update={"max_tokens": longest}))

    return sampling_node(name, generator, plan, verifier=verifier, auxiliary=auxiliary)
