"""Seeds of single calls, derived from the seed of the search.

A call's seed depends only on the search's seed and the id of the record that it will write: not on the order in which
replies arrive, on batching, or on whether the search was stopped and resumed in between.
"""

from hashlib import blake2b

__all__ = ["derive_seed"]


def derive_seed(search_seed: int, key: str) -> int:
    """Return the seed of the call that writes record `key`: 0 <= seed < 2**31."""
    digest = blake2b(f"{search_seed}:{key}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
