"""Choices limited to some of the solutions, as if there were no others: a chain, chain winners, a population."""

from collections.abc import Iterable

from its_graph.nodes.rules.types import Choice, ChoiceRule, SubsetRule
from its_graph.search.tree import Tree

__all__ = ["first_vote", "restrict", "subset_choice"]


def restrict(tree: Tree, solutions: Iterable[str]) -> Tree:
    """Return the view of a search that had these solutions and no others."""
    ids = {step for solution in solutions for step in tree.path(solution)}
    return Tree.of(
        {
            "steps": {key: record for key, record in tree.steps.items() if key in ids},
            "scores": {key: score for key, score in tree.scores.items() if key in ids},
            "frontier": [step for step in tree.frontier if step in ids],
            "question": tree.question,
            "settings": tree.settings.model_dump(),
        }
    )


def subset_choice(members: SubsetRule, rule: ChoiceRule) -> ChoiceRule:
    """Apply `rule` to `members` alone; its winner and votes are reported by the indices of the whole tree."""

    def choose(tree: Tree) -> Choice:
        view = restrict(tree, members(tree))
        choice = rule(view)
        if choice.winner is None:
            return choice
        indices = {finalist.id: index for index, finalist in enumerate(tree.finalists)}
        classes = {
            label: tree.answer_classes[indices[finalist.id]]
            for finalist, label in zip(view.finalists, view.answer_classes, strict=True)
        }
        votes: dict[int, float] = {}
        for label, weight in choice.votes.items():
            if (whole := classes[label]) is not None:  # None: truncated, and votes only where all are truncated
                votes[whole] = votes.get(whole, 0.0) + weight
        return choice._replace(winner=indices[view.finalists[choice.winner].id], votes=votes)

    return choose


def first_vote(*rules: ChoiceRule) -> ChoiceRule:
    """Choose by the first of `rules` that yields votes; if none does, by the first that yields a winner.

    Args:
        rules: choice rules, that of the newest solutions first.
    """

    def rule(tree: Tree) -> Choice:
        choices = [choose(tree) for choose in rules]
        for choice in choices:
            if choice.votes:
                note = () if choice is choices[0] else ("The newest solutions have no answer: older ones voted.",)
                return choice._replace(notes=(*choice.notes, *note))
        return next((choice for choice in choices if choice.winner is not None), choices[0])

    return rule
