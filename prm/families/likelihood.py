"""Two reward models that are read from a language model's next-token distribution.

Likelihood: a step is as good as its most surprising token. With gap(t) = log p(t) - max log p at the position of t (0
    if
t is the model's first choice), logit(step) = a * min over its tokens of gap + b; a, b and the model are trained.

Implicit PRM (Yuan et al., arXiv 2412.01981): logit(step) = beta * sum (or min) over its tokens of
log p_model(t) - log p_reference(t), with a frozen reference; untrained it is 0 everywhere.

Both read the solution exactly as it was generated, separators included, in one pass. The score of a step is independent
of later text if no token crosses a step boundary; tokenizers that keep line ends together (Qwen, Llama 3) have no such
token.
"""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
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
    from transformers import AutoModelForCausalLM
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["REFERENCE_FOLDER", "ImplicitScorer", "LikelihoodScorer", "TokenScorer"]

REFERENCE_FOLDER = "reference"
"""Subfolder of an implicit PRM that holds the frozen reference."""


class TokenScorer(StepScorer):
    """Base of both: one number per token of the solution, reduced over the tokens of each step.

    Args:
        model: any causal language model whose forward pass accepts `logits_to_keep`.
        tokenizer: its tokenizer.
        metadata: `token_reduction` reduces the numbers of a step to one.
    """

    model_class = AutoModelForCausalLM

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The model whose distribution is read."""
        return (self.model,)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the tokens of prompt and solution as one text; a span holds all tokens of its step."""
        prompt = self.tokenizer.apply_chat_template(
            self.dialogue(candidate), tokenize=False, add_generation_prompt=True
        )
        encoding = self.tokenizer(
            prompt + "".join(candidate.steps), add_special_tokens=False, return_offsets_mapping=True
        )
        spans = _spans(encoding["offset_mapping"], candidate.steps, len(prompt))
        return StepLayout(encoding["input_ids"], spans)

    @abstractmethod
    def token_values(self, batch: StepBatch, first: int) -> Tensor:
        """Return a number [B, T - first] for every token from position `first` (>= 1) on, in float32."""

    def reduced(self, batch: StepBatch) -> Tensor:
        """Return the reduction of the token values over each step, [B, S] float32; 0 outside `step_mask`."""
        width = batch.input_ids.shape[1]
        first = int(batch.starts[batch.step_mask].min()) if batch.step_mask.any() else width - 1
        values = self.token_values(batch, first).unsqueeze(1)
        positions = torch.arange(first, width, device=values.device)
        inside = (positions >= batch.starts.unsqueeze(-1)) & (positions < batch.ends.unsqueeze(-1))
        if self.metadata.token_reduction == "sum":
            steps = values.masked_fill(~inside, 0.0).sum(-1)
        else:
            steps = values.masked_fill(~inside, torch.inf).amin(-1)
        return torch.where(batch.step_mask, steps, 0.0)


class LikelihoodScorer(TokenScorer):
    """Score of a step = sigmoid(a * min over its tokens of (log p(token) - max log p) + b).

    Args:
        model: the language model that judges.
        tokenizer: its tokenizer.
        metadata: `scalars` may hold a and b, which default to 1 and 2.
    """

    default_metadata = ScorerMetadata(family="likelihood", label_kind="none")

    def __init__(self, model: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        self.a = nn.Parameter(torch.tensor(self.metadata.scalars.get("a", 1.0)))
        self.b = nn.Parameter(torch.tensor(self.metadata.scalars.get("b", 2.0)))

    def token_values(self, batch: StepBatch, first: int) -> Tensor:
        """Return log p(token) - max log p, in which the normalizer of the softmax cancels out."""
        tokens, logits = _next_token(self.model, batch, first)
        return logits.gather(-1, tokens).squeeze(-1) - logits.amax(-1)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return a * (reduction over the step's tokens) + b, [B, S] float32."""
        batch = batch.to(self.device)
        return torch.where(batch.step_mask, self.a * self.reduced(batch) + self.b, 0.0)

    def scalars(self) -> dict[str, float]:
        """Return a and b."""
        return {"a": self.a.item(), "b": self.b.item()}


class ImplicitScorer(TokenScorer):
    """Score of a step = sigmoid(beta * reduction over its tokens of log p_model - log p_reference).

    Args:
        model: the trained language model.
        reference: the frozen model, with the same vocabulary; it is not trained and stays in eval mode.
        tokenizer: the tokenizer of both.
        metadata: `scalars` may hold beta, which defaults to 1.
    """

    default_metadata = ScorerMetadata(family="implicit", label_kind="none")

    def __init__(self, model: Any, reference: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        if model.config.vocab_size != reference.config.vocab_size:
            raise ConfigurationError(
                f"Model and reference must share a vocabulary; got {model.config.vocab_size} and "
                f"{reference.config.vocab_size} entries. Start the model from the reference's weights."
            )
        self.reference = reference.requires_grad_(False).eval()
        self.beta = self.metadata.scalars.get("beta", 1.0)

    @property
    def backbones(self) -> tuple[Any, ...]:
        """Model and reference."""
        return (self.model, self.reference)

    def train(self, mode: bool = True) -> Self:
        """Switch the model's mode; the reference stays in eval mode."""
        super().train(mode)
        self.reference.eval()
        return self

    def token_values(self, batch: StepBatch, first: int) -> Tensor:
        """Return log p_model(token) - log p_reference(token)."""
        return _log_likelihood(self.model, batch, first) - _log_likelihood(self.reference, batch, first)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return beta * (reduction over the step's tokens), [B, S] float32."""
        return self.beta * self.reduced(batch.to(self.device))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model to `folder` and the reference to its subfolder."""
        super().save_pretrained(folder)
        self.reference.save_pretrained(str(Path(folder, REFERENCE_FOLDER)))

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load model and reference."""
        model = load_model(cls.model_class, folder, dtype=dtype)
        reference = load_model(cls.model_class, Path(folder, REFERENCE_FOLDER), dtype=dtype)
        return cls(model, reference, load_chat_tokenizer(folder), ScorerMetadata.load(folder)).eval()

    def scalars(self) -> dict[str, float]:
        """Return beta."""
        return {"beta": self.beta}


def _next_token(model: Any, batch: StepBatch, first: int) -> tuple[Tensor, Tensor]:
    """Return every token from `first` on and the logits [B, T - first, V] float32 that predict it."""
    logits_to_keep = batch.input_ids.shape[1] - first + 1
    logits = model(**batch.inputs(model), logits_to_keep=logits_to_keep).logits
    return batch.input_ids[:, first:].unsqueeze(-1), logits[:, :-1].float()


def _log_likelihood(model: Any, batch: StepBatch, first: int) -> Tensor:
    tokens, logits = _next_token(model, batch, first)
    return logits.gather(-1, tokens).squeeze(-1) - logits.logsumexp(-1)


def _spans(
    offsets: Sequence[tuple[int, int]], steps: Sequence[str], prompt_length: int
) -> list[tuple[int, int] | None]:
    """Return the token range of each step of a text of `prompt_length` characters followed by `steps`.

    A token across a boundary belongs to the step in which it ends, so that no step's score depends on later text.
    Offsets may shrink at whitespace, but the ends of tokens never decrease.
    """
    ends = list(accumulate((end for _, end in offsets), max))
    edges = list(accumulate((len(step) for step in steps), initial=prompt_length))
    ranges = pairwise(bisect_right(ends, edge) for edge in edges)
    return [
        (first, stop) if step.strip() and first < stop else None
        for step, (first, stop) in zip(steps, ranges, strict=True)
    ]
