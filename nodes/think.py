"""think and conclude: thinking that is extended, cut, and followed by an answer (budget forcing, s1, 2501.19393).

A record of thinking does not contain an end that was ignored: the delimiter is dropped, and the next record starts with
`Wait`. The last record ends with the text that introduces the answer, so the text alone shows whether a path keeps
thinking or concludes.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal, NamedTuple

from langchain_core.runnables import Runnable

from its_graph.budget import NOTHING, Spend, flops, total
from its_graph.contracts import FinishReason, Generator, Sample, SampleRequest
from its_graph.nodes.pricing import sample_price
from its_graph.nodes.rules.types import EndingRule, ReserveRule, SamplePlan, StopRule
from its_graph.nodes.sampling import MIN_TOKENS, build_request, require_continuation, sampling_node
from its_graph.search.calls import PlannedCall
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree
from its_graph.text.thinking import ThinkStyle

__all__ = [
    "ThinkingLimits",
    "conclude",
    "next_conclude_or_stop",
    "open_paths",
    "sample_with_thinking",
    "stop_while_thinking",
    "think",
    "thinking_tokens",
]

_PURPOSE, _ALTERNATIVE = "budget forcing", "extended_cot"


class ThinkingLimits(NamedTuple):
    """How long thinking must and may be."""

    style: ThinkStyle
    ignores: int
    """How many ends of the thinking are ignored."""
    max_thinking_tokens: int | None = None
    """Longest thinking in generated tokens, continuations included; None uses the run's `max_tokens`."""
    answer_tokens: int | None = None
    """Longest answer in generated tokens; None uses the run's `max_tokens`."""


