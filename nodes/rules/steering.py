"""Steering: when a search asks a person, and what the person may reply.

A search with an `AskRule` pauses after a round with LangGraph's `interrupt`, whose value is an
`its_graph.search.human_request.HumanRequest`. It resumes with `Command(resume=Steering(...).model_dump())`, or with
"approve". If a reply cannot be used, the search asks again and gives the reason in `error`.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from its_graph.errors import ConfigurationError, InputError
from its_graph.nodes.rules.types import AskRule
from its_graph.search.tree import Tree

__all__ = ["APPROVE", "Steering", "completed_rounds", "every", "parse_steering", "when_uncertain"]

APPROVE = "approve"
"""The reply that changes nothing. `{}` means the same, but LangGraph's `Command` treats an empty dict as no reply."""


def every(k: int) -> AskRule:
    """Ask after every `k`-th round.

    Raises:
        ConfigurationError: if k < 1.
    """
    if k < 1:
        raise ConfigurationError(f"every needs k >= 1; got k={k!r}.")
    return lambda tree: completed_rounds(tree) % k == 0


def when_uncertain(low: float, high: float) -> AskRule:
    """Ask if the best score of the open frontier lies in [low, high]: neither hopeless nor safe.

    A frontier without scores counts as uncertain.

    Args:
        low: lower bound, in the verifier's own range.
        high: upper bound, at least `low`.

    Raises:
        ConfigurationError: if low > high.
    """
    if not low <= high:
        raise ConfigurationError(f"when_uncertain needs low <= high; got low={low!r}, high={high!r}.")

    def rule(tree: Tree) -> bool:
        scores = [score for step in tree.frontier if tree.open(step) and (score := tree.score(step)) is not None]
        return not scores or low <= max(scores) <= high

    return rule


def completed_rounds(tree: Tree) -> int:
    """Return how many rounds of a step search are complete."""
    return tree.runs("expand")


class Steering(BaseModel):
    """A person's reply. An empty reply approves; all fields may be combined unless they contradict each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prune: tuple[str, ...] = ()
    """Ids of open paths to abandon permanently, with everything below them. Finished solutions stay candidates."""
    boost: tuple[str, ...] = ()
    """Ids of open paths that get twice the continuations in the next round. A path that had been dropped returns with
    as many as a path of the frontier has on average."""
    edits: dict[str, str] = Field(default_factory=dict)
    """New texts of open steps by id. A step with the new text replaces the old one, which is abandoned; a complete
    final answer in it ends the path."""
    hint: str | None = None
    """Text that generator and verifier see from now on, at the end of the question."""
    stop: bool = False
    """Whether to end the search and answer with what there is."""

    @field_validator("edits", "hint")
    @classmethod
    def _has_text(cls, value: dict[str, str] | str | None) -> dict[str, str] | str | None:
        texts = value.values() if isinstance(value, dict) else [value]
        if any(text is not None and not text.strip() for text in texts):
            raise ValueError("The text is empty.")
        return value

    @model_validator(mode="after")
    def _is_consistent(self) -> "Steering":
        if both := {*self.prune} & {*self.boost, *self.edits}:
            raise ValueError(f"A pruned path cannot be boosted or edited: {', '.join(sorted(both))}.")
        return self


def parse_steering(reply: Any) -> Steering:
    """Return a person's reply as a `Steering`.

    Raises:
        InputError: if it is not a valid `Steering`; the message names the field.
    """
    if reply == APPROVE:
        return Steering()
    try:
        return Steering.model_validate(reply)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc'])) or 'the reply'}: {problem['msg']}" for problem in error.errors()
        )
        raise InputError("; ".join(problems)) from error
