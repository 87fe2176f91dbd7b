"""Choosing among some of the solutions as if there were no others: a chain, the winners of chains, a population."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from its_graph.nodes.rules.choice import Choice, ChoiceRule
from its_graph.search.tree import Tree

__all__ = ["SubsetRule", "first_vote", "restrict", "subset_choice"]

SubsetRule: TypeAlias = Callable[[Tree], Iterable[str]]
"""Names the solutions to choose among. Pure."""


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
    """Let `rule` choose among `members` alone; its votes and its winner are told in the whole tree's terms."""

    def chosen(tree: Tree) -> Choice:
        view = restrict(tree, members(tree))
        choice = rule(view)
        if choice.winner is None:
            return choice
        places = {one.id: place for place, one in enumerate(tree.finalists)}
        classes = {
            own: tree.answer_classes[places[one.id]]
            for one, own in zip(view.finalists, view.answer_classes, strict=True)
        }
        votes: dict[int, float] = {}
        for label, weight in choice.votes.items():
            if (known := classes[label]) is not None:  # None for cut-off ones that only vote where all are cut off
                votes[known] = votes.get(known, 0.0) + weight
        return choice._replace(winner=places[view.finalists[choice.winner].id], votes=votes)

    return chosen


def first_vote(*rules: ChoiceRule) -> ChoiceRule:
    """Choose by the first of `rules` under which anybody votes; where nobody does, by the first that finds a winner.

    Args:
        rules: the newest solutions first.
    """

    def rule(tree: Tree) -> Choice:
        choices = [choose(tree) for choose in rules]
        for choice in choices:
            if choice.votes:
                note = () if choice is choices[0] else ("The newest solutions have no answer: older ones voted.",)
                return choice._replace(notes=(*choice.notes, *note))
        return next((choice for choice in choices if choice.winner is not None), choices[0])

    return rule
