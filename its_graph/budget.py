"""What a search may spend, what it has spent, and whether a call still fits.

The invariant of every search: `spent + reserved <= limit`, for every limit, at every moment. A call reserves its
worst case before it is made and settles with its real use after; what it did not use returns to the pool.
"""

from collections.abc import Iterable
from operator import add
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NOTHING", "Budget", "Int64", "Spend", "flops", "total"]

Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""An integer that a checkpoint can hold: a larger one would end a search when it is stored, after it was paid for."""


class Spend(NamedTuple):
    """Compute used (or reserved). Generator and verifier are both in it."""

    calls: int = 0
    """Samples drawn plus candidates verified or compared: one question to a model each, however they were batched."""
    prompt_tokens: int = 0
    """Prompt tokens of all samples, cached ones included."""
    cached_tokens: int = 0
    """The part of `prompt_tokens` that a prefix cache served."""
    generated_tokens: int = 0
    verifier_tokens: int = 0
    """Tokens read by verifiers."""
    seconds: float = 0.0
    """Wall time inside the nodes that call models."""
    flops: float = 0.0

    @property
    def tokens(self) -> int:
        """All tokens: prompt, generated and read by verifiers."""
        return self.prompt_tokens + self.generated_tokens + self.verifier_tokens

    def plus(self, other: "Spend") -> "Spend":
        """Return the sum, field by field."""
        return Spend(*map(add, self, other))


NOTHING = Spend()


class Budget(BaseModel):
    """Hard limits of one search; None means no limit. No limit is ever exceeded, the verifier's cost included.

    `seconds` is looked at before every wave of calls and handed to the backends as their deadline, so a backend that
    cannot stop a running call may finish it late; every other limit is exact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: Int64 | None = Field(default=None, ge=0)
    """Samples drawn plus candidates verified."""
    generated_tokens: Int64 | None = Field(default=None, ge=0)
    tokens: Int64 | None = Field(default=None, ge=0)
    """All tokens: prompt, generated and read by the verifier."""
    seconds: float | None = Field(default=None, ge=0)
    flops: float | None = Field(default=None, ge=0)

    @property
    def limited(self) -> bool:
        """Whether there is any limit at all."""
        return any(limit is not None for limit in self.limits())

    def limits(self) -> tuple[float | None, ...]:
        """Return the limits in the order of `measure`."""
        return self.calls, self.generated_tokens, self.tokens, self.seconds, self.flops

    def allows(self, spend: Spend) -> bool:
        """Tell whether a search that has spent (or reserved) `spend` is within every limit."""
        return all(limit is None or used <= limit for limit, used in zip(self.limits(), _measure(spend), strict=True))


def _measure(spend: Spend) -> tuple[float, ...]:
    return spend.calls, spend.generated_tokens, spend.tokens, spend.seconds, spend.flops


def flops(parameters: int, tokens: int) -> float:
    """FLOPs of running `tokens` tokens forward through a dense model: 2 P T (Kaplan et al. 2001.08361, section 2.1)."""
    return 2.0 * parameters * tokens


def total(spends: Iterable[Spend]) -> Spend:
    """Sum many spends, field by field; the sum of none is nothing."""
    return Spend._make(map(sum, zip(NOTHING, *spends, strict=True)))
