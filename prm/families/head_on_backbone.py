"""Reward models with one number per token: a head on any transformers backbone."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepBatch, StepScorer
from its_graph.prm.families.checkpoints import load_tokenizer
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
    """A backbone in `model` and, in subclasses, a head on its last hidden states.

    The weights of the backbone are named `model.*`, as in a causal language model; the language-model head of such a
    checkpoint is ignored.
    """

    base_model_prefix = "model"
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = True
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^lm_head\."]
    key_mapping: ClassVar[dict[str, str]] = {}
    """Prefixes of published weight names, as regular expressions, and their replacements here."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = AutoModel.from_config(config, trust_remote_code=False)
        self.add_head(config)
        self.post_init()

    @abstractmethod
    def add_head(self, config: Any) -> None:
        """Create the modules of the head."""

    @abstractmethod
    def scores(self, hidden: Tensor) -> Tensor:
        """Return a number [B, S, 1] for each hidden state [B, S, H]."""

    def forward(self, positions: Tensor, **inputs: Any) -> Tensor:
        """Return the numbers at `positions` [B, S] of each row: [B, S] float32.

        Args:
            positions: counted from the first token of `input_ids`.
            inputs: arguments of the backbone.
        """
        hidden = self.model(**inputs).last_hidden_state
        index = positions.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        return self.scores(hidden.gather(1, index)).squeeze(-1).float()

    @classmethod
    def from_pretrained(cls, folder: str, **options: Any) -> Any:
        """Load as transformers does, with the config class that the folder names and `key_mapping` applied."""
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return super().from_pretrained(folder, config=config, key_mapping=cls.key_mapping or None, **options)


class HeadOnBackboneScorer(StepScorer):
    """Base of the families that read the head on the token that closes a step.

    Args:
        model: backbone and head.
        tokenizer: its tokenizer; a chat template is not needed.
        metadata: defaults to the metadata of the published models.
    """

    model_class: ClassVar[type[HeadOnBackbone]]
    load_tokenizer = staticmethod(load_tokenizer)

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The model under the head."""
        return (self.model.model,)

    @classmethod
    def on_backbone(cls, backbone: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> Self:
        """Return a scorer with an untrained head on `backbone`, whose weights it shares.

        Args:
            backbone: a transformers decoder, with or without its language-model head.
            tokenizer: its tokenizer.
            metadata: defaults to the metadata of the published models.

        Raises:
            ConfigurationError: `backbone` is an encoder-decoder.
        """
        if getattr(backbone.config, "is_encoder_decoder", False):
            raise ConfigurationError("The backbone must be a decoder; got an encoder-decoder. Pass its decoder.")
        model = cls.model_class(backbone.config)
        model.model = backbone.base_model
        return cls(model, tokenizer, metadata)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return the head's number at the end of every span, [B, S] float32."""
        batch = batch.to(self.device)
        numbers: Tensor = self.model(batch.ends - 1, **batch.inputs(self.model.model))
        return numbers.masked_fill(~batch.step_mask, 0.0)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load backbone and head of `folder`; no weight of either may be missing."""
        reject_adapters(folder)
        return super().from_pretrained(folder, dtype=dtype)
