"""branch: sample whole answers, each anew or as a refinement of one that the frontier names."""

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
    """Ask for a better answer; the score of this one is told as its review (see `its_graph.nodes.prompts`)."""
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
    """Sample `wave` answers each time the node runs: one refinement for every entry of the frontier, the rest anew.

    Args:
        generator: where answers come from; where it has several `models`, `pick` names one for each answer.
        n: samples in all, failed ones included.
        wave: samples per run of this node.
        verifier: the verifier that will score them; its price is reserved together with theirs.
        pick: which model writes an answer.
        prompt: how a refinement is asked for.
    """
    scale = to_unit(verifier.score_range)

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        keys = range(tree.next_id, min(tree.first_record + n, tree.next_id + wave))
        places = [*tree.frontier, *[None] * wave]
        return [write(tree, str(key), place) for key, place in zip(keys, places, strict=False)]

    def write(tree: Tree, key: str, place: NodeId) -> PlannedCall[SampleRequest]:
        model = who(tree, key)
        if place is None:
            return build_request(generator, tree, key=key, parent=None, model=model)
        score = tree.score(place)
        messages = prompt(tree.question, tree.text(place), None if score is None else scale(score))
        return build_request(generator, tree, key=key, parent=None, model=model, messages=messages, sources=[place])

    def who(tree: Tree, key: str) -> str | None:
        if not generator.models:
            return None
        seen = arm_rewards(tree, verifier.score_range).models
        return pick({name: seen.get(name, NO_REWARDS) for name in generator.models}, Random(tree.seed(f"model {key}")))

    return sampling_node("generate", generator, plan, verifier=verifier, ahead=verifier)
