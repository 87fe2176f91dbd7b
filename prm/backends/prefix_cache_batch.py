"""A batch whose rows continue cached prefixes: it carries the keys and values of the prefixes.

The prefixes may differ in length. They all end at the same column, padded on the left; the new tokens begin there,
padded on the right. A mask hides the padding, and every token keeps its position in its text.
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
"""Argument names of the cache in a forward pass: the first one since transformers 5.24."""

_FIXED_ROPES = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings whose frequencies do not depend on the text length, unlike "dynamic" and "longrope"."""


@dataclass(frozen=True)
class PrefixCacheBatch(StepBatch):
    """The unread ends of B texts: T tokens after a cached prefix of P tokens.

    `starts` and `ends` count from the first unread token of a row; `attention_mask` is [B, P + T].
    """

    caches: Mapping[Any, DynamicCache]
    """The keys and values of the P tokens for each model; its forward pass adds those of the T tokens."""

    @classmethod
    def with_prefixes(
        cls, batch: StepBatch, models: Sequence[Any], prefixes: Sequence[Sequence[KeysValues]]
    ) -> "PrefixCacheBatch":
        """Return `batch` with cached prefixes before its rows.

        Args:
            batch: the new tokens.
            models: the backbones of the scorer.
            prefixes: the prefix of each row, run by run; rows with the same prefix share one object.
        """
        lengths = [sum(run[0].shape[-2] for run in runs) for runs in prefixes]
        width = max(lengths)
        mask = torch.arange(width) >= width - torch.tensor(lengths).unsqueeze(1)
        tensors = {field.name: getattr(batch, field.name) for field in fields(StepBatch)}
        tensors["attention_mask"] = torch.cat([mask.to(batch.attention_mask), batch.attention_mask], dim=1)
        caches = {model: DynamicCache() for model in models}
        for index, cache in enumerate(caches.values() if width else ()):
            keys, values = (_stack_prefixes(prefixes, part, width) for part in (2 * index, 2 * index + 1))
            for layer, (key, value) in enumerate(zip(keys, values, strict=True)):
                cache.update(key, value, layer)
        return cls(**tensors, caches=caches)

    def inputs(self, model: Any) -> dict[str, Any]:
        """Return the arguments of the forward pass of `model`, including its cache."""
        positions = self.attention_mask.cumsum(dim=1) - 1
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "position_ids": positions[:, -self.input_ids.shape[1] :],
            "use_cache": True,
            _cache_name(model): self.caches[model],
        }

    def new_keys_values(self) -> KeysValues | None:
        """Return the keys and values of the T tokens, [layers, B, heads, T, head width], after the forward passes.

        None if the scorer did not use the caches, or if the layers of a model differ in shape or device.
        """
        new, width = self.input_ids.shape[1], self.attention_mask.shape[1]
        stacked: list[Tensor] = []
        for cache in self.caches.values():
            if cache.get_seq_length() != width:
                return None
            for tensors in ([layer.keys for layer in cache.layers], [layer.values for layer in cache.layers]):
                if len({(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors}) > 1:
                    return None
                stacked.append(torch.stack([tensor[..., -new:, :] for tensor in tensors]))
        return tuple(stacked)


def supports_prefix_cache(model: Any) -> bool:
    """Return whether keys and values cached from `model` are exact for any text with the same prefix.

    Requirements: a forward pass that takes positions and a cache, causal attention, a rotary embedding whose
        frequencies
    do not depend on the text length, and no attention windows or recurrent states in the configuration.
    """
    names = inspect.signature(model.forward).parameters
    if "position_ids" not in names or not any(name in names for name in _CACHE_NAMES):
        return False
    causal = [bool(module.is_causal) for module in model.modules() if hasattr(module, "is_causal")]
    if not causal or not all(causal) or not _rope_types(model.config) <= _FIXED_ROPES:
        return False
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def _rope_types(config: Any) -> set[str]:
    """Return the rotary embedding types in `config`: one for all layers, or one for each type of layer."""
    parameters = getattr(config, "rope_parameters", None) or {}
    groups = [parameters, *(value for value in parameters.values() if isinstance(value, dict))]
    return {group["rope_type"] for group in groups if "rope_type" in group}


def _cache_name(model: Any) -> str:
    names = inspect.signature(model.forward).parameters
    return next(name for name in _CACHE_NAMES if name in names)


def _stack_prefixes(prefixes: Iterable[Sequence[KeysValues]], part: int, width: int) -> Tensor:
    """Return tensor number `part` of all rows, [layers, B, heads, width, head width], padded on the left."""
    rows = [[run[part] for run in runs] for runs in prefixes]
    template = next(tensors[0] for tensors in rows if tensors)
    joined: dict[int, Tensor] = {}
    for runs, tensors in zip(prefixes, rows, strict=True):
        if id(runs) not in joined:
            missing = width - sum(tensor.shape[-2] for tensor in tensors)
            padding = template.new_zeros((*template.shape[:-2], missing, template.shape[-1]))
            joined[id(runs)] = torch.cat([padding, *tensors], dim=-2)
    return torch.stack([joined[id(runs)] for runs in prefixes], dim=1)
