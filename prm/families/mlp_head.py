"""A reward model to train yourself: Linear, ReLU, dropout, Linear on a backbone's hidden state at the end of each step.

The text is `Problem: {question}`, `Solution:` and the steps, with a line end after each. Train it on step labels with
`its_graph.prm.training.train`. P(good) = sigmoid(head), and the loss is the cross-entropy of the logit, because the
squared error of a saturated sigmoid has no gradient.
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
"""Hidden units of the head, unless the config of the backbone sets `reward_head_width`."""


class MlpHeadModel(HeadOnBackbone):
    """A backbone with a two-layer head in `reward_head`; weights named `backbone.*` load as well."""

    key_mapping: ClassVar[dict[str, str]] = {r"^backbone\.": "model."}

    def add_head(self, config: Any) -> None:
        """Create `reward_head`; its width is stored in the config."""
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
    """Score of a step = sigmoid(head) on the line end after it.

    Steps are tokenized one by one, so that the line end is always a separate token; line ends inside a step are kept.

    Args:
        model: backbone and head; `on_backbone` adds an untrained head to a transformers decoder.
        tokenizer: its tokenizer; a chat template is not needed.
        metadata: defaults to the aggregation `last` and untrained labels.

    Example:
        >>> from transformers import AutoModelForCausalLM, AutoTokenizer
        >>> from its_graph.embedded import WEIGHTS
        >>> from its_graph.prm import MlpHeadScorer
        >>> folder = WEIGHTS / "generator"
        >>> backbone = AutoModelForCausalLM.from_pretrained(folder)
        >>> scorer = MlpHeadScorer.on_backbone(backbone, AutoTokenizer.from_pretrained(folder))
        >>> scorer.metadata.family, scorer.model.reward_head[0].out_features
        ('mlp', 256)
    """

    model_class = MlpHeadModel
    default_metadata = ScorerMetadata(family="mlp", aggregation="last", label_kind="none")

    def __init__(self, model: HeadOnBackbone, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        self.line_end = single_token_id(tokenizer, "\n", model.get_input_embeddings().num_embeddings)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return problem and steps; each span is the line end after its step."""
        question = question_text(candidate, self.metadata.system_prompt)
        opening = bos_ids(self.tokenizer) + self._ids(f"Problem: {question}\nSolution:\n")
        texts = [step.strip() for step in candidate.steps]
        return join_segments(opening, [[*self._ids(text), self.line_end] if text else None for text in texts])

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids
