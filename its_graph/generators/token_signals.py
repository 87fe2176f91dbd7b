"""What a model's own distribution tells of the tokens that a running batch draws from it, a row each.

The batch form of `its_graph.confidence`. A token that the model cannot say at all (probability 0) is no part of its
vocabulary: with it every certainty would be infinite.
"""

from its_graph.errors import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["self_certainties", "token_confidences"]


def token_confidences(logprobs: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return minus the mean of each row's `k` highest log-probabilities: [rows] from [rows, vocabulary] and [rows].

    A row with k = 0 wants none and gets 0.
    """
    top = logprobs.topk(min(int(k.max()), logprobs.shape[1]), dim=1).values
    counted = (torch.arange(top.shape[1], device=top.device) < k[:, None]) & top.isfinite()
    return -_mean(top, counted)


def self_certainties(logprobs: torch.Tensor) -> torch.Tensor:
    """Return KL(uniform || p) of each row: [rows] from log-probabilities [rows, vocabulary]."""
    possible = logprobs.isfinite()
    return -_mean(logprobs, possible) - possible.sum(dim=1).log()


def _mean(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Return the mean of the counted values of each row; 0 where none is."""
    return values.where(counted, 0).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
