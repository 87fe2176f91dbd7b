"""A batch of which the models have read the beginnings before: their keys and values come with it.

The rows may have had different lengths read. What was read ends at the same place for all, padded on the left; what is
new begins there, padded on the right. A mask hides the padding, and every token has the position it has in its text.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from its_graph.errors import MissingExtraError
from its_graph.prm.backends.prefix_cache import KeysValues
from its_graph.prm.families.base import StepBatch

try:
    import torch
    from torch import Tensor
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["PrefixCacheBatch", "supports_prefix_cache"]

_CACHE_NAMES = ("cache", "past_key_values")
"""What a forward calls its cache: the former since transformers 5.24."""

_FIXED_ROPES = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings whose frequencies do not follow the length of the text, as those of "dynamic" and "longrope" do."""


@dataclass(frozen=True)
class PrefixCacheBatch(StepBatch):
    """The unread ends of B texts: T tokens behind P that were read before.

    `starts` and `ends` count from the first unread token of a row; `attention_mask` is [B, P + T].
    """

    caches: Mapping[Any, DynamicCache]
    """The keys and values of the P tokens for each model; its forward adds those of the T."""

    @classmethod
    def behind(
        cls, batch: StepBatch, models: Sequence[Any], prefixes: Sequence[Sequence[KeysValues]]
    ) -> "PrefixCacheBatch":
        """Return `batch` behind what `models` have read.

        Args:
            batch: the new tokens.
            models: the backbones of the scorer.
            prefixes: what each row continues, run by run; rows that continue the same share one object.
        """
        lengths = [sum(run[0].shape[-2] for run in runs) for runs in prefixes]
        width = max(lengths)
        mask = torch.arange(width) >= width - torch.tensor(lengths).unsqueeze(1)
        tensors = {field.name: getattr(batch, field.name) for field in fields(StepBatch)}
        tensors["attention_mask"] = torch.cat([mask.to(batch.attention_mask), batch.attention_mask], dim=1)
        caches = {model: DynamicCache() for model in models}
        for number, cache in enumerate(caches.values() if width else ()):
            keys, values = (_stacked(prefixes, which, width) for which in (2 * number, 2 * number + 1))
            for layer, (key, value) in enumerate(zip(keys, values, strict=True)):
                cache.update(key, value, layer)
        return cls(**tensors, caches=caches)

    def inputs(self, model: Any) -> dict[str, Any]:
        """Return the arguments of the forward of `model`, its cache among them."""
        positions = self.attention_mask.cumsum(dim=1) - 1
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "position_ids": positions[:, -self.input_ids.shape[1] :],
            "use_cache": True,
            _cache_name(model): self.caches[model],
        }

    def news(self) -> KeysValues | None:
        """Return what the models made of the T tokens, [layers, B, heads, T, width of a head], once they have read.

        None where a scorer did not use the caches, or where the layers of a model differ in shape or place.
        """
        new, width = self.input_ids.shape[1], self.attention_mask.shape[1]
        found: list[Tensor] = []
        for cache in self.caches.values():
            if cache.get_seq_length() != width:
                return None
            for tensors in ([layer.keys for layer in cache.layers], [layer.values for layer in cache.layers]):
                if len({(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors}) > 1:
                    return None
                found.append(torch.stack([tensor[..., -new:, :] for tensor in tensors]))
        return tuple(found)


def supports_prefix_cache(model: Any) -> bool:
    """Return whether `model` makes the same of a token whatever comes after it, and keeps all of what it made.

    Asked are its forward (takes positions and a cache), its attention (causal), its rotary embedding (frequencies that
    do not follow the length) and its configuration (no windows, no states).
    """
    names = inspect.signature(model.forward).parameters
    if "position_ids" not in names or not any(name in names for name in _CACHE_NAMES):
        return False
    causal = [bool(module.is_causal) for module in model.modules() if hasattr(module, "is_causal")]
    if not causal or not all(causal) or not _ropes(model.config) <= _FIXED_ROPES:
        return False
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def _ropes(config: Any) -> set[str]:
    """Return the kinds of rotary embedding in `config`: one for all layers, or one for each type of layer."""
    given = getattr(config, "rope_parameters", None) or {}
    kinds = [given, *(value for value in given.values() if isinstance(value, dict))]
    return {kind["rope_type"] for kind in kinds if "rope_type" in kind}


def _cache_name(model: Any) -> str:
    names = inspect.signature(model.forward).parameters
    return next(name for name in _CACHE_NAMES if name in names)


def _stacked(prefixes: Iterable[Sequence[KeysValues]], which: int, width: int) -> Tensor:
    """Return tensor number `which` of all rows, [layers, B, heads, width, width of a head], padded on the left."""
    rows = [[run[which] for run in runs] for runs in prefixes]
    like = next(tensors[0] for tensors in rows if tensors)
    joined: dict[int, Tensor] = {}
    for runs, tensors in zip(prefixes, rows, strict=True):
        if id(runs) not in joined:
            missing = width - sum(tensor.shape[-2] for tensor in tensors)
            padding = like.new_zeros((*like.shape[:-2], missing, like.shape[-1]))
            joined[id(runs)] = torch.cat([padding, *tensors], dim=-2)
    return torch.stack([joined[id(runs)] for runs in prefixes], dim=1)
