"""pdr: parallel-distill-refine, drafts summarized in a bounded workspace (2510.01123).

    question -> draft -> select
    select -(more)-> summarize
    select -(enough)-> answer
    summarize -(more)-> draft
    summarize -(enough)-> answer

1. Draft: n solutions in parallel. 2. Summarize them into a workspace of at most `workspace_tokens` tokens. 3. Draft
again: n solutions that see the workspace and nothing else of what was written. After `rounds` rounds of drafts, each
with its workspace, one last solution is written from the last workspace. 4. Answer with it; if it has no answer, with
the vote of all drafts. `n = 1` is sequential refinement.
Cost: n x rounds drafts + rounds workspaces + 1 last solution, no verifier. However much is drafted, a draft reads the
question and one workspace; a workspace reads n drafts.
When: the model can summarize its own work, and the time or the context of one long chain of thought is the bottleneck:
reported for competition mathematics. A single solution decides, so a bad summary costs the answer. A model that reads
only the last question (the embedded one) answers from scratch, and pdr is then one sample at the price of many.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, recursion_guard, require_at_least_one, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.revision.population import latest_generation
from its_graph.nodes.revision.workspace import drafts_done, from_latest_workspace, new_drafts
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.subset_choice import first_vote, subset_choice
from its_graph.nodes.rules.types import ChoiceRule, RewritePrompt
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_pdr"]

_LATEST_VOTE = first_vote(subset_choice(latest_generation, majority), majority)


def create_pdr(
    generator: Generator,
    *,
    n: int = 8,
    rounds: int = 2,
    workspace_tokens: int = 512,
    summarize: RewritePrompt = prompts.summarize,
    prompt: RewritePrompt = prompts.from_workspace,
    choose: ChoiceRule = _LATEST_VOTE,
) -> SearchGraph:
    """Draft in parallel, distill the drafts into a bounded workspace, continue from that alone.

    Parallel-distill-refine (2510.01123). Cost: n x rounds drafts + rounds workspaces + 1 last solution. When: the model
    can summarize its own work, and one long chain of thought is too slow or too long.

    Args:
        generator: model that drafts and summarizes.
        n: drafts per round; >= 1.
        rounds: rounds of drafts; >= 1.
        workspace_tokens: longest workspace in tokens, >= 1; it is cut there.
        summarize: how to ask for a workspace, given the texts of the drafts.
        prompt: how to ask for a draft, given the text of the workspace.
        choose: choice rule: by default the vote of the newest solutions, which is the last one alone, or the last
            drafts of a search that ended before it.

    Raises:
        ConfigurationError: if a size is below 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_pdr
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_pdr(ToyGenerator(), n=4, rounds=1).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("pdr", n=n, rounds=rounds, workspace_tokens=workspace_tokens)
    draft = rewrite("draft", generator, from_latest_workspace("draft", n, rounds), prompt)
    distill = rewrite("summarize", generator, new_drafts, summarize, auxiliary="summary", max_tokens=workspace_tokens)
    graph = search_graph("pdr", n=n)
    graph.add_node("draft", draft)
    graph.add_node("select", select(latest_generation, drafts_done("draft", rounds), recursion_guard(graph)))
    graph.add_node("summarize", distill)
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "draft")
    graph.add_edge("draft", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "summarize", "enough": "answer"})
    graph.add_conditional_edges("summarize", next_or_stop, {"more": "draft", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
