"""Base class of the families: a step scorer reads a whole solution once and returns one logit per step.

Families of process reward models differ in two things: how a candidate becomes tokens (`layout`) and where the
score is read (`step_logits`). Padding, limits, token counts, saving and loading are shared and live here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from its_graph.contracts import Candidate, Message
from its_graph.errors import ConfigurationError, MissingExtraError, TruncationError
from its_graph.prm.families.checkpoints import load_chat_tokenizer, load_model
from its_graph.prm.families.metadata import ScorerMetadata

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["StepBatch", "StepLayout", "StepScorer"]


class StepLayout(NamedTuple):
    """One candidate as tokens: what the model reads, and which tokens belong to which step."""

    token_ids: list[int]
    spans: list[tuple[int, int] | None]
    """Half-open range of the tokens that the score of each step is read from (its closing tag, or all tokens of the
    step); None for a step without text (empty, or only separators), which gets no score."""

    @property
    def tokens(self) -> int:
        """Tokens read to score this candidate; 0 if it has no step to score."""
        return len(self.token_ids) if any(self.spans) else 0


@dataclass(frozen=True)
class StepBatch:
    """Candidates as padded tensors: B rows, T tokens, S steps (the longest of each)."""

    input_ids: Tensor
    """[B, T] int64."""
    attention_mask: Tensor
    """[B, T] int64, 1 on real tokens."""
    starts: Tensor
    """[B, S] int64: first token of each step's span; 0 if `step_mask` is False."""
    ends: Tensor
    """[B, S] int64: one past the last token of each step's span; 1 if `step_mask` is False."""
    step_mask: Tensor
    """[B, S] bool: True if the step exists and has tokens. Column k is step k of the candidate, empty steps
    included, so that labels align by index."""

    def to(self, device: torch.device | str) -> "StepBatch":
        """Return this batch on `device`."""
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(StepBatch)})

    def inputs(self, model: Any) -> dict[str, Any]:
        """Return the arguments of the forward pass of `model`, one of the scorer's `backbones`."""
        return {"input_ids": self.input_ids, "attention_mask": self.attention_mask, "use_cache": False}


class StepScorer(nn.Module, ABC):
    """Base of the families: P(step k is good) = sigmoid(step_logits[:, k]).

    Args:
        model: the transformers model that reads candidates. Its `max_position_embeddings` is the longest input in
            tokens; `metadata.max_tokens` overrides it.
        tokenizer: a fast Hugging Face tokenizer, with a chat template if the family needs one.
        metadata: what the model was trained on and how its scores are used; default: `default_metadata`.
    """

    model_class: ClassVar[Any]
    """Class of `model`, with a `from_pretrained` as in transformers."""
    default_metadata: ClassVar[ScorerMetadata]
    """Metadata of models whose folders have no `its_graph.json`."""

    def __init__(self, model: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.metadata = metadata or self.default_metadata
        self.max_tokens = self.metadata.max_tokens or model.config.max_position_embeddings

    @abstractmethod
    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the tokens of `candidate` with one span per step, however many tokens there are."""

    @abstractmethod
    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return the differentiable logits [B, S] in float32; entries outside `step_mask` are 0.

        One forward pass of each model, however many steps there are.
        """

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config, safetensors weights, tokenizer and `its_graph.json` to `folder`."""
        self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        self.metadata.model_copy(update={"scalars": self.scalars()}).save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load what `save_pretrained` wrote, or a published checkpoint of the family, in eval mode."""
        model = load_model(cls.model_class, folder, dtype=dtype)
        return cls(model, cls.load_tokenizer(folder), ScorerMetadata.load(folder)).eval()

    @staticmethod
    def load_tokenizer(folder: str | Path) -> Any:
        """Return the tokenizer of `folder`."""
        return load_chat_tokenizer(folder)

    def scalars(self) -> dict[str, float]:
        """Return the numbers of the read-out that are saved in `its_graph.json` and not with the weights."""
        return self.metadata.scalars

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The causal models that read a batch, each called with `StepBatch.inputs`.

        Their keys and values can be cached, so that a step is read only once (`its_graph.prm.backends.incremental`).
        Empty by default: every batch is read in full. A step's logit must depend only on its own tokens and on those
        before them.
        """
        return ()

    def dialogue(self, candidate: Candidate) -> list[Message]:
        """Return the messages to read, with the system prompt of the metadata if it has one."""
        system = self.metadata.system_prompt
        if system is None:
            return list(candidate.messages)
        others = [message for message in candidate.messages if message["role"] != "system"]
        return [{"role": "system", "content": system}, *others]

    def encode(self, candidates: Sequence[Candidate]) -> StepBatch:
        """Return the padded batch of `candidates`, in order.

        Raises:
            TruncationError: a candidate is longer than `max_tokens`.
        """
        return self.collate([self.checked_layout(candidate) for candidate in candidates])

    def checked_layout(self, candidate: Candidate) -> StepLayout:
        """Return the layout of `candidate`; TruncationError if it is too long: a truncated text gets a wrong score."""
        layout = self.layout(candidate)
        if len(layout.token_ids) > self.max_tokens:
            raise TruncationError(
                f"A candidate must have at most {self.max_tokens} tokens for this reward model; got "
                f"{len(layout.token_ids)} in {len(candidate.steps)} steps. Generate less, or use a model with a "
                "longer context."
            )
        return layout

    def collate(self, layouts: Sequence[StepLayout]) -> StepBatch:
        """Return `layouts` as a batch, padded on the right so that every token keeps its position."""
        if not layouts:
            raise ConfigurationError("Candidates to encode must not be empty; pass at least one.")
        width = max(len(layout.token_ids) for layout in layouts)
        columns = max(len(layout.spans) for layout in layouts)
        pad = self.tokenizer.pad_token_id or 0
        ids, mask, starts, ends, scored = [], [], [], [], []
        for token_ids, spans in layouts:
            padding = width - len(token_ids)
            ids.append(token_ids + [pad] * padding)
            mask.append([1] * len(token_ids) + [0] * padding)
            row = spans + [None] * (columns - len(spans))
            starts.append([span[0] if span else 0 for span in row])
            ends.append([span[1] if span else 1 for span in row])
            scored.append([span is not None for span in row])
        return StepBatch(
            input_ids=torch.tensor(ids, dtype=torch.long),
            attention_mask=torch.tensor(mask, dtype=torch.long),
            starts=torch.tensor(starts, dtype=torch.long),
            ends=torch.tensor(ends, dtype=torch.long),
            step_mask=torch.tensor(scored, dtype=torch.bool),
        )

    def score_tokens(self, candidate: Candidate) -> int:
        """Return the exact number of tokens read to score `candidate`, prompt included."""
        return self.layout(candidate).tokens

    @property
    def parameter_count(self) -> int:
        """Number of parameters of all models that read a candidate."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device
