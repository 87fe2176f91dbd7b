"""The size of a tree search in whole solutions, which makes it comparable with best-of-n."""

from dataclasses import dataclass, field

from its_graph.nodes.rules.types import StopRule
from its_graph.search.folds import Fold
from its_graph.search.state import Step
from its_graph.search.tree import Tree

__all__ = ["stop_after_tokens_of"]


@dataclass
class _Lengths:
    """Generated tokens of all paths, and the number and total length of the complete ones."""

    tokens: dict[str | None, int] = field(default_factory=lambda: {None: 0})
    complete: int = 0
    complete_tokens: int = 0


def stop_after_tokens_of(n: int) -> StopRule:
    """Stop when the search has generated the tokens of `n` whole solutions, by the mean of those that it completed.

    It never stops a search that has completed none, or one whose generator does not count tokens.
    """

    def rule(tree: Tree) -> str | None:
        lengths = _LENGTHS(tree.steps, None)
        if not lengths.complete_tokens:
            return None
        generated = tree.own_spend.generated_tokens
        return "completed" if generated * lengths.complete >= n * lengths.complete_tokens else None

    return rule


def _measure(lengths: _Lengths, key: str, step: Step, view: None) -> _Lengths:
    lengths.tokens[key] = lengths.tokens[step["parent"]] + step["tokens"]
    if step["finish"] == "end" and "auxiliary" not in step:
        lengths.complete += 1
        lengths.complete_tokens += lengths.tokens[key]
    return lengths


_LENGTHS: Fold[_Lengths, None] = Fold(_Lengths, _measure)
