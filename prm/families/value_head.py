"""Reward models with a value head: Linear(h, 1) on the last hidden state at the end of each step.

Skywork-o1-Open-PRM: score = sigmoid(head) on the line end that closes a step. PQM (arXiv 2410.11287) ranks by Q-values:
score = head on its added token `[PRM]`, unbounded, so products and odds of such scores are meaningless and rejected.
"""

from typing import Any, ClassVar

from its_graph.contracts import Candidate
from its_graph.errors import MissingExtraError
from its_graph.prm.families.base import StepLayout
from its_graph.prm.families.head_on_backbone import HeadOnBackbone, HeadOnBackboneScorer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.segments import TagFormat, join_segments, layout_with_tags, question_text, single_token_id

try:
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["PQMScorer", "Qwen2ForPrmModel", "SkyworkScorer", "ValueHead", "ValueHeadModel"]


class ValueHead(nn.Module):
    """Dropout and one linear layer; its weights are named `summary.*`, as published."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.1)
        self.summary = nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., 1] for [..., H]."""
        value: Tensor = self.summary(self.dropout(hidden))
        return value


class ValueHeadModel(HeadOnBackbone):
    """A backbone with a value head in `v_head`.

    Checkpoints saved from a wrapper, which name all weights but the head `pretrained_model.*`, load as well.
    """

    key_mapping: ClassVar[dict[str, str]] = {r"^pretrained_model\.": ""}

    def add_head(self, config: Any) -> None:
        """Create `v_head`."""
        self.v_head = ValueHead(config.hidden_size)

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the value of each hidden state."""
        value: Tensor = self.v_head(hidden)
        return value


class Qwen2ForPrmModel(ValueHeadModel):
    """The model of Skywork-o1-Open-PRM; named after the architecture in its `config.json`."""


class SkyworkScorer(HeadOnBackboneScorer):
    """Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B and -7B.

    Steps are tokenized one by one, each on one line followed by its own line end: tokenized together, the line end
    would merge with the punctuation before it, and no token would be left to read the score on.
    """

    model_class = Qwen2ForPrmModel
    default_metadata = ScorerMetadata(family="skywork", aggregation="last")

    def __init__(self, model: HeadOnBackbone, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        self.line_end = single_token_id(tokenizer, "\n", model.get_input_embeddings().num_embeddings)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return BOS, question and steps, one line each; each span is the line end of its step."""
        question = question_text(candidate, self.metadata.system_prompt)
        opening = self._ids((self.tokenizer.bos_token or "") + question + "\n")
        lines = [step.replace("\n", " ").strip() for step in candidate.steps]
        return join_segments(opening, [[*self._ids(line), self.line_end] if line else None for line in lines])

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids


class PQMScorer(HeadOnBackboneScorer):
    """Windy0822/PQM: `{question}`, a line break, `{step} [PRM]`, a line break, `{step} [PRM]`, ...

    The folder needs files that are not published with the weights: `config.json` of the backbone
    (deepseek-math-7b-base) with `vocab_size` = rows of the embedding in the weights, and the backbone's tokenizer with
    `[PRM]` added.
    """

    model_class = ValueHeadModel
    default_metadata = ScorerMetadata(family="pqm", aggregation="min", label_kind="mc", score_range="real")
    tag_format: ClassVar[TagFormat] = TagFormat(
        " [PRM]", after_question="\n", between_steps="\n", tag_pattern=r"\[PRM\]"
    )

    def __init__(self, model: HeadOnBackbone, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        self.tag_id = single_token_id(tokenizer, self.tag_format.tag, model.get_input_embeddings().num_embeddings)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return question and steps as plain text, one tag after every nonempty step; each span is its tag."""
        question = question_text(candidate, self.metadata.system_prompt)
        return layout_with_tags(self.tokenizer, self.tag_format, self.tag_id, question, candidate.steps)
