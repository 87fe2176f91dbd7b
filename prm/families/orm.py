"""Outcome reward models: a sequence classifier with one label reads the whole answer and gives one number.

The score is read on the last token of the dialogue, assistant turn closed. It is unbounded, and normalised only where a
rule needs it. An ORM is a PRM with one step and "last": the score stands at the last step that has text.

Read are decoders with a `score` head (`*ForSequenceClassification`, and `Qwen2ForRewardModel`, the two-layer head of
Qwen2.5-Math-RM) and encoders with a classifier of their own. No remote code runs, and only safetensors are loaded:
ArmoRM and InternLM2-reward, which need code of theirs, are refused.
"""

from pathlib import Path
from typing import Any, Self

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.backends.local import PRM
from its_graph.prm.families.base import StepBatch, StepLayout, StepScorer
from its_graph.prm.families.checkpoints import load_model, load_chat_tokenizer
from its_graph.prm.families.metadata import ScorerMetadata

try:
    import torch
    from torch import Tensor, nn
    from transformers import AutoConfig, AutoModelForSequenceClassification, Qwen2Model, Qwen2PreTrainedModel
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["ORM", "OutcomeScorer", "Qwen2ForRewardModel"]

UNKNOWN = ScorerMetadata(family="outcome", aggregation="last", score_range="real")
"""What holds for a classifier whose folder has no `its_graph.json`."""


class ORM(PRM):
    """An outcome reward model as a verifier: `ORM.from_pretrained(folder)`, otherwise as `PRM`."""

    @classmethod
    def from_pretrained(cls, folder_or_id: str | Path, *, family: str = "outcome", **options: Any) -> Self:
        """Load an outcome reward model from a folder or the Hugging Face hub.

        Args:
            folder_or_id: folder, or hub id "owner/name".
            family: "outcome", unless the files are read in another way.
            options: as in `PRM.from_pretrained`.

        Raises:
            ConfigurationError: no such folder, or files that do not make a whole classifier with one label.
        """
        return super().from_pretrained(folder_or_id, family=family, **options)


class Qwen2ForRewardModel(Qwen2PreTrainedModel):  # type: ignore[misc]  # transformers is untyped here
    """Qwen2 with the published two-layer head and one label; named as the architecture in `config.json`."""

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
        metadata: what is known of it.
    """

    def __init__(self, model: Any, tokenizer: Any, metadata: ScorerMetadata = UNKNOWN) -> None:
        super().__init__(tokenizer, metadata, context=model.config.max_position_embeddings)
        if model.config.num_labels != 1 and not isinstance(model, Qwen2ForRewardModel):
            raise ConfigurationError(
                f"An outcome reward model has one label, this classifier has {model.config.num_labels}. "
                "A model with labels for steps is a PRM: load it with PRM.from_pretrained."
            )
        self.model = model

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

        A decoder's own pooling looks for the last token that is not padding by its id, and misses the end of a dialogue
        that closes with that very token; the mask cannot be mistaken.
        """
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        if not hasattr(self.model, "score"):
            logits: Tensor = self.model(**inputs).logits[:, 0]
            return logits
        hidden = self.model.base_model(**inputs, use_cache=False).last_hidden_state
        last = batch.attention_mask.sum(dim=1) - 1
        pooled: Tensor = self.model.score(hidden[torch.arange(len(last), device=last.device), last])[:, 0]
        return pooled

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the classifier's own layout and `its_graph.json`."""
        self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        self.metadata.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load the classifier of `folder`."""
        model = load_model(_model_class(folder), folder, dtype=dtype)
        return cls(model, load_chat_tokenizer(folder), ScorerMetadata.load(folder) or UNKNOWN).eval()


def _model_class(folder: str | Path) -> Any:
    try:
        # Said aloud: left open, transformers would ask the user at the terminal.
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"No usable config.json in {folder}: {error}") from error
    published = "Qwen2ForRewardModel" in (config.architectures or [])
    return Qwen2ForRewardModel if published else AutoModelForSequenceClassification
