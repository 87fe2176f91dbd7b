"""refine: sample whole answers, each from the question or as a refinement of an answer at the frontier."""

from collections.abc import Sequence
from random import Random

from langchain_core.runnables import Runnable

from its_graph.contracts import Generator, Message, SampleRequest, Verifier
from its_graph.nodes import prompts
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import ModelRule, RefinementPrompt
from its_graph.nodes.sampling import build_request, sampling_node
from its_graph.nodes.tree_search.posteriors import NO_REWARDS
from its_graph.nodes.tree_search.thompson import NodeId, arm_rewards
from its_graph.search.calls import PlannedCall
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["sample_or_refine", "with_score"]


def with_score(question: Sequence[Message], answer: str, score: float | None) -> Sequence[Message]:
    """Ask for a better answer and give the score of this one as its review (see `its_graph.nodes.prompts`)."""
    if score is None:
        return prompts.refine(question, [answer])
    review = f"A checker gives this attempt {score:.2f}, on a scale from 0 (surely wrong) to 1 (surely right)."
    return prompts.refine(question, [answer, review])


def sample_or_refine(
    generator: Generator,
    *,
    n: int,
    wave: int,
    verifier: Verifier,
    pick: ModelRule,
    prompt: RefinementPrompt = with_score,
) -> Runnable[SearchState, Update]:
    """Sample `wave` answers each time the node runs: a refinement per entry of the frontier, the rest new answers.

    Args:
        generator: source of the answers; if it has several `models`, `pick` chooses one for each answer.
        n: samples in total, failed ones included.
        wave: samples per run of this node.
        verifier: verifier that scores the answers next; its price is reserved together with theirs, and it may start
            on each answer as it arrives.
        pick: which model writes an answer.
        prompt: how to ask for a refinement.
    """
    scale = to_unit(verifier.score_range)

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        keys = range(tree.next_id, min(tree.first_record + n, tree.next_id + wave))
        nodes = [*tree.frontier, *[None] * wave]
        return [write_at(tree, str(key), node) for key, node in zip(keys, nodes, strict=False)]

    def write_at(tree: Tree, key: str, node: NodeId) -> PlannedCall[SampleRequest]:
        model = model_for(tree, key)
        if node is None:
            return build_request(generator, tree, key=key, parent=None, model=model)
        score = tree.score(node)
        messages = prompt(tree.question, tree.text(node), None if score is None else scale(score))
        return build_request(generator, tree, key=key, parent=None, model=model, messages=messages, sources=[node])

    def model_for(tree: Tree, key: str) -> str | None:
        if not generator.models:
            return None
        rewards = arm_rewards(tree, verifier.score_range).models
        by_model = {name: rewards.get(name, NO_REWARDS) for name in generator.models}
        return pick(by_model, Random(tree.seed(f"model {key}")))

    return sampling_node("generate", generator, plan, verifier=verifier)
