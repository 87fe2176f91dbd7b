"""The store of prefixes against a dictionary of whole texts."""

import random

import pytest
import torch

from its_graph.prm.backends.prefix_cache import KeysValues, PrefixCache


def made(token_ids: list[int], begin: int = 0) -> KeysValues:
    """Keys and values in which each token's are recognised: [2 layers, 1 head, tokens, 3]."""
    places = torch.arange(begin, len(token_ids), dtype=torch.float32)
    numbers = torch.tensor(token_ids[begin:], dtype=torch.float32) + places / 100
    keys = numbers.view(1, 1, -1, 1).expand(2, 1, -1, 3)
    return keys, -keys


def joined(runs: list[KeysValues]) -> KeysValues:
    return tuple(torch.cat(tensors, dim=-2) for tensors in zip(*runs, strict=True))


def check(store: PrefixCache, token_ids: list[int], length: int) -> None:
    match = store.find(token_ids)
    assert match.length == length
    for cut in range(1, length + 1):
        for got, expected in zip(joined(match.kv(cut)), made(token_ids[:cut]), strict=True):
            assert torch.equal(got, expected)


def test_texts_share_what_they_begin_with() -> None:
    store = PrefixCache(100)
    store.keep([1, 2, 3, 4], 0, made([1, 2, 3, 4]), {(0, 2): 0.5, (2, 4): 0.25})
    store.keep([1, 2, 5], 2, made([1, 2, 5], 2), {(0, 2): 0.5, (2, 3): 0.75})
    assert store.tokens == 5
    check(store, [1, 2, 3, 4, 9], 4)
    check(store, [1, 2, 5, 3], 3)
    check(store, [1, 2], 2)
    check(store, [1, 7], 1)
    check(store, [2], 0)
    assert store.find([1, 2, 3, 4]).logits == {(0, 2): 0.5, (2, 4): 0.25}
    assert store.find([1, 2, 5]).logits == {(0, 2): 0.5, (2, 3): 0.75}
    assert store.find([1, 2, 3]).logits == {(0, 2): 0.5}
    assert store.find([1]).logits == {}


def test_a_score_found_later_is_added_to_a_text_that_is_kept() -> None:
    store = PrefixCache(100)
    store.keep([1, 2, 3], 0, made([1, 2, 3]), {(1, 2): 1.0})
    store.keep([1, 2, 3], 2, made([1, 2, 3], 2), {(1, 2): 1.0, (2, 3): 2.0})
    assert store.tokens == 3
    assert store.find([1, 2, 3]).logits == {(1, 2): 1.0, (2, 3): 2.0}


def test_the_least_recently_used_goes_first() -> None:
    store = PrefixCache(6)
    store.keep([1, 2, 3], 0, made([1, 2, 3]), {})
    store.keep([4, 5, 6], 0, made([4, 5, 6]), {})
    store.find([1, 2, 3])
    store.keep([7, 8, 9], 0, made([7, 8, 9]), {})
    assert [store.find([first]).length for first in (1, 4, 7)] == [1, 0, 1]
    assert store.tokens == 6


def test_what_others_continue_outlives_them() -> None:
    store = PrefixCache(7)
    store.keep([1, 2, 3, 4], 0, made([1, 2, 3, 4]), {})
    store.keep([1, 2, 5, 6], 2, made([1, 2, 5, 6], 2), {})
    store.keep([9], 0, made([9]), {})
    assert store.tokens == 7
    store.keep([9, 8], 1, made([9, 8], 1), {})
    check(store, [1, 2, 3, 4], 2)
    check(store, [1, 2, 5, 6], 4)


def test_an_end_whose_beginning_is_gone_is_not_kept() -> None:
    store = PrefixCache(10)
    store.keep([1, 2, 3], 2, made([1, 2, 3], 2), {(2, 3): 1.0})
    assert (store.tokens, store.find([1, 2, 3]).length) == (0, 0)


def test_a_text_longer_than_the_limit_is_not_kept() -> None:
    store = PrefixCache(2)
    store.keep([1, 2, 3], 0, made([1, 2, 3]), {})
    assert store.tokens == 0


def test_what_is_kept_holds_no_larger_memory() -> None:
    store = PrefixCache(100)
    keys, values = made(list(range(50)))
    store.keep([0, 1, 2], 0, (keys[..., :3, :], values[..., :3, :]), {})
    store.keep([0, 9], 1, made([0, 9], 1), {})
    for node in store.find([0, 1, 2]).path + store.find([0, 9]).path:
        for tensor in node.kv:
            assert tensor.untyped_storage().nbytes() == 4 * tensor.numel()


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_texts(seed: int) -> None:
    """What is found is right, the limit holds, and with room for everything nothing is forgotten."""
    draw = random.Random(seed)
    limit = draw.choice([10, 40, 10_000])
    store, texts = PrefixCache(limit), [[draw.randrange(3)]]
    for _ in range(200):
        text = draw.choice(texts)
        text = text[: draw.randint(1, len(text))] + [draw.randrange(3) for _ in range(draw.randint(0, 5))]
        match = store.find(text)
        if limit == 10_000:
            known = max(next((i for i, (a, b) in enumerate(zip(t, text, strict=False)) if a != b),
                             min(len(t), len(text))) for t in texts[1:]) if texts[1:] else 0  # fmt: skip
            assert match.length == known
        check(store, text, match.length)
        assert all(logit == sum(text[: span[1]]) for span, logit in match.logits.items())
        begin = draw.randint(0, match.length)
        spans = [(at - 1, at) for at in range(1, len(text) + 1) if draw.random() < 0.5]
        store.keep(text, begin, made(text, begin), {span: float(sum(text[: span[1]])) for span in spans})
        texts.append(text)
        assert store.tokens <= limit
    store.clear()
    assert (store.tokens, store.find(texts[-1]).length) == (0, 0)
    store.keep([1], 0, made([1]), {})
    check(store, [1], 1)
