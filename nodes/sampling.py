"""What `generate` and `expand` share: a sample's request, its worst-case price, the record it becomes, and the node.

A call is one sample. Its seed hangs on its own id, one bad sample loses only itself, and a backend that can share a
prefix between calls (a prefix cache, `n` in one request) does so behind the contract.
"""

from collections.abc import Callable, Sequence

from langchain_core.runnables import Runnable

from its_graph.budget import NOTHING, Spend, total
from its_graph.contracts import FinishReason, Generator, Message, Sample, SampleRequest, Verifier
from its_graph.nodes.pricing import require_known_parameters, sample_price, sample_spend, verification_price
from its_graph.nodes.rules.types import EndingRule, OwnScore
from its_graph.search.calls import Absorbed, ModelNode, PlannedCall
from its_graph.search.model_node import model_node
from its_graph.search.state import AuxiliaryText, Failure, Score, SearchState, Step, Update
from its_graph.search.tree import Tree
from its_graph.text.answers import has_final_answer

__all__ = ["MIN_TOKENS", "build_request", "sampling_node"]

MIN_TOKENS = 8
"""A sample that may not even be this long is not worth its prompt."""




def sampling_node(
    name: str,
    generator: Generator,
    plan: Callable[[Tree], list[PlannedCall[SampleRequest]]],
    *,
    verifier: Verifier | None = None,
    ahead: Verifier | None = None,
    auxiliary: AuxiliaryText | None = None,
    ending: EndingRule | None = None,
    own_score: OwnScore | None = None,
    reserve: Callable[[Tree], Spend] = lambda tree: NOTHING,
    close: Callable[[Tree, list[str]], Update] | None = None,
) -> Runnable[SearchState, Update]:
    """Return the node that draws the samples of `plan`. Unless they are asides, they become the fresh steps.

    It refuses a limit of FLOPs where the generator's parameters are not known.

    Args:
        name: of the node in the ledger.
        generator: where samples come from.
        plan: which samples.
        verifier: the verifier that will score them; its price is reserved together with theirs.
        ahead: the verifier that begins to judge each path as it arrives, where the next node asks it for just that.
        auxiliary: what the samples are, if they are no part of an answer.
        ending: what of a sample is recorded, and how its path stands; `solution_ending` of the generator by default.
        own_score: how a sample scores itself; None leaves that to a verifier.
        reserve: what must stay in the budget untouched.
        close: the plain values to set at the end, given the ids added; the fresh steps by default.
    """

    def counted(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        planned, budget = plan(tree), tree.settings.budget
        for one in planned if budget.flops is not None else ():
            require_known_parameters(budget, generator.parameters_of(one.request), generator)
        return planned

    return model_node(
        ModelNode(
            name=name,
            model=generator,
            plan=counted,
            price=sample_price(generator, verifier),
            absorb=_absorb(generator, verifier, auxiliary, ending or _solution_ending(generator), own_score),
            fail=_fail,
            fit_budget=_shrink,
            with_timeout=lambda request, seconds: request.model_copy(update={"timeout_s": seconds}),
            close=close or (lambda tree, added: {} if auxiliary else {"new_steps": added}),
            prefetch=_begin(ahead),
            reserve=reserve,
        )
    )


def build_request(
    generator: Generator,
    tree: Tree,
    *,
    key: str,
    parent: str | None,
    stop: tuple[str, ...] = (),
    temperature: float | None = None,
    messages: Sequence[Message] | None = None,
    sources: Sequence[str] = (),
    lead: str = "",
    model: str | None = None,
) -> PlannedCall[SampleRequest]:
    """Plan the sample that continues the path `parent` and will be recorded as `key`.

    A step (with `stop`) may be as long as the settings' `step_tokens`, a solution as long as its `max_tokens`, the
    path so far included.

    Args:
        generator: who will be asked.
        tree: the search so far.
        key: id of the record to be.
        parent: the path to continue; None begins a new one.
        stop: strings that end the sample.
        temperature: None takes the settings', and where they have none the generator's own.
        messages: what to ask instead of the question itself.
        sources: ids of the solutions that `messages` shows.
        lead: text put into the model's mouth behind the path; it becomes the beginning of the record.
        model: which of several generators shall answer.
    """
    settings = tree.settings
    own = generator.temperature if settings.temperature is None else settings.temperature
    longest = (settings.max_tokens or generator.max_tokens) - tree.tokens(parent)
    if stop:
        longest = min(longest, settings.step_tokens or generator.step_tokens)
    request = SampleRequest(
        messages=tuple(tree.question if messages is None else messages),
        prefix=tree.text(parent) + lead,
        n=1,
        stop=stop,
        max_tokens=max(longest, 1),
        temperature=own if temperature is None else temperature,
        top_p=settings.top_p,
        seed=tree.seed(key),
        logprobs=False,
        model=model,
        timeout_s=None,
        stream_id=key if settings.stream_tokens else None,
    )
    return PlannedCall(key, parent, request, sources=tuple(sources))


def _absorb(
    generator: Generator,
    verifier: Verifier | None,
    auxiliary: AuxiliaryText | None,
    ending: EndingRule,
    own_score: OwnScore | None,
) -> Callable[[Tree, PlannedCall[SampleRequest], list[Sample]], Absorbed]:
    def absorb(tree: Tree, planned: PlannedCall[SampleRequest], reply: list[Sample]) -> Absorbed:
        spend = total(sample_spend(generator, planned.request, sample) for sample in reply)
        if (problem := _unusable(planned, reply)) is not None:
            return Absorbed(_failure(planned, problem), spend)
        sample = reply[0]
        text, finish = ending(tree, planned, sample)
        step = _step(tree, planned, sample, text, finish)
        if auxiliary is not None:
            step["auxiliary"] = auxiliary
        update: Update = {"steps": {planned.id: step}}
        if own_score is not None:
            update["scores"] = {planned.id: Score(step=planned.id, value=own_score(sample), steps=[], tokens=0)}
        debt = NOTHING
        if verifier is not None and tree.settings.budget.limited:
            debt = verification_price(verifier, planned.request, sample.text)
        return Absorbed(update, spend, debt)

    return absorb


def _begin(verifier: Verifier | None) -> Callable[[Tree, Update], None]:
    if verifier is None or type(verifier).prefetch is Verifier.prefetch:  # it begins nothing: spare it the candidates
        return lambda tree, update: None

    def prefetch(tree: Tree, update: Update) -> None:
        for record in update.get("steps", {}).values():
            verifier.prefetch(tree.candidate_of(record))

    return prefetch


def _unusable(planned: PlannedCall[SampleRequest], reply: list[Sample]) -> str | None:
    """Say what makes a reply unusable, or None.

    Nothing more to say ends a path that has said something; nothing at all is no solution.
    """
    if len(reply) != 1:
        return f"The generator returned {len(reply)} samples for one."
    silent = not reply[0].text.strip()
    if silent and (planned.parent is None or reply[0].finish_reason != "end"):
        return "The generator returned an empty sample."
    return None


def _solution_ending(generator: Generator) -> EndingRule:
    """How solutions and their steps end: by the model, by a complete boxed answer, or by their limit."""

    def ending(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample) -> tuple[str, FinishReason]:
        if sample.finish_reason != "stop_string":
            return sample.text, sample.finish_reason
        # A complete boxed answer ends a solution even where the model would go on.
        if has_final_answer(sample.text):
            return sample.text, "end"
        whole = tree.tokens(planned.parent) + sample.generated_tokens
        full = whole >= (tree.settings.max_tokens or generator.max_tokens)
        return sample.text, "length" if full else "stop_string"  # no room left to go on

    return ending


def _step(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample, text: str, finish: FinishReason) -> Step:
    lead = planned.request.prefix[len(tree.text(planned.parent)) :]
    step = Step(
        parent=planned.parent,
        text=lead + text,
        tokens=sample.generated_tokens,
        finish=finish,
        confidence=sample.confidence,
    )
    if planned.sources:
        step["sources"] = list(planned.sources)
    if planned.request.model is not None:
        step["model"] = planned.request.model
    return step


def _fail(planned: PlannedCall[SampleRequest], error: Exception) -> Update:
    return _failure(planned, f"{type(error).__name__}: {error}")


def _failure(planned: PlannedCall[SampleRequest], reason: str) -> Update:
    return {"failures": {planned.id: Failure(parent=planned.parent, reason=reason)}}


def _shrink(
    planned: PlannedCall[SampleRequest], fits: Callable[[SampleRequest], bool]
) -> PlannedCall[SampleRequest] | None:
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
