"""think and conclude: thinking that is prolonged, cut, and followed by an answer (budget forcing, s1, 2501.19393).

A record of thinking holds no end that was ignored: the delimiter is dropped, and the next record begins with `Wait`.
The last one ends with what leads over to the answer: the text alone tells which paths think on and which conclude.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal, NamedTuple

from langchain_core.runnables import Runnable

from its_graph.budget import NOTHING, Spend, flops, total
from its_graph.contracts import FinishReason, Generator, Sample, SampleRequest
from its_graph.errors import ContinuationError
from its_graph.nodes.pricing import sample_price
from its_graph.nodes.rules.types import EndingRule, SamplePlan, StopRule
from its_graph.nodes.sampling import MIN_TOKENS, build_request, sampling_node
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
    "think",
    "thinking_tokens",
    "stop_while_thinking",
]



class ThinkingLimits(NamedTuple):
    """How long a thinking may and must be."""

    style: ThinkStyle
    ignores: int
    """Ends of the thinking that are ignored."""
    max_thinking_tokens: int | None = None
    """Longest thinking in generated tokens, continuations included; None takes the run's `max_tokens`."""
    answer_tokens: int | None = None
    """Longest answer in generated tokens; None takes the run's `max_tokens`."""


def sample_with_thinking(generator: Generator, style: ThinkStyle, *, n: int) -> Runnable[SearchState, Update]:
    """Sample `n` solutions, each thinking and answer in one go.

    A text in which the thinking of `style` never ends begins with the opening tag in its record, as the chat template
    wrote it: whoever reads it can tell that there is no answer in it.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        return [
            build_request(generator, tree, key=str(key), parent=None) for key in range(tree.next_id, tree.first_record + n)
        ]

    def ending(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample) -> tuple[str, FinishReason]:
        shown = style.stop in sample.text or sample.text.lstrip().startswith(style.open.strip())
        return sample.text if shown else style.open + sample.text, sample.finish_reason

    return sampling_node("generate", generator, plan, ending=ending)


def think(generator: Generator, forcing: ThinkingLimits, *, n: int) -> Runnable[SearchState, Update]:
    """Begin `n` thoughts; later put `wait` in the place of the end of every one that still has ends to ignore.

    s1's rule: an end is ignored a fixed number of times, however long the thinking is by then; one that was cut off by
    its length stays cut. While no solution is complete, the price of concluding one path is held back.
    """
    plan = _thoughts(generator, forcing, n)
    reserve = _way_out(generator, forcing, plan)
    _require_continuation(generator)
    return sampling_node("think", generator, plan, ending=_thought_ending(generator, forcing), reserve=reserve)


def conclude(generator: Generator, forcing: ThinkingLimits) -> Runnable[SearchState, Update]:
    """Draw the answers of all open paths, the shortest thinking first; a path without one stays at the frontier."""

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        paths = sorted(_thought_out(tree, forcing.style), key=tree.tokens)
        return [_answer(generator, forcing, tree, str(tree.next_id + place), path) for place, path in enumerate(paths)]

    def close(tree: Tree, added: list[str]) -> Update:
        concluded = {call.parent for call in plan(tree) if call.id in set(added)}
        return {"new_steps": added, "frontier": [path for path in tree.frontier if path not in concluded]}

    _require_continuation(generator)
    return sampling_node("conclude", generator, plan, close=close)


def open_paths(tree: Tree) -> list[str]:
    """Keep every open path: the fresh ones, and those that were not continued."""
    continued = {tree.steps[step]["parent"] for step in tree.new_steps}
    return [step for step in (*tree.frontier, *tree.new_steps) if tree.open(step) and step not in continued]


def stop_while_thinking(style: ThinkStyle, stop: StopRule) -> StopRule:
    """Ask `stop` only while an end is to be ignored: what has been thought out goes on to its answer anyway."""

    def rule(tree: Tree) -> str | None:
        return stop(tree) if _thinking(tree, style) else None

    return rule


def next_conclude_or_stop(style: ThinkStyle) -> Callable[[SearchState], Literal["more", "enough", "unfinished"]]:
    """Name the exit: `more` while an end is to be ignored, `unfinished` where thinking waits for its answer."""

    def exit_of(state: SearchState) -> Literal["more", "enough", "unfinished"]:
        tree = Tree.for_strategy(state)
        if tree.stop_reason is None and _thinking(tree, style):
            return "more"
        return "unfinished" if _thought_out(tree, style) else "enough"

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


def _thinking(tree: Tree, style: ThinkStyle) -> list[str]:
    """Return the paths of the frontier with an end to ignore; one that could not be prolonged stays as it is."""
    failed = {failure["parent"] for failure in tree.failures.values()}
    return [path for path in _open(tree) if path not in failed and not style.is_closed(tree.steps[path]["text"])]


def _thought_out(tree: Tree, style: ThinkStyle) -> list[str]:
    """Return the paths that an answer can follow. Without delimiters only a cut one lacks it: others are solutions."""
    return [path for path in _open(tree) if style.stop or style.is_closed(tree.steps[path]["text"])]


def _open(tree: Tree) -> list[str]:
    return list(filter(tree.open, tree.frontier))


def _thoughts(generator: Generator, forcing: ThinkingLimits, n: int) -> SamplePlan:
    style = forcing.style
    stop = (style.stop,) if style.stop else ()

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        paths = _thinking(tree, style) if tree.samples_drawn else [None] * n
        calls = []
        for place, path in enumerate(sorted(paths, key=tree.tokens)):
            lead = style.begin if path is None else style.joint + style.wait
            call = build_request(generator, tree, key=str(tree.next_id + place), parent=path, lead=lead)
            left = _longest_thinking(generator, forcing, tree) - tree.tokens(path)
            calls.append(_limited(call, left, stop))
        return calls

    return plan


def _thought_ending(generator: Generator, forcing: ThinkingLimits) -> EndingRule:
    style = forcing.style

    def ending(tree: Tree, planned: PlannedCall[SampleRequest], sample: Sample) -> tuple[str, FinishReason]:
        thought, delimiter, _ = sample.text.partition(style.stop) if style.stop else (sample.text, "", "")
        if sample.finish_reason == "length" and not delimiter:
            return style.cut(thought), "stop_string"
        ignored = tree.depth(planned.parent)
        left = _longest_thinking(generator, forcing, tree) - tree.tokens(planned.parent) - sample.generated_tokens
        if ignored < forcing.ignores and left > 0:
            return thought, "stop_string"
        return (style.closed(thought), "stop_string") if style.stop else (thought, "end")

    return ending


def _answer(
    generator: Generator, forcing: ThinkingLimits, tree: Tree, key: str, path: str | None
) -> PlannedCall[SampleRequest]:
    """Plan the answer of a path; a thinking whose end was still to be ignored ends there after all."""
    is_closed = path is not None and forcing.style.is_closed(tree.steps[path]["text"])
    call = build_request(generator, tree, key=key, parent=path, lead="" if is_closed else forcing.style.close)
    return _limited(call, forcing.answer_tokens or tree.settings.max_tokens or generator.max_tokens)


def _way_out(generator: Generator, forcing: ThinkingLimits, plan: SamplePlan) -> Callable[[Tree], Spend]:
    """Price the answer of one path; nothing once there is a solution.

    It will read the thinking that is now to be drawn, so both are paid together: the longest pair that the budget can
    bear counts. Where it can bear none, a thinking that was to be prolonged is answered as it stands.
    """
    price = sample_price(generator)

    def reserve(tree: Tree) -> Spend:
        calls = plan(tree)
        if tree.completed or not calls or (calls[0].parent is not None and not forcing.style.stop):
            return NOTHING
        thought = calls[0].request
        answer = _answer(generator, forcing, tree, calls[0].id, calls[0].parent).request
        parameters = generator.parameters_of(thought)
        drawing = price(thought.model_copy(update={"max_tokens": 1}))
        reading = price(answer.model_copy(update={"prefix": forcing.style.cut(thought.prefix)}))

        def pair(length: int) -> tuple[Spend, Spend]:
            """Price a thinking of `length` tokens, and the answer behind it."""
            written, read = flops(parameters, length - 1), flops(parameters, length)
            return (
                drawing.plus(Spend(generated_tokens=length - 1, flops=written)),
                reading.plus(Spend(prompt_tokens=length, flops=read)),
            )

        def is_too_long(length: int) -> bool:
            return not tree.settings.budget.allows(total([tree.spend, *pair(length)]))

        longest = bisect_left(range(1, thought.max_tokens + 1), True, key=is_too_long)
        if longest >= min(MIN_TOKENS, thought.max_tokens):
            return pair(longest)[1]
        return price(answer) if calls[0].parent is not None else NOTHING

    return reserve


def _longest_thinking(generator: Generator, forcing: ThinkingLimits, tree: Tree) -> int:
    return forcing.max_thinking_tokens or tree.settings.max_tokens or generator.max_tokens


def _limited(call: PlannedCall[SampleRequest], tokens: int, stop: tuple[str, ...] = ()) -> PlannedCall[SampleRequest]:
    return call._replace(request=call.request.model_copy(update={"max_tokens": max(tokens, 1), "stop": stop}))


def _require_continuation(generator: Generator) -> None:
    if not generator.can_continue:
        raise ContinuationError(
            f"{type(generator).__name__} cannot continue a given assistant text, and budget forcing needs that. "
            "Use extended_cot, or a backend that continues: TransformersGenerator, or "
            "Generator.from_chat_model(model, can_continue=True) where the server does."
        )
