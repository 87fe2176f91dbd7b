"""Confidence signals of the tokens that a running batch samples, computed from the model's distribution per row.

The batched form of `its_graph.confidence`. Tokens with probability 0 are excluded from the vocabulary: they would make
every certainty infinite.
"""

from its_graph.errors import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["self_certainties", "token_confidences"]


def token_confidences(logprobs: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return minus the mean of each row's `k` highest log-probabilities: [rows] from [rows, vocabulary] and [rows].

    A row with k = 0 gets 0.
    """
    top = logprobs.topk(min(int(k.max()), logprobs.shape[1]), dim=1).values
    counted = (torch.arange(top.shape[1], device=top.device) < k[:, None]) & top.isfinite()
    return -_masked_mean(top, counted)


def self_certainties(logprobs: torch.Tensor) -> torch.Tensor:
    """Return KL(uniform || p) of each row: [rows] from log-probabilities [rows, vocabulary]."""
    possible = logprobs.isfinite()
    return -_masked_mean(logprobs, possible) - possible.sum(dim=1).log()


def _masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of each row's values where `mask` is true; 0 if it is nowhere true."""
    return values.where(mask, 0).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
