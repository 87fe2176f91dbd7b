"""What calls cost at their worst, and what a sample cost in truth: what a budget reserves and settles."""

from collections.abc import Callable

from its_graph.budget import NOTHING, Budget, Spend, flops
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verifier
from its_graph.errors import ConfigurationError
from its_graph.text.steps import split_steps

__all__ = ["require_known_parameters", "sample_price", "sample_spend", "verdict_price", "verification_price"]


def require_known_parameters(budget: Budget, parameters: int, generator: Generator) -> None:
    """Refuse a limit of FLOPs on samples whose FLOPs nobody can count: it would hold nothing back.

    Args:
        budget: of the search.
        parameters: of the model that is asked; 0 where unknown.
        generator: who asks it.
    """
    if budget.flops is not None and not parameters:
        raise ConfigurationError(
            f"A budget of {budget.flops:.3g} FLOPs was given, and {type(generator).__name__} does not know its model's "
            "parameters, so that nothing would count. Give it `parameters`, or limit tokens instead."
        )


def sample_price(generator: Generator, verifier: Verifier | None = None) -> Callable[[SampleRequest], Spend]:
    """Return the worst case of a sample, with the price of having it judged where `verifier` will do so.

    A sample that could not be judged afterwards would be spent in vain. How many steps a solution will have is not
    known before, so a verifier that reads marks between steps is priced without those of the new text.
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
        return spend.plus(_reading(verifier, read * request.n + new if read else 0, calls=request.n))

    return price


def verdict_price(verifier: Verifier, candidate: Candidate) -> Spend:
    """Return the worst case of judging `candidate`."""
    return _reading(verifier, verifier.tokens(candidate))


def verification_price(verifier: Verifier, request: SampleRequest, text: str) -> Spend:
    """Return what judging a drawn sample will cost; nothing where no price is known: it will not be judged then."""
    try:
        return verdict_price(verifier, _path_of(request, text))
    except Exception:  # noqa: BLE001  a price is a verifier's own code; what raises there must not lose the sample
        return NOTHING


def sample_spend(generator: Generator, request: SampleRequest, sample: Sample) -> Spend:
    """Return what a sample cost; what the backend had cached was not computed again."""
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


def _reading(verifier: Verifier, tokens: int, calls: int = 1) -> Spend:
    return Spend(calls=calls, verifier_tokens=tokens, flops=flops(verifier.parameters, tokens))
