"""What a causal model has read before, kept as a tree of token prefixes: every token of every text once.

Each node holds a run of tokens, the keys and values that the model computed for them, and the logits of the steps that
end there. Texts that begin alike share nodes, as in SGLang's radix attention (Zheng et al. 2023, arXiv 2312.07104).
All of it stays true for ever: nothing that follows a token changes what a causal model made of it.
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
"""Keys, then values, of each model: [layers, heads, tokens, width of a head]."""


class _Node:
    """A run of tokens from position `start` on; it hangs below the run that comes before it."""

    def __init__(self, parent: "_Node | None", start: int, token_ids: list[int], kv: KeysValues) -> None:
        self.parent, self.start, self.token_ids, self.kv = parent, start, token_ids, kv
        self.children: dict[int, _Node] = {}
        self.logits: dict[Span, float] = {}

    @property
    def end(self) -> int:
        return self.start + len(self.token_ids)

    def common(self, token_ids: Sequence[int]) -> int:
        """Return how many of the run's tokens stand at their place in `token_ids`, from the first on."""
        there = token_ids[self.start : self.end]
        if there == self.token_ids:
            return len(there)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(there, self.token_ids, strict=False)))


class PrefixMatch(NamedTuple):
    """The longest kept prefix of a text."""

    length: int
    """Tokens."""
    logits: dict[Span, float]
    """Of the steps that lie wholly in it and were scored."""
    path: tuple[_Node, ...]
    """Valid until the store changes."""

    def kv(self, length: int) -> list[KeysValues]:
        """Return the keys and values of the first `length` tokens, run by run."""
        runs = [(node.kv, min(node.end, length) - node.start) for node in self.path if node.start < length]
        return [tuple(tensor[..., :tokens, :] for tensor in kv) for kv, tokens in runs]


class PrefixCache:
    """Keeps at most `limit` tokens; the least recently used go first, the ends of texts before their beginnings.

    Not for several threads at once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tokens = 0
        """Tokens kept."""
        self._root = _Node(None, 0, [], ())
        self._by_age: OrderedDict[_Node, None] = OrderedDict()
        """Oldest first. A path is used tip first, so that no node is older than what hangs below it: the oldest is
        always a leaf."""

    def find(self, token_ids: list[int]) -> PrefixMatch:
        """Return the longest kept prefix of `token_ids`, and count that as a use of it."""
        path, length = self._walk(token_ids)
        self._use(path)
        logits = {span: logit for node in path for span, logit in node.logits.items() if span[1] <= length}
        return PrefixMatch(length, logits, tuple(path))

    def keep(self, token_ids: list[int], begin: int, kv: KeysValues, logits: Mapping[Span, float]) -> None:
        """Keep a text that was read from position `begin` on.

        Args:
            token_ids: the whole text.
            begin: tokens that had been kept before; if they are gone by now, nothing is kept.
            kv: of the tokens from `begin` on; copied, so that they may be a part of something larger.
            logits: of the steps of the text, by their spans.
        """
        path, length = self._walk(token_ids)
        if length < begin:
            return
        if length < len(token_ids):
            if path and path[-1].end > length:
                path[-1] = self._split(path[-1], length)
            path.append(self._grow(path[-1] if path else self._root, token_ids[length:], _cut(kv, length - begin)))
        for node in path:
            node.logits |= {span: logit for span, logit in logits.items() if node.start < span[1] <= node.end}
        self._use(path)
        self._forget_oldest()

    def clear(self) -> None:
        """Forget everything."""
        self._root.children.clear()
        self._by_age.clear()
        self.tokens = 0

    def _walk(self, token_ids: list[int]) -> tuple[list[_Node], int]:
        """Return the nodes that `token_ids` runs through, the last perhaps in part, and the length of that way."""
        path: list[_Node] = []
        node, length = self._root, 0
        while length == node.end and length < len(token_ids) and token_ids[length] in node.children:
            node = node.children[token_ids[length]]
            path.append(node)
            length += node.common(token_ids)
        return path, length

    def _use(self, path: Sequence[_Node]) -> None:
        for node in reversed(path):
            self._by_age[node] = None
            self._by_age.move_to_end(node)

    def _grow(self, parent: _Node, token_ids: list[int], kv: KeysValues) -> _Node:
        node = _Node(parent, parent.end, token_ids, kv)
        parent.children[token_ids[0]] = node
        self.tokens += len(token_ids)
        return node

    def _split(self, node: _Node, at: int) -> _Node:
        """Divide `node` at position `at` and return its first half, which takes its place."""
        assert node.parent is not None, "the root has no tokens to divide"
        half = at - node.start
        first = _Node(node.parent, node.start, node.token_ids[:half], _cut(node.kv, 0, half))
        node.parent.children[first.token_ids[0]] = first
        node.parent, node.start, node.token_ids, node.kv = first, at, node.token_ids[half:], _cut(node.kv, half)
        first.children[node.token_ids[0]] = node
        first.logits = {span: logit for span, logit in node.logits.items() if span[1] <= at}
        node.logits = {span: logit for span, logit in node.logits.items() if span[1] > at}
        return first

    def _forget_oldest(self) -> None:
        while self.tokens > self.limit:
            node, _ = self._by_age.popitem(last=False)
            assert node.parent is not None, "the root is never used, so it has no age"
            assert not node.children, "the oldest is a leaf"
            del node.parent.children[node.token_ids[0]]
            self.tokens -= len(node.token_ids)


def _cut(kv: KeysValues, start: int, stop: int | None = None) -> KeysValues:
    """Return copies of a range of tokens: a view would hold on to the memory of the whole."""
    return tuple(tensor[..., start:stop, :].clone(memory_format=torch.contiguous_format) for tensor in kv)
