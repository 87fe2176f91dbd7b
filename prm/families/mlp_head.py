"""A reward model of one's own: Linear, ReLU, dropout, Linear on a backbone's hidden state at the end of each step.

The text is `Problem: {question}`, `Solution:` and the steps, a line end after each. Train it on step labels with
`its_graph.prm.training.train`; P(good) = sigmoid(head), and the cross-entropy is taken of the logit, as squared errors of a
sigmoid have no gradient where it is saturated.
"""

from typing import Any, ClassVar

from its_graph.contracts import Candidate
from its_graph.errors import MissingExtraError
from its_graph.prm.families.base import StepLayout
from its_graph.prm.families.head_on_backbone import HeadOnBackbone, HeadOnBackboneScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.segments import bos_ids, join_segments, question_text, single_token_id

try:
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["HEAD_WIDTH", "MlpHeadModel", "MlpHeadScorer"]

HEAD_WIDTH = 256
"""Hidden units of the head, unless the config of the backbone says `reward_head_width`."""


class MlpHeadModel(HeadOnBackbone):
    """A backbone with a two-layer head in `reward_head`; a backbone called `backbone.*` loads as well."""

    renames: ClassVar[dict[str, str]] = {r"^backbone\.": "model."}

    def add_head(self, config: Any) -> None:
        """Set `reward_head`; its width is kept in the config."""
        config.reward_head_width = getattr(config, "reward_head_width", HEAD_WIDTH)
        self.reward_head = nn.Sequential(
            nn.Linear(config.hidden_size, config.reward_head_width),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(config.reward_head_width, 1),
        )

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the logit of each hidden state."""
        logit: Tensor = self.reward_head(hidden)
        return logit


class MlpHeadScorer(HeadOnBackboneScorer):
    """Score of a step = sigmoid(head) on the line end behind it.

    Steps are tokenised one by one, so that the line end is a token whatever stands before it; line ends inside a step
    stay as they are.
    """

    model_class = MlpHeadModel
    published = ScorerMetadata(family="mlp", aggregation="last", label_kind="none")

    def __init__(self, model: HeadOnBackbone, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        self.line_end = single_token_id(tokenizer, "\n", model.get_input_embeddings().num_embeddings)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return problem and steps; each span is the line end behind its step."""
        question = question_text(candidate, self.metadata.system_prompt)
        opening = bos_ids(self.tokenizer) + self._ids(f"Problem: {question}\nSolution:\n")
        texts = [step.strip() for step in candidate.steps]
        return join_segments(opening, [[*self._ids(text), self.line_end] if text else None for text in texts])

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids
