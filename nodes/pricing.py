"""Prices of calls: the worst case that a budget reserves, and the actual cost that it settles."""

from collections.abc import Callable

from its_graph.budget import NOTHING, Budget, Spend, flops
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verifier
from its_graph.errors import ConfigurationError
from its_graph.text.steps import split_steps

__all__ = ["require_known_parameters", "sample_price", "sample_spend", "verdict_price", "verification_price"]


def require_known_parameters(budget: Budget, parameters: int, generator: Generator) -> None:
    """Reject a FLOPs limit on a model of unknown size: it would not limit anything.

    Args:
        budget: budget of the search.
        parameters: number of parameters of the model that is called; 0 if unknown.
        generator: generator that calls it.

    Raises:
        ConfigurationError: if the budget limits FLOPs and `parameters` is 0.
    """
    if budget.flops is not None and not parameters:
        raise ConfigurationError(
            f"The budget is {budget.flops:.3g} FLOPs, but {type(generator).__name__} does not know its model's number "
            "of parameters, so nothing would be counted. Set `parameters` on it, or limit tokens instead."
        )


def sample_price(generator: Generator, verifier: Verifier | None = None) -> Callable[[SampleRequest], Spend]:
    """Return the worst-case price of a sample, including its verification if `verifier` will score it.

    A sample that could not be verified afterwards would be wasted. The number of steps of a solution is not known in
    advance, so a verifier that reads marks between steps is priced without those of the new text.
    """

    def price(request: SampleRequest) -> Spend:
        prompt, new = generator.prompt_tokens(request) * request.n, request.max_tokens * request.n
        spend = Spend(
            calls=request.n,
            prompt_tokens=prompt,
            generated_tokens=new,
            flops=flops(generator.parameters_of(request), prompt + new),
        )
        if verifier is None:
            return spend
        read = verifier.tokens(_path_of(request, ""))
        return spend.plus(_verifier_spend(verifier, read * request.n + new if read else 0, calls=request.n))

    return price


def verdict_price(verifier: Verifier, candidate: Candidate) -> Spend:
    """Return the worst-case price of verifying `candidate`."""
    return _verifier_spend(verifier, verifier.tokens(candidate))


def verification_price(verifier: Verifier, request: SampleRequest, text: str) -> Spend:
    """Return the price of verifying a sample already drawn; nothing if it is unknown, as it is not verified then."""
    try:
        return verdict_price(verifier, _path_of(request, text))
    except Exception:  # noqa: BLE001  pricing is the verifier's own code, and its errors must not lose the sample
        return NOTHING


def sample_spend(generator: Generator, request: SampleRequest, sample: Sample) -> Spend:
    """Return the actual cost of a sample; tokens that the backend had cached were not computed again."""
    processed = sample.prompt_tokens - sample.cached_tokens + sample.generated_tokens
    return Spend(
        calls=1,
        prompt_tokens=sample.prompt_tokens,
        cached_tokens=sample.cached_tokens,
        generated_tokens=sample.generated_tokens,
        flops=flops(generator.parameters_of(request), processed),
    )


def _path_of(request: SampleRequest, text: str) -> Candidate:
    """Return the path that a sample makes, as a verifier will read it."""
    steps = (*split_steps(request.prefix), *split_steps(text)) or ("",)
    return Candidate(messages=request.messages, steps=steps, finished=False)


def _verifier_spend(verifier: Verifier, tokens: int, calls: int = 1) -> Spend:
    return Spend(calls=calls, verifier_tokens=tokens, flops=flops(verifier.parameters, tokens))
