"""Steering: when a search asks a person how to go on, and what the person may say.

A search with an `AskRule` stops behind a round with LangGraph's `interrupt`; its value is an `its_graph.search.human_request.HumanRequest`.
It goes on with `Command(resume=Steering(...).model_dump())`, or with "approve". Where a reply cannot be used the search
asks again, and says why in `problem`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from its_graph.errors import ConfigurationError, InputError
from its_graph.nodes.rewrite import runs
from its_graph.search.tree import Tree

__all__ = ["APPROVE", "AskRule", "Steering", "completed_rounds", "every", "parse_steering", "when_uncertain"]

APPROVE = "approve"
"""The reply that changes nothing. `{}` says the same, but LangGraph's `Command` takes an empty dict for no reply."""

AskRule: TypeAlias = Callable[[Tree], bool]
"""Tells, behind a round that is not the last, whether to ask a person. Pure."""


def every(k: int) -> AskRule:
    """Ask behind every `k`-th round."""
    if k < 1:
        raise ConfigurationError(f"A person is asked every k rounds with k >= 1. Given: k={k!r}.")
    return lambda tree: completed_rounds(tree) % k == 0


def when_uncertain(low: float, high: float) -> AskRule:
    """Ask where the best score of the open frontier lies from `low` to `high`: neither hopeless nor safe.

    A frontier without scores is unsure.

    Args:
        low: in the verifier's own range, as is `high`.
        high: not below `low`.
    """
    if not low <= high:
        raise ConfigurationError(f"A search is unsure from low up to high. Given: low={low!r}, high={high!r}.")

    def rule(tree: Tree) -> bool:
        scores = [score for step in tree.frontier if tree.open(step) and (score := tree.score(step)) is not None]
        return not scores or low <= max(scores) <= high

    return rule


def completed_rounds(tree: Tree) -> int:
    """Return how many rounds of a step search are over."""
    return runs(tree, "expand")


class Steering(BaseModel):
    """What a person says. Nothing at all approves; everything may be said together, unless it contradicts itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prune: tuple[str, ...] = ()
    """Ids of open paths to give up for good, with all that hangs below them. Finished solutions stay candidates."""
    boost: tuple[str, ...] = ()
    """Ids of open paths that get twice the continuations in the next round. One that was cut comes back with as many as
    a path of the frontier has on average."""
    edits: dict[str, str] = Field(default_factory=dict)
    """New texts of open steps by id. A step with the new text takes the old one's place, which is given up; a complete
    final answer in it ends the path."""
    hint: str | None = None
    """What generator and verifier are told from now on, at the end of the question."""
    stop: bool = False
    """Whether to end the search and answer with what there is."""

    @field_validator("edits", "hint")
    @classmethod
    def _says_something(cls, given: dict[str, str] | str | None) -> dict[str, str] | str | None:
        texts = given.values() if isinstance(given, dict) else [given]
        if any(text is not None and not text.strip() for text in texts):
            raise ValueError("The text is empty.")
        return given

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Steering":
        if both := {*self.prune} & {*self.boost, *self.edits}:
            raise ValueError(f"What is pruned can be neither boosted nor edited: {', '.join(sorted(both))}.")
        return self


def parse_steering(reply: Any) -> Steering:
    """Return a person's reply as a `Steering`.

    Raises:
        InputError: it is none; the message names the field.
    """
    if reply == APPROVE:
        return Steering()
    try:
        return Steering.model_validate(reply)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, one['loc'])) or 'the reply'}: {one['msg']}" for one in error.errors())
        raise InputError("; ".join(problems)) from error
