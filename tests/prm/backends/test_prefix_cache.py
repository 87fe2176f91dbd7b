"""The prefix cache against a list of whole texts."""

import random

import pytest
import torch

from its_graph.prm.backends.prefix_cache import KeysValues, PrefixCache


def keys_values(token_ids: list[int], begin: int = 0) -> KeysValues:
    """Return keys and values that identify each token and its position: [2 layers, 1 head, tokens, 3]."""
    positions = torch.arange(begin, len(token_ids), dtype=torch.float32)
    numbers = torch.tensor(token_ids[begin:], dtype=torch.float32) + positions / 100
    keys = numbers.view(1, 1, -1, 1).expand(2, 1, -1, 3)
    return keys, -keys


def joined(runs: list[KeysValues]) -> KeysValues:
    return tuple(torch.cat(tensors, dim=-2) for tensors in zip(*runs, strict=True))


def check(cache: PrefixCache, token_ids: list[int], length: int) -> None:
    match = cache.match_prefix(token_ids)
    assert match.length == length
    for cut in range(1, length + 1):
        for actual, expected in zip(joined(match.keys_values(cut)), keys_values(token_ids[:cut]), strict=True):
            assert torch.equal(actual, expected)


def test_texts_share_a_common_prefix() -> None:
    cache = PrefixCache(100)
    cache.insert([1, 2, 3, 4], 0, keys_values([1, 2, 3, 4]), {(0, 2): 0.5, (2, 4): 0.25})
    cache.insert([1, 2, 5], 2, keys_values([1, 2, 5], 2), {(0, 2): 0.5, (2, 3): 0.75})
    assert cache.tokens == 5
    check(cache, [1, 2, 3, 4, 9], 4)
    check(cache, [1, 2, 5, 3], 3)
    check(cache, [1, 2], 2)
    check(cache, [1, 7], 1)
    check(cache, [2], 0)
    assert cache.match_prefix([1, 2, 3, 4]).logits == {(0, 2): 0.5, (2, 4): 0.25}
    assert cache.match_prefix([1, 2, 5]).logits == {(0, 2): 0.5, (2, 3): 0.75}
    assert cache.match_prefix([1, 2, 3]).logits == {(0, 2): 0.5}
    assert cache.match_prefix([1]).logits == {}


def test_a_later_score_is_added_to_a_cached_text() -> None:
    cache = PrefixCache(100)
    cache.insert([1, 2, 3], 0, keys_values([1, 2, 3]), {(1, 2): 1.0})
    cache.insert([1, 2, 3], 2, keys_values([1, 2, 3], 2), {(1, 2): 1.0, (2, 3): 2.0})
    assert cache.tokens == 3
    assert cache.match_prefix([1, 2, 3]).logits == {(1, 2): 1.0, (2, 3): 2.0}


def test_the_least_recently_used_is_evicted_first() -> None:
    cache = PrefixCache(6)
    cache.insert([1, 2, 3], 0, keys_values([1, 2, 3]), {})
    cache.insert([4, 5, 6], 0, keys_values([4, 5, 6]), {})
    cache.match_prefix([1, 2, 3])
    cache.insert([7, 8, 9], 0, keys_values([7, 8, 9]), {})
    assert [cache.match_prefix([first]).length for first in (1, 4, 7)] == [1, 0, 1]
    assert cache.tokens == 6


def test_a_shared_prefix_outlives_its_continuations() -> None:
    cache = PrefixCache(7)
    cache.insert([1, 2, 3, 4], 0, keys_values([1, 2, 3, 4]), {})
    cache.insert([1, 2, 5, 6], 2, keys_values([1, 2, 5, 6], 2), {})
    cache.insert([9], 0, keys_values([9]), {})
    assert cache.tokens == 7
    cache.insert([9, 8], 1, keys_values([9, 8], 1), {})
    check(cache, [1, 2, 3, 4], 2)
    check(cache, [1, 2, 5, 6], 4)


def test_a_continuation_of_an_evicted_prefix_is_not_cached() -> None:
    cache = PrefixCache(10)
    cache.insert([1, 2, 3], 2, keys_values([1, 2, 3], 2), {(2, 3): 1.0})
    assert (cache.tokens, cache.match_prefix([1, 2, 3]).length) == (0, 0)


def test_a_text_longer_than_the_limit_is_not_cached() -> None:
    cache = PrefixCache(2)
    cache.insert([1, 2, 3], 0, keys_values([1, 2, 3]), {})
    assert cache.tokens == 0


def test_cached_tensors_hold_no_larger_memory() -> None:
    cache = PrefixCache(100)
    keys, values = keys_values(list(range(50)))
    cache.insert([0, 1, 2], 0, (keys[..., :3, :], values[..., :3, :]), {})
    cache.insert([0, 9], 1, keys_values([0, 9], 1), {})
    for node in cache.match_prefix([0, 1, 2]).path + cache.match_prefix([0, 9]).path:
        for tensor in node.keys_values:
            assert tensor.untyped_storage().nbytes() == 4 * tensor.numel()


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_texts(seed: int) -> None:
    """Matches are correct, the limit holds, and nothing is evicted if everything fits."""
    draw = random.Random(seed)
    limit = draw.choice([10, 40, 10_000])
    cache, texts = PrefixCache(limit), [[draw.randrange(3)]]
    for _ in range(200):
        text = draw.choice(texts)
        text = text[: draw.randint(1, len(text))] + [draw.randrange(3) for _ in range(draw.randint(0, 5))]
        match = cache.match_prefix(text)
        if limit == 10_000:
            longest = max(next((i for i, (a, b) in enumerate(zip(t, text, strict=False)) if a != b),
                             min(len(t), len(text))) for t in texts[1:]) if texts[1:] else 0  # fmt: skip
            assert match.length == longest
        check(cache, text, match.length)
        assert all(logit == sum(text[: span[1]]) for span, logit in match.logits.items())
        begin = draw.randint(0, match.length)
        spans = [(at - 1, at) for at in range(1, len(text) + 1) if draw.random() < 0.5]
        cache.insert(text, begin, keys_values(text, begin), {span: float(sum(text[: span[1]])) for span in spans})
        texts.append(text)
        assert cache.tokens <= limit
    cache.clear()
    assert (cache.tokens, cache.match_prefix(texts[-1]).length) == (0, 0)
    cache.insert([1], 0, keys_values([1]), {})
    check(cache, [1], 1)
