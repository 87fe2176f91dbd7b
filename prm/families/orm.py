"""Outcome reward models: a sequence classifier with one label reads the whole answer and returns one number.

The score is read on the last token of the dialogue, with the assistant turn closed. It is unbounded, and normalized
only where a rule needs that. An ORM is a PRM with one step and "last": the score belongs to the last step that has
text.

Supported are decoders with a `score` head (`*ForSequenceClassification`, and `Qwen2ForRewardModel`, the two-layer head
of Qwen2.5-Math-RM) and encoders with their own classifier. No remote code runs, and only safetensors are loaded:
ArmoRM and InternLM2-reward, which need remote code, are rejected.
"""

from pathlib import Path
from typing import Any, Self

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepBatch, StepLayout, StepScorer
from its_graph.prm.families.checkpoints import load_chat_tokenizer, load_model
from its_graph.prm.families.metadata import ScorerMetadata

try:
    import torch
    from torch import Tensor, nn
    from transformers import AutoConfig, AutoModelForSequenceClassification, Qwen2Model, Qwen2PreTrainedModel
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["OutcomeScorer", "Qwen2ForRewardModel"]

UNKNOWN = ScorerMetadata(family="outcome", aggregation="last", score_range="real")
"""Metadata of a classifier whose folder has no `its_graph.json`."""


class Qwen2ForRewardModel(Qwen2PreTrainedModel):  # type: ignore[misc]  # transformers is untyped here
    """Qwen2 with the published two-layer head and one label; named after the architecture in `config.json`."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.model = Qwen2Model(config)
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.post_init()


class OutcomeScorer(StepScorer):
    """Score a whole answer on the last token of the dialogue.

    Args:
        model: a sequence classifier with one label.
        tokenizer: its tokenizer.
        metadata: defaults to unbounded scores.
    """

    default_metadata = UNKNOWN

    def __init__(self, model: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        if model.config.num_labels != 1 and not isinstance(model, Qwen2ForRewardModel):
            raise ConfigurationError(
                f"An outcome reward model must have one label; got a classifier with {model.config.num_labels}. "
                "A model with labels for steps is a PRM: load it with PRM.from_pretrained."
            )

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the dialogue with the whole answer as its last turn; the last step with text gets the last token."""
        turns = [*self.dialogue(candidate), {"role": "assistant", "content": "".join(candidate.steps)}]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False)
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        spans: list[tuple[int, int] | None] = [None] * len(candidate.steps)
        with_text = [index for index, step in enumerate(candidate.steps) if step.strip()]
        if with_text:
            spans[with_text[-1]] = (len(ids) - 1, len(ids))
        return StepLayout(ids, spans)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return the score at the last step with text, [B, S] float32."""
        batch = batch.to(self.device)
        scores = self._scores(batch).float().unsqueeze(-1)
        return torch.where(batch.step_mask, scores, 0.0)

    def _scores(self, batch: StepBatch) -> Tensor:
        """Return one number [B] for each row.

        A decoder's built-in pooling finds the last token whose id is not that of padding, which is wrong for a dialogue
        that ends with the padding token; the attention mask is always right.
        """
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        if not hasattr(self.model, "score"):
            logits: Tensor = self.model(**inputs).logits[:, 0]
            return logits
        hidden = self.model.base_model(**inputs, use_cache=False).last_hidden_state
        last = batch.attention_mask.sum(dim=1) - 1
        pooled: Tensor = self.model.score(hidden[torch.arange(len(last), device=last.device), last])[:, 0]
        return pooled

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load the classifier of `folder`."""
        model = load_model(_model_class(folder), folder, dtype=dtype)
        return cls(model, load_chat_tokenizer(folder), ScorerMetadata.load(folder)).eval()


def _model_class(folder: str | Path) -> Any:
    try:
        # Explicit because transformers would otherwise prompt the user at the terminal.
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{folder} must hold a config.json that can be loaded; got {error}") from error
    is_qwen = "Qwen2ForRewardModel" in (config.architectures or [])
    return Qwen2ForRewardModel if is_qwen else AutoModelForSequenceClassification
