"""Reward models with one number per token: any backbone of transformers under a head of its own."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepBatch, StepScorer
from its_graph.prm.families.checkpoints import load_model, load_tokenizer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.registry import reject_adapters

try:
    import torch
    from torch import Tensor
    from transformers import AutoConfig, AutoModel, PreTrainedModel
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["HeadOnBackbone", "HeadOnBackboneScorer"]


class HeadOnBackbone(PreTrainedModel):  # type: ignore[misc]  # transformers is untyped here
    """A backbone in `model` and, in subclasses, a head over its last hidden states.

    Weights are called `model.*` beside those of the head, as in a causal language model that got a head; the
    language-model head of such a checkpoint is left alone.
    """

    base_model_prefix = "model"
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = True
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^lm_head\."]
    renames: ClassVar[dict[str, str]] = {}
    """Prefixes of published weights, as regular expressions, and what they are called here."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = AutoModel.from_config(config, trust_remote_code=False)
        self.add_head(config)
        self.post_init()

    @abstractmethod
    def add_head(self, config: Any) -> None:
        """Set the modules of the head."""

    @abstractmethod
    def scores(self, hidden: Tensor) -> Tensor:
        """Return a number [B, S, 1] for each hidden state [B, S, H]."""

    def forward(self, positions: Tensor, **inputs: Any) -> Tensor:
        """Return the numbers at `positions` [B, S] of each row: [B, S] float32.

        Args:
            positions: counted from the first token of `input_ids`.
            inputs: what the backbone is given.
        """
        hidden = self.model(**inputs).last_hidden_state
        index = positions.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        return self.scores(hidden.gather(1, index)).squeeze(-1).float()

    @classmethod
    def from_pretrained(cls, folder: str, **options: Any) -> Any:
        """Load as transformers does, with the config class that the folder names and the names of weights mapped."""
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return super().from_pretrained(folder, config=config, key_mapping=cls.renames or None, **options)


class HeadOnBackboneScorer(StepScorer):
    """Base of the families that read the head on the token that closes a step.

    Args:
        model: backbone and head.
        tokenizer: its tokenizer; no chat template is needed.
        metadata: defaults to that of the published models.
    """

    model_class: ClassVar[type[HeadOnBackbone]]
    published: ClassVar[ScorerMetadata]

    def __init__(self, model: HeadOnBackbone, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(tokenizer, metadata or self.published, context=model.config.max_position_embeddings)
        self.model = model

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The model under the head."""
        return (self.model.model,)

    @classmethod
    def on_backbone(cls, backbone: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> Self:
        """Return a scorer with a fresh head on `backbone` (with or without a language-model head), sharing weights."""
        if getattr(backbone.config, "is_encoder_decoder", False):
            raise ConfigurationError("A reward model needs a decoder, given an encoder-decoder; give its decoder.")
        model = cls.model_class(backbone.config)
        model.model = backbone.base_model
        return cls(model, tokenizer, metadata)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return the head's number at the end of every span, [B, S] float32."""
        batch = batch.to(self.device)
        numbers: Tensor = self.model(batch.ends - 1, **batch.inputs(self.model.model))
        return numbers.masked_fill(~batch.step_mask, 0.0)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write backbone, head, tokenizer and `its_graph.json`."""
        self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        self.metadata.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load backbone and head of `folder`; no weight of either may be missing."""
        reject_adapters(folder)
        model = load_model(cls.model_class, folder, dtype=dtype)
        return cls(model, load_tokenizer(folder), ScorerMetadata.load(folder)).eval()
