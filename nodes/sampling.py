"""What all sampling nodes share: a sample's request, its worst-case price, the record it becomes, and the node.

A call is one sample. Its seed depends on its own id, a bad sample loses only itself, and a backend that can share a
prefix between calls (a prefix cache, `n` in one request) does so behind the contract.
"""

from collections.abc import Callable, Sequence

from langchain_core.runnables import Runnable

from its_graph.budget import NOTHING, total
from its_graph.contracts import FinishReason, Generator, Message, Sample, SampleRequest, Verifier
from its_graph.errors import ContinuationError
from its_graph.nodes.pricing import require_known_parameters, sample_price, sample_spend, verification_price
from its_graph.nodes.rules.types import EndingRule, OwnScore, ReserveRule, SamplePlan
from its_graph.search.calls import Absorbed, ModelNode, PlannedCall
from its_graph.search.model_node import model_node
from its_graph.search.state import AuxiliaryText, Failure, Score, SearchState, Step, Update
from its_graph.search.tree import Tree
from its_graph.text.answers import has_final_answer

__all__ = ["MIN_TOKENS", "build_request", "require_continuation", "sampling_node"]

MIN_TOKENS = 8
"""A sample that must be shorter than this is not worth its prompt."""


def sampling_node(
    name: str,
    generator: Generator,
    plan: SamplePlan,
    *,
    verifier: Verifier | None = None,
    prefetch: bool = True,
    auxiliary: AuxiliaryText | None = None,
    ending: EndingRule | None = None,
    own_score: OwnScore | None = None,
    reserve: ReserveRule = lambda tree: NOTHING,
    close: Callable[[Tree, list[str]], Update] | None = None,
) -> Runnable[SearchState, Update]:
    """Return the node that draws the samples of `plan`. Unless they are auxiliary, they become the new steps.

    It rejects a FLOPs limit if the generator's number of parameters is unknown.

    Args:
        name: name of the node in the ledger.
        generator: source of the samples.
        plan: which samples to draw.
        verifier: verifier that will score them; its price is reserved together with theirs.
        prefetch: whether the verifier may start on each path as it arrives; False if the next node lets it read
            something else.
        auxiliary: kind of text, if the samples are never part of an answer.
        ending: what to record of a sample, and how its path ends; `_solution_ending` of the generator by default.
        own_score: how a sample scores itself; None leaves scoring to a verifier.
        reserve: what must remain in the budget.
        close: the plain values to set at the end, given the ids added; the new steps by default.
    """

    def checked_plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        calls, budget = plan(tree), tree.settings.budget
        for call in calls if budget.flops is not None else ():
            require_known_parameters(budget, generator.parameters_of(call.request), generator)
        return calls

    return model_node(
        ModelNode(
            name=name,
            model=generator,
            plan=checked_plan,
            price=sample_price(generator, verifier),
            absorb=_absorb(generator, verifier, auxiliary, ending or _solution_ending(generator), own_score),
            fail=_fail,
            fit_budget=_fit_budget,
            with_timeout=lambda request, seconds: request.model_copy(update={"timeout_s": seconds}),
            close=close or (lambda tree, added: {} if auxiliary else {"new_steps": added}),
            prefetch=_prefetch(verifier if prefetch else None),
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

    A step (with `stop`) may be as long as the settings' `step_tokens`, a solution as long as their `max_tokens`,
    including the path so far.

    Args:
        generator: generator that will be called.
        tree: the search so far.
        key: id of the record that the sample becomes.
        parent: the path to continue; None starts a new one.
        stop: strings that end the sample.
        temperature: sampling temperature; None uses the settings' value, or else the generator's own.
        messages: messages to send instead of the question.
        sources: ids of the solutions that `messages` shows.
        lead: text appended to the prompt's assistant turn after the path; the record starts with it.
        model: which of several generators answers.
    """
    settings = tree.settings
    default = generator.temperature if settings.temperature is None else settings.temperature
    longest = (settings.max_tokens or generator.max_tokens) - tree.tokens(parent)
    if stop:
        longest = min(longest, settings.step_tokens or generator.step_tokens)
    request = SampleRequest(
        messages=tuple(tree.question if messages is None else messages),
        prefix=tree.text(parent) + lead,
        n=1,
        stop=stop,
        max_tokens=max(longest, 1),
        temperature=default if temperature is None else temperature,
        top_p=settings.top_p,
        seed=tree.seed(key),
        logprobs=False,
        model=model,
        timeout_s=None,
        stream_id=key if settings.stream_tokens else None,
    )
    return PlannedCall(key, parent, request, sources=tuple(sources))


def require_continuation(generator: Generator, purpose: str, alternative: str) -> None:
    """Reject a generator that cannot continue a partial assistant message (prefill).

    Raises:
        ContinuationError: it says that `purpose` needs a continuation, and suggests `alternative`.
    """
    if not generator.can_continue:
        raise ContinuationError(
            f"{type(generator).__name__} cannot continue a partial assistant message (prefill), which {purpose} needs. "
            f"Use {alternative}, or a backend that continues: TransformersGenerator, or "
            "Generator.from_chat_model(model, can_continue=True) if the server supports it."
        )


def _absorb(
    generator: Generator,
    verifier: Verifier | None,
    auxiliary: AuxiliaryText | None,
    ending: EndingRule,
    own_score: OwnScore | None,
) -> Callable[[Tree, PlannedCall[SampleRequest], list[Sample]], Absorbed]:
    def absorb(tree: Tree, planned: PlannedCall[SampleRequest], reply: list[Sample]) -> Absorbed:
        spend = total(sample_spend(generator, planned.request, sample) for sample in reply)
        if (problem := _problem(planned, reply)) is not None:
            return Absorbed(_failure(planned, problem), spend)
        sample = reply[0]
        text, finish = ending(tree, planned, sample)
        step = _step(tree, planned, sample, text, finish)
        if auxiliary is not None:
            step["auxiliary"] = auxiliary
        update: Update = {"steps": {planned.id: step}}
        if own_score is not None:
            update["scores"] = {planned.id: Score(step=planned.id, value=own_score(sample), steps=[], tokens=0)}
        deferred_cost = NOTHING
        if verifier is not None and tree.settings.budget.limited:
            deferred_cost = verification_price(verifier, planned.request, sample.text)
        return Absorbed(update, spend, deferred_cost)

    return absorb


def _prefetch(verifier: Verifier | None) -> Callable[[Tree, Update], None]:
    if verifier is None or type(verifier).prefetch is Verifier.prefetch:  # a no-op: building candidates is not worth it
        return lambda tree, update: None

    def prefetch(tree: Tree, update: Update) -> None:
        for record in update.get("steps", {}).values():
            verifier.prefetch(tree.candidate_of(record))

    return prefetch


def _problem(planned: PlannedCall[SampleRequest], reply: list[Sample]) -> str | None:
    """Return why a reply is unusable, or None.

    An empty sample may end a path that has text; on its own it is not a solution.
    """
    if len(reply) != 1:
        return f"The generator returned {len(reply)} samples for one."
    empty = not reply[0].text.strip()
    if empty and (planned.parent is None or reply[0].finish_reason != "end"):
        return "The generator returned an empty sample."
    return None


def _solution_ending(generator: Generator) -> EndingRule:
    """Return how solutions and their steps end: by the model, by a complete boxed answer, or by their limit."""

    def ending(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample) -> tuple[str, FinishReason]:
        if sample.finish_reason != "stop_string":
            return sample.text, sample.finish_reason
        # A complete boxed answer ends a solution even if the model would continue.
        if has_final_answer(sample.text):
            return sample.text, "end"
        tokens = tree.tokens(planned.parent) + sample.generated_tokens
        full = tokens >= (tree.settings.max_tokens or generator.max_tokens)
        return sample.text, "length" if full else "stop_string"

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


def _fit_budget(
    planned: PlannedCall[SampleRequest], fits: Callable[[SampleRequest], bool]
) -> PlannedCall[SampleRequest] | None:
    """Return the call with the largest `max_tokens` that fits, or None if that would be too short to be useful."""
    low, high = 0, planned.request.max_tokens
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_shortened(planned.request, middle)) else (low, middle)
    if low < min(MIN_TOKENS, planned.request.max_tokens):
        return None
    return planned._replace(request=_shortened(planned.request, low))


def _shortened(request: SampleRequest, max_tokens: int) -> SampleRequest:
    return request.model_copy(update={"max_tokens": max_tokens})