def sample_with_thinking(generator: Generator, style: ThinkStyle, *, n: int) -> Runnable[SearchState, Update]:
    """Sample `n` solutions, each with thinking and answer in one call.

    A text in which the thinking of `style` never ends is recorded with the opening tag that the chat template wrote, so
    that readers of the record can see that it contains no answer.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        keys = range(tree.next_id, tree.first_record + n)
        return [build_request(generator, tree, key=str(key), parent=None) for key in keys]

    def ending(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample) -> tuple[str, FinishReason]:
        is_marked = style.stop in sample.text or sample.text.lstrip().startswith(style.open.strip())
        return sample.text if is_marked else style.open + sample.text, sample.finish_reason

    return sampling_node("generate", generator, plan, ending=ending)


def think(generator: Generator, limits: ThinkingLimits, *, n: int) -> Runnable[SearchState, Update]:
    """Start `n` chains of thought; later replace the end of each that still has ends to ignore by `wait`.

    s1's rule: an end is ignored a fixed number of times, however long the thinking is by then; thinking cut off by its
    length limit stays cut. While no solution is complete, the price of concluding one path is reserved.
    """
    require_continuation(generator, _PURPOSE, _ALTERNATIVE)
    plan = _thinking_plan(generator, limits, n)
    ending, reserve = _thinking_ending(generator, limits), _reserve_answer(generator, limits, plan)
    return sampling_node("think", generator, plan, ending=ending, reserve=reserve)


def conclude(generator: Generator, limits: ThinkingLimits) -> Runnable[SearchState, Update]:
    """Sample the answers of all open paths, the shortest thinking first; a path without one stays at the frontier."""

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        paths = sorted(_ready_to_answer(tree, limits.style), key=tree.tokens)
        return [_answer(generator, limits, tree, str(tree.next_id + index), path) for index, path in enumerate(paths)]

    def close(tree: Tree, added: list[str]) -> Update:
        concluded = {call.parent for call in plan(tree) if call.id in set(added)}
        return {"new_steps": added, "frontier": [path for path in tree.frontier if path not in concluded]}

    require_continuation(generator, _PURPOSE, _ALTERNATIVE)
    return sampling_node("conclude", generator, plan, close=close)


def open_paths(tree: Tree) -> list[str]:
    """Keep every open path: the new ones, and those that were not continued."""
    continued = {tree.steps[step]["parent"] for step in tree.new_steps}
    return [step for step in (*tree.frontier, *tree.new_steps) if tree.open(step) and step not in continued]


def stop_while_thinking(style: ThinkStyle, stop: StopRule) -> StopRule:
    """Apply `stop` only while an end is still to be ignored: finished thinking proceeds to its answer in any case."""

    def rule(tree: Tree) -> str | None:
        return stop(tree) if _extendable(tree, style) else None

    return rule


def next_conclude_or_stop(style: ThinkStyle) -> Callable[[SearchState], Literal["more", "enough", "unfinished"]]:
    """Return the exit: `more` while an end is still to be ignored, `unfinished` if thinking has no answer yet."""

    def exit_of(state: SearchState) -> Literal["more", "enough", "unfinished"]:
        tree = Tree.for_strategy(state)
        if tree.stop_reason is None and _extendable(tree, style):
            return "more"
        return "unfinished" if _ready_to_answer(tree, style) else "enough"

    return exit_of


def thinking_tokens(tree: Tree, step: str, style: ThinkStyle) -> int:
    """Return the generated tokens of the thinking on a path of `think` and `conclude`."""
    return sum(tree.steps[key]["tokens"] for key in tree.path(step) if not _is_answer(tree, key, style))


def _is_answer(tree: Tree, step: str, style: ThinkStyle) -> bool:
    record = tree.steps[step]
    if record["parent"] is None:
        return False
    closed = style.is_closed(tree.steps[record["parent"]]["text"])
    return closed or (bool(style.stop) and record["text"].startswith(style.close))


def _extendable(tree: Tree, style: ThinkStyle) -> list[str]:
    """Return the paths of the frontier with an end to ignore, except those whose extension failed."""
    failed = {failure["parent"] for failure in tree.failures.values()}
    return [
        path for path in _open_frontier(tree) if path not in failed and not style.is_closed(tree.steps[path]["text"])
    ]


def _ready_to_answer(tree: Tree, style: ThinkStyle) -> list[str]:
    """Return the paths to conclude. Without delimiters only cut-off paths lack an answer: the others are solutions."""
    return [path for path in _open_frontier(tree) if style.stop or style.is_closed(tree.steps[path]["text"])]


def _open_frontier(tree: Tree) -> list[str]:
    return list(filter(tree.open, tree.frontier))


def _thinking_plan(generator: Generator, limits: ThinkingLimits, n: int) -> SamplePlan:
    style = limits.style
    stop = (style.stop,) if style.stop else ()

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        paths = _extendable(tree, style) if tree.samples_drawn else [None] * n
        calls = []
        for index, path in enumerate(sorted(paths, key=tree.tokens)):
            lead = style.begin if path is None else style.joint + style.wait
            call = build_request(generator, tree, key=str(tree.next_id + index), parent=path, lead=lead)
            left = _longest_thinking(generator, limits, tree) - tree.tokens(path)
            calls.append(_limited(call, left, stop))
        return calls

    return plan


def _thinking_ending(generator: Generator, limits: ThinkingLimits) -> EndingRule:
    style = limits.style

    def ending(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample) -> tuple[str, FinishReason]:
        thought, delimiter, _ = sample.text.partition(style.stop) if style.stop else (sample.text, "", "")
        if sample.finish_reason == "length" and not delimiter:
            return style.cut(thought), "stop_string"
        ignored = tree.depth(planned.parent)
        left = _longest_thinking(generator, limits, tree) - tree.tokens(planned.parent) - sample.generated_tokens
        if ignored < limits.ignores and left > 0:
            return thought, "stop_string"
        return (style.closed(thought), "stop_string") if style.stop else (thought, "end")

    return ending


def _answer(
    generator: Generator, limits: ThinkingLimits, tree: Tree, key: str, path: str | None
) -> PlannedCall[SampleRequest]:
    """Plan the answer of a path; thinking with an end still to be ignored is closed here."""
    is_closed = path is not None and limits.style.is_closed(tree.steps[path]["text"])
    call = build_request(generator, tree, key=key, parent=path, lead="" if is_closed else limits.style.close)
    return _limited(call, limits.answer_tokens or tree.settings.max_tokens or generator.max_tokens)


def _reserve_answer(generator: Generator, limits: ThinkingLimits, plan: SamplePlan) -> ReserveRule:
    """Reserve the price of answering one path; nothing once there is a solution.

    The answer reads the thinking that is about to be sampled, so both are paid together: the longest pair that the
    budget covers counts. If it covers none, a path whose thinking would have been extended is answered as it is.
    """
    price = sample_price(generator)

    def reserve(tree: Tree) -> Spend:
        calls = plan(tree)
        if tree.completed or not calls or (calls[0].parent is not None and not limits.style.stop):
            return NOTHING
        thought = calls[0].request
        answer = _answer(generator, limits, tree, calls[0].id, calls[0].parent).request
        parameters = generator.parameters_of(thought)
        thought_price = price(thought.model_copy(update={"max_tokens": 1}))
        answer_price = price(answer.model_copy(update={"prefix": limits.style.cut(thought.prefix)}))

        def pair(length: int) -> tuple[Spend, Spend]:
            """Return the prices of thinking of `length` tokens and of the answer after it."""
            written, read = flops(parameters, length - 1), flops(parameters, length)
            return (
                thought_price.plus(Spend(generated_tokens=length - 1, flops=written)),
                answer_price.plus(Spend(prompt_tokens=length, flops=read)),
            )

        def is_too_long(length: int) -> bool:
            return not tree.settings.budget.allows(total([tree.spend, *pair(length)]))

        longest = bisect_left(range(1, thought.max_tokens + 1), True, key=is_too_long)
        if longest >= min(MIN_TOKENS, thought.max_tokens):
            return pair(longest)[1]
        return price(answer) if calls[0].parent is not None else NOTHING

    return reserve


def _longest_thinking(generator: Generator, limits: ThinkingLimits, tree: Tree) -> int:
    return limits.max_thinking_tokens or tree.settings.max_tokens or generator.max_tokens


def _limited(call: PlannedCall[SampleRequest], tokens: int, stop: tuple[str, ...] = ()) -> PlannedCall[SampleRequest]:
    return call._replace(request=call.request.model_copy(update={"max_tokens": max(tokens, 1), "stop": stop}))
