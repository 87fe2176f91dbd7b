"""What a search may spend, what it has spent, and whether another call fits.

The invariant of every search: `spent + reserved <= limit`, for every limit, at every moment. A call reserves its worst
case before it is made and settles its actual cost afterwards; what it did not use returns to the pool.
"""

from collections.abc import Iterable
from operator import add
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NOTHING", "Budget", "Int64", "Spend", "flops", "total"]

Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""An integer that fits into a checkpoint: a larger one would fail when stored, after the search was paid for."""


class Spend(NamedTuple):
    """Compute used (or reserved) by generator and verifier together.

    Args:
        calls: samples drawn plus candidates verified or compared, each counted once however they were batched.
        prompt_tokens: prompt tokens of all samples, cached ones included.
        cached_tokens: the part of `prompt_tokens` served from a prefix cache.
        generated_tokens: tokens that generators wrote.
        verifier_tokens: tokens that verifiers and judges read and wrote.
        seconds: wall-clock seconds inside the nodes that call models.
        flops: floating-point operations of generators and verifiers; a model of unknown size counts 0.

    >>> from its_graph import Spend
    >>> sample = Spend(calls=1, prompt_tokens=20, generated_tokens=50)
    >>> sample.plus(Spend(calls=1, verifier_tokens=70)).tokens
    140
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    verifier_tokens: int = 0
    seconds: float = 0.0
    flops: float = 0.0

    @property
    def tokens(self) -> int:
        """All tokens: prompt, generated and verifier tokens."""
        return self.prompt_tokens + self.generated_tokens + self.verifier_tokens

    def plus(self, other: "Spend") -> "Spend":
        """Return the sum, field by field."""
        return Spend(*map(add, self, other))


NOTHING = Spend()


class Budget(BaseModel):
    """Hard limits of one search, verifier included; None means no limit.

    No limit is ever exceeded, with one exception: `seconds` is checked before every wave of calls and passed to the
    backends as their deadline, so a backend that cannot stop a running call may finish late.

    Args:
        calls: samples drawn plus candidates verified or compared; >= 0.
        generated_tokens: tokens that generators write; >= 0.
        tokens: all tokens: prompt, generated and verifier tokens; >= 0.
        seconds: wall-clock seconds inside the nodes that call models; >= 0.
        flops: floating-point operations of generators and verifiers; >= 0. Needs models of known size.

    Raises:
        pydantic.ValidationError: for a negative limit or an unknown name.

    >>> from its_graph import Budget, Spend
    >>> budget = Budget(calls=10, tokens=2_000)
    >>> budget.allows(Spend(calls=10, generated_tokens=1_500)), budget.allows(Spend(calls=11))
    (True, False)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: Int64 | None = Field(default=None, ge=0)
    generated_tokens: Int64 | None = Field(default=None, ge=0)
    tokens: Int64 | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    flops: float | None = Field(default=None, ge=0)

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return any(limit is not None for limit in self.limits())

    def limits(self) -> tuple[float | None, ...]:
        """Return the limits in the order of the fields."""
        return self.calls, self.generated_tokens, self.tokens, self.seconds, self.flops

    def allows(self, spend: Spend) -> bool:
        """Return whether a search that has spent (or reserved) `spend` is within every limit."""
        return all(limit is None or used <= limit for limit, used in zip(self.limits(), _measures(spend), strict=True))

    def left(self, spend: Spend) -> dict[str, float]:
        """Return what remains of each limit after `spend`, by the name of the limit."""
        used = zip(type(self).model_fields, self.limits(), _measures(spend), strict=True)
        return {name: limit - amount for name, limit, amount in used if limit is not None}


def _measures(spend: Spend) -> tuple[float, ...]:
    return spend.calls, spend.generated_tokens, spend.tokens, spend.seconds, spend.flops


def flops(parameters: int, tokens: int) -> float:
    """Return a dense model's forward FLOPs for `tokens` tokens: 2PT (Kaplan et al., arXiv 2001.08361, section 2.1)."""
    return 2.0 * parameters * tokens


def total(spends: Iterable[Spend]) -> Spend:
    """Return the sum of `spends`, field by field."""
    return Spend._make(map(sum, zip(NOTHING, *spends, strict=True)))
