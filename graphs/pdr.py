"""pdr: parallel-distill-refine, drafts that meet in a bounded workspace (2510.01123).

1. Draft: n solutions in parallel. 2. Summarise them into a workspace of at most `workspace_tokens` tokens. 3. Draft
again: n solutions that see the workspace and nothing else of what was written. After `rounds` rounds of drafts, each
with its workspace, one last solution is written from the last workspace. 4. Answer with it; where it has no answer,
with the vote of all drafts. `n = 1` is sequential refinement.
Cost: n x rounds drafts + rounds workspaces + 1 last solution, no verifier. However much is drafted, a draft reads the
question and one workspace; a workspace reads n drafts.
When: for a model that can summarise its own work, where the time or the context of one long chain of thought is what
is short: reported for competition mathematics. One solution speaks for all, so a bad summary costs the answer. A model
that reads only the last question (the embedded one) answers afresh, and pdr is then one sample at the price of many.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.revision.population import latest_generation
from its_graph.nodes.revision.workspace import drafts_done, from_latest_workspace, new_drafts
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.stopping import out_of_steps
from its_graph.nodes.rules.subset_choice import first_vote, subset_choice
from its_graph.nodes.rules.types import ChoiceRule, RewritePrompt
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_pdr"]

_NEWEST = first_vote(subset_choice(latest_generation, majority), majority)


def create_pdr(
    generator: Generator,
    *,
    n: int = 8,
    rounds: int = 2,
    workspace_tokens: int = 512,
    summarise: RewritePrompt = prompts.summarize,
    prompt: RewritePrompt = prompts.from_workspace,
    choose: ChoiceRule = _NEWEST,
) -> SearchGraph:
    """Draft in parallel, distill the drafts into a bounded workspace, write on from that alone.

    Args:
        generator: who drafts and summarises.
        n: drafts of a round.
        rounds: rounds of drafts.
        workspace_tokens: the longest workspace, in tokens; it is cut there.
        summarise: how to ask for a workspace, given the texts of the drafts.
        prompt: how to ask for a draft, given the text of the workspace.
        choose: how the winner is found: the vote of the newest solutions by default, which is the last one alone, or
            the last drafts of a search that ended before it.
    """
    require(n >= 1, "pdr needs at least one draft in a round.", n=n)
    require(rounds >= 1, "pdr needs at least one round of drafts.", rounds=rounds)
    require(workspace_tokens >= 1, "pdr needs a workspace of at least one token.", workspace_tokens=workspace_tokens)
    draft = rewrite("draft", generator, from_latest_workspace("draft", n, rounds), prompt)
    distill = rewrite(
        "summarise", generator, new_drafts, summarise, auxiliary="summary", max_tokens=workspace_tokens
    )
    graph = search_graph("pdr", n=n)
    graph.add_node("draft", draft)
    graph.add_node("select", select(latest_generation, drafts_done("draft", rounds), out_of_steps(4)))
    graph.add_node("summarise", distill)
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "draft")
    graph.add_edge("draft", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "summarise", "enough": "answer"})
    graph.add_conditional_edges("summarise", next_or_stop, {"more": "draft", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
