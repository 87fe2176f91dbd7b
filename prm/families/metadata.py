"""`its_graph.json`: facts about a reward model that its checkpoint does not record but a search needs."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from its_graph.contracts import ScoreRange
from its_graph.errors import ConfigurationError

__all__ = ["METADATA_FILE", "LabelKind", "ScorerMetadata"]

METADATA_FILE = "its_graph.json"

LabelKind = Literal["mc", "human", "judge", "consensus", "none", "unknown"]
"""Source of the step labels: rollouts, people, a model, or several of these; `none` if untrained."""


class ScorerMetadata(BaseModel):
    """Facts about one reward model, stored beside its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    """Name of the family in `its_graph.prm.families.registry`."""
    aggregation: Literal["last", "min", "prod", "mean"] = "min"
    """Default rule that turns step scores into the score of the solution."""
    label_kind: LabelKind = "unknown"
    trained_on: str | None = None
    """The generator whose solutions were labeled; scores of other generators' solutions are less reliable."""
    score_range: ScoreRange = "prob"
    system_prompt: str | None = None
    """System message that the model was trained with; it replaces the candidate's. None keeps the candidate's."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest input in tokens, if it is shorter than the backbone's context."""
    token_reduction: Literal["min", "sum"] = "min"
    """How the numbers of a step's tokens are reduced to one, in the families that read every token."""
    scalars: dict[str, float] = {}
    """Numbers of the read-out that are not stored with the weights, such as a and b of the likelihood family."""

    def save(self, folder: str | Path) -> None:
        """Write `its_graph.json` to `folder`."""
        Path(folder, METADATA_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> "ScorerMetadata | None":
        """Read `its_graph.json` of `folder`; None if the file does not exist, ConfigurationError if it is invalid."""
        path = Path(folder, METADATA_FILE)
        if not path.is_file():
            return None
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} must hold valid reward-model metadata; got {error}") from error
