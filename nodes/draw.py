"""What `generate` and `expand` share: a sample's request, its worst-case price, the record it becomes, and the node.

A call is one sample. Its seed hangs on its own id, one bad sample loses only itself, and a backend that can share a
prefix between calls (a prefix cache, `n` in one request) does so behind the contract.
"""

from collections.abc import Callable

from langchain_core.runnables import Runnable

from its_graph.answers import has_final_answer
from its_graph.body import Absorbed, ModelNode, Planned, model_node
from its_graph.budget import NOTHING, Spend, flops, total
from its_graph.contracts import Candidate, FinishReason, Generator, Sample, SampleRequest, Verifier
from its_graph.state import Failure, SearchState, Step, Update
from its_graph.tree import Tree

__all__ = ["MIN_TOKENS", "ask", "sample_price", "sampling_node"]

MIN_TOKENS = 8
"""A sample that may not even be this long is not worth its prompt."""

Price = Callable[[SampleRequest], Spend]


def sampling_node(
    name: str,
    generator: Generator,
    plan: Callable[[Tree], list[Planned[SampleRequest]]],
    *,
    judged_by: Verifier | None = None,
    rollout: bool = False,
    hold: Callable[[Tree], Spend] = lambda tree: NOTHING,
) -> Runnable[SearchState, Update]:
    """Return the node that draws the samples of `plan`. Unless they are rollouts, they become the fresh steps."""
    return model_node(
        ModelNode(
            name=name,
            model=generator,
            plan=plan,
            price=sample_price(generator, judged_by),
            absorb=_absorb(generator, judged_by, rollout),
            fail=_fail,
            shrink=_shrink,
            within=lambda request, seconds: request.model_copy(update={"timeout_s": seconds}),
            close=lambda tree, added: {} if rollout else {"fresh": added},
            hold=hold,
        )
    )


def ask(
    generator: Generator,
    tree: Tree,
    *,
    key: str,
    parent: str | None,
    stop: tuple[str, ...] = (),
    temperature: float | None = None,
) -> Planned[SampleRequest]:
    """Plan the sample that continues the path `parent` and will be recorded as `key`.

    A step (with `stop`) may be as long as the settings' `step_tokens`, a solution as long as its `max_tokens`, the
    path so far included.
    """
    settings = tree.settings
    own = generator.temperature if settings.temperature is None else settings.temperature
    longest = (settings.max_tokens or generator.max_tokens) - tree.tokens(parent)
    if stop:
        longest = min(longest, settings.step_tokens or generator.step_tokens)
    request = SampleRequest(
        messages=tuple(tree.question),
        prefix=tree.text(parent),
        n=1,
        stop=stop,
        max_tokens=max(longest, 1),
        temperature=own if temperature is None else temperature,
        top_p=settings.top_p,
        seed=tree.seed(key),
        logprobs=False,
        timeout_s=None,
    )
    return Planned(key, parent, request)


def sample_price(generator: Generator, judged_by: Verifier | None = None) -> Price:
    """Return the worst case of a sample, with the price of having it judged where `judged_by` will do so.

    A sample that could not be judged afterwards would be spent in vain.
    """

    def price(request: SampleRequest) -> Spend:
        prompt, new = generator.prompt_tokens(request) * request.n, request.max_tokens * request.n
        spend = Spend(
            calls=request.n,
            prompt_tokens=prompt,
            generated_tokens=new,
            flops=flops(generator.parameters, prompt + new),
        )
        return spend if judged_by is None else spend.plus(_judging_price(judged_by, request, new))

    return price


def _judging_price(verifier: Verifier, request: SampleRequest, new: int) -> Spend:
    """Price of judging a sample: its known prefix as the verifier counts it, its text as `new` tokens."""
    known = Candidate(messages=request.messages, steps=(request.prefix,), finished=False)
    read = verifier.tokens(known)
    tokens = read * request.n + new if read else 0
    return Spend(calls=request.n, verifier_tokens=tokens, flops=flops(verifier.parameters, tokens))


def _absorb(
    generator: Generator, judged_by: Verifier | None, rollout: bool
) -> Callable[[Tree, Planned[SampleRequest], list[Sample]], Absorbed]:
    def absorb(tree: Tree, planned: Planned[SampleRequest], reply: list[Sample]) -> Absorbed:
        # Nothing more to say ends a path that has said something; nothing at all is no solution.
        silent = len(reply) == 1 and not reply[0].text.strip()
        if len(reply) != 1 or (silent and (planned.parent is None or reply[0].finish_reason != "end")):
            reason = _EMPTY if silent else f"The generator returned {len(reply)} samples for one."
            return Absorbed(_failure(planned, reason), total(_spend(generator, sample) for sample in reply))
        sample = reply[0]
        # A complete boxed answer ends a solution even where the model would go on.
        ended = sample.finish_reason == "stop_string" and has_final_answer(sample.text)
        whole = tree.tokens(planned.parent) + sample.generated_tokens
        full = whole >= (tree.settings.max_tokens or generator.max_tokens)
        finish: FinishReason = "end" if ended else sample.finish_reason
        step = Step(
            parent=planned.parent,
            text=sample.text,
            tokens=sample.generated_tokens,
            finish="length" if finish == "stop_string" and full else finish,  # no room left to go on
            confidence=sample.confidence,
        )
        if rollout:
            step["rollout"] = True
        owed = NOTHING
        if judged_by is not None and tree.settings.budget.limited:
            owed = _judging_price(judged_by, planned.request, sample.generated_tokens)
        return Absorbed({"steps": {planned.id: step}}, _spend(generator, sample), owed)

    return absorb


_EMPTY = "The generator returned an empty sample."


def _spend(generator: Generator, sample: Sample) -> Spend:
    processed = sample.prompt_tokens - sample.cached_tokens + sample.generated_tokens
    return Spend(
        calls=1,
        prompt_tokens=sample.prompt_tokens,
        cached_tokens=sample.cached_tokens,
        generated_tokens=sample.generated_tokens,
        flops=flops(generator.parameters, processed),
    )


def _fail(planned: Planned[SampleRequest], error: Exception) -> Update:
    return _failure(planned, f"{type(error).__name__}: {error}")


def _failure(planned: Planned[SampleRequest], reason: str) -> Update:
    return {"failures": {planned.id: Failure(parent=planned.parent, reason=reason)}}


def _shrink(planned: Planned[SampleRequest], fits: Callable[[SampleRequest], bool]) -> Planned[SampleRequest] | None:
    """Return the call with the largest `max_tokens` that fits, or None if that would be too short to be of use."""
    low, high = 0, planned.request.max_tokens
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_shorter(planned.request, middle)) else (low, middle)
    if low < min(MIN_TOKENS, planned.request.max_tokens):
        return None
    return planned._replace(request=_shorter(planned.request, low))


def _shorter(request: SampleRequest, max_tokens: int) -> SampleRequest:
    return request.model_copy(update={"max_tokens": max_tokens})
