"""A step scorer reads a whole solution once and gives one logit per step.

Families of process reward models differ in two things: how a candidate becomes tokens (`layout`) and where the
score is read (`step_logits`). Padding, limits and counting are the same for all and live here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from its_graph.contracts import Candidate, Message
from its_graph.errors import ConfigurationError, MissingExtraError, TruncationError
from its_graph.prm.families.metadata import ScorerMetadata

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["StepBatch", "StepLayout", "StepScorer"]


class StepLayout(NamedTuple):
    """One candidate as tokens: what the model reads and which of it belongs to which step."""

    token_ids: list[int]
    spans: list[tuple[int, int] | None]
    """Half-open range of the tokens that the score of each step is read from (its closing mark, or all its
    own tokens); None for a step without any (empty, or only separators), which therefore gets no score."""

    @property
    def tokens(self) -> int:
        """Tokens read to score this candidate: 0 where there is no step to score."""
        return len(self.token_ids) if any(self.spans) else 0


@dataclass(frozen=True)
class StepBatch:
    """Candidates as padded tensors: B rows, T tokens, S steps (the longest of each)."""

    input_ids: Tensor
    """[B, T] int64."""
    attention_mask: Tensor
    """[B, T] int64, 1 on real tokens."""
    starts: Tensor
    """[B, S] int64: first token of each step's span; 0 where `step_mask` is False."""
    ends: Tensor
    """[B, S] int64: one past the last token of each step's span; 1 where `step_mask` is False."""
    step_mask: Tensor
    """[B, S] bool: True where the step exists and has tokens. Column k is step k of the candidate, empty ones
    included, so labels align by index."""

    def to(self, device: torch.device | str) -> "StepBatch":
        """Return this batch on `device`."""
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(StepBatch)})

    def inputs(self, model: Any) -> dict[str, Any]:
        """Return the arguments of the forward of `model`, which is one of the scorer's `backbones`."""
        return {"input_ids": self.input_ids, "attention_mask": self.attention_mask, "use_cache": False}


class StepScorer(nn.Module, ABC):
    """Base of the families: P(step k is good) = sigmoid(step_logits[:, k]).

    Args:
        tokenizer: a fast Hugging Face tokenizer with a chat template.
        metadata: what the model was trained on and how its scores are used.
        context: tokens the backbone can read; `metadata.max_tokens` overrides it.
    """

    def __init__(self, tokenizer: Any, metadata: ScorerMetadata, *, context: int) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.metadata = metadata
        self.max_tokens = metadata.max_tokens or context

    @abstractmethod
    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the tokens of `candidate` with one span per step, whatever their number."""

    @abstractmethod
    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return the differentiable logits [B, S] in float32; entries outside `step_mask` are 0.

        One forward pass of each model it holds, whatever the number of steps.
        """

    @abstractmethod
    def save_pretrained(self, folder: str | Path) -> None:
        """Write config, tokenizer, safetensors weights and `its_graph.json` to `folder`."""

    @classmethod
    @abstractmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load what `save_pretrained` wrote (or a published checkpoint of the family), in eval mode."""

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The causal models that read a batch, each given `StepBatch.inputs`.

        What they have read can then be kept, so that a step is read once (`its_graph.prm.backends.incremental`). None by
        default: every batch is read in full. A step's logit must follow from its tokens and those before them alone.
        """
        return ()

    def dialogue(self, candidate: Candidate) -> list[Message]:
        """Return the messages to read, under the system prompt of the metadata where there is one."""
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
        """Return the layout of `candidate`; TruncationError if too long, as a cut text is scored silently wrong."""
        layout = self.layout(candidate)
        if len(layout.token_ids) > self.max_tokens:
            raise TruncationError(
                f"The candidate has {len(layout.token_ids)} tokens in {len(candidate.steps)} steps; this reward "
                f"model reads at most {self.max_tokens}. Generate less, or use a model with a longer context."
            )
        return layout

    def collate(self, layouts: Sequence[StepLayout]) -> StepBatch:
        """Pad `layouts` on the right, so that every position keeps its index."""
        if not layouts:
            raise ConfigurationError("No candidate was given to encode; give at least one.")
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
        """Where the weights are."""
        return next(self.parameters()).device
