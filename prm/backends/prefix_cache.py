"""The keys and values that a causal model computed, cached in a tree of token prefixes (a radix tree).

Each node holds a run of tokens, their keys and values, and the logits of the steps that end in the run. Texts with a
common prefix share nodes, as in SGLang's RadixAttention (Zheng et al. 2023, arXiv 2312.07104). Entries never become
invalid, because what a causal model computes for a token does not depend on later tokens.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from its_graph.errors import MissingExtraError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "local") from error

__all__ = ["KeysValues", "PrefixCache", "PrefixMatch", "Span"]

Span = tuple[int, int]
"""Half-open range of token positions, counted from the beginning of the text."""

KeysValues = tuple[Tensor, ...]
"""Keys, then values, of each model: [layers, heads, tokens, head width]."""


class _Node:
    """A run of tokens that begins at position `start`; its parent holds the run before it."""

    def __init__(self, parent: "_Node | None", start: int, token_ids: list[int], keys_values: KeysValues) -> None:
        self.parent, self.start, self.token_ids, self.keys_values = parent, start, token_ids, keys_values
        self.children: dict[int, _Node] = {}
        self.logits: dict[Span, float] = {}

    @property
    def end(self) -> int:
        return self.start + len(self.token_ids)

    def count_matching(self, token_ids: Sequence[int]) -> int:
        """Return how many tokens of the run, from its first one, equal those of `token_ids` at the same positions."""
        own = token_ids[self.start : self.end]
        if own == self.token_ids:
            return len(own)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, self.token_ids, strict=False)))


class PrefixMatch(NamedTuple):
    """The longest cached prefix of a text."""

    length: int
    """Tokens."""
    logits: dict[Span, float]
    """Logits of the scored steps that lie entirely in the prefix."""
    path: tuple[_Node, ...]
    """Nodes of the prefix; valid until the cache changes."""

    def keys_values(self, length: int) -> list[KeysValues]:
        """Return the keys and values of the first `length` tokens, run by run."""
        runs = [(node.keys_values, min(node.end, length) - node.start) for node in self.path if node.start < length]
        return [tuple(tensor[..., :tokens, :] for tensor in keys_values) for keys_values, tokens in runs]


class PrefixCache:
    """Caches at most `limit` tokens; evicts the least recently used, the ends of texts before their beginnings.

    Not thread-safe.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tokens = 0
        """Tokens in the cache."""
        self._root = _Node(None, 0, [], ())
        self._by_age: OrderedDict[_Node, None] = OrderedDict()
        """Oldest first. The nodes of a path are touched from its tip to the root, so that no node is older than its
        descendants and the oldest node is always a leaf."""

    def match_prefix(self, token_ids: list[int]) -> PrefixMatch:
        """Return the longest cached prefix of `token_ids`, and mark it as used."""
        path, length = self._walk(token_ids)
        self._touch(path)
        logits = {span: logit for node in path for span, logit in node.logits.items() if span[1] <= length}
        return PrefixMatch(length, logits, tuple(path))

    def insert(self, token_ids: list[int], begin: int, keys_values: KeysValues, logits: Mapping[Span, float]) -> None:
        """Add a text that was read from position `begin` on.

        Args:
            token_ids: the whole text.
            begin: length of the prefix that was cached before; if it has been evicted since, nothing is added.
            keys_values: of the tokens from `begin` on; copied, so they may be views of larger tensors.
            logits: logits of the steps of the text, by span.
        """
        path, length = self._walk(token_ids)
        if length < begin:
            return
        if length < len(token_ids):
            if path and path[-1].end > length:
                path[-1] = self._split(path[-1], length)
            parent = path[-1] if path else self._root
            path.append(self._add_child(parent, token_ids[length:], _copy_range(keys_values, length - begin)))
        for node in path:
            node.logits |= {span: logit for span, logit in logits.items() if node.start < span[1] <= node.end}
        self._touch(path)
        self._evict()

    def clear(self) -> None:
        """Remove all entries."""
        self._root.children.clear()
        self._by_age.clear()
        self.tokens = 0

    def _walk(self, token_ids: list[int]) -> tuple[list[_Node], int]:
        """Return the nodes on the path of `token_ids`, the last one possibly in part, and the matching length."""
        path: list[_Node] = []
        node, length = self._root, 0
        while length == node.end and length < len(token_ids) and token_ids[length] in node.children:
            node = node.children[token_ids[length]]
            path.append(node)
            length += node.count_matching(token_ids)
        return path, length

    def _touch(self, path: Sequence[_Node]) -> None:
        for node in reversed(path):
            self._by_age[node] = None
            self._by_age.move_to_end(node)

    def _add_child(self, parent: _Node, token_ids: list[int], keys_values: KeysValues) -> _Node:
        node = _Node(parent, parent.end, token_ids, keys_values)
        parent.children[token_ids[0]] = node
        self.tokens += len(token_ids)
        return node

    def _split(self, node: _Node, position: int) -> _Node:
        """Split `node` at `position` and return its first half, which replaces it in the tree."""
        assert node.parent is not None, "the root has no tokens to split"
        half = position - node.start
        first = _Node(node.parent, node.start, node.token_ids[:half], _copy_range(node.keys_values, 0, half))
        node.parent.children[first.token_ids[0]] = first
        node.parent, node.start, node.token_ids = first, position, node.token_ids[half:]
        node.keys_values = _copy_range(node.keys_values, half)
        first.children[node.token_ids[0]] = node
        first.logits = {span: logit for span, logit in node.logits.items() if span[1] <= position}
        node.logits = {span: logit for span, logit in node.logits.items() if span[1] > position}
        return first

    def _evict(self) -> None:
        while self.tokens > self.limit:
            node, _ = self._by_age.popitem(last=False)
            assert node.parent is not None, "the root is never touched, so it has no age"
            assert not node.children, "the oldest node is a leaf"
            del node.parent.children[node.token_ids[0]]
            self.tokens -= len(node.token_ids)


def _copy_range(keys_values: KeysValues, start: int, stop: int | None = None) -> KeysValues:
    """Return copies of a range of tokens: a view would keep the memory of the whole tensor."""
    return tuple(tensor[..., start:stop, :].clone(memory_format=torch.contiguous_format) for tensor in keys_values)
