"""From a user's phrasing to the one phrasing that the models know, or a clear refusal."""

import re
from collections.abc import Sequence

from its_graph.contracts import Message
from its_graph.embedded.arithmetic import LIMIT, MAX_OPERATIONS, problem_text
from its_graph.embedded.expressions import Expression, ExpressionError, parse, solve_steps
from its_graph.errors import EmbeddedScopeError
from its_graph.nodes.prompts import without_instruction
from its_graph.search.hints import without_hints

__all__ = ["canonical_conversation", "canonical_steps", "canonical_turns", "normalize"]

_ATTEMPTS = 4
_LONGEST = 1_000
"""Characters: room for any phrasing of a problem that the models know, and soon read."""
_WAIT = re.compile(r"^Wait[ \t]*$", re.MULTILINE)

_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-"})  # noqa: RUF001
_LATEX = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\left": "", r"\right": "", "$": " "}
_EXPRESSION = re.compile(r"[\d(][\d\s()+\-*/.]*[\d)]|\d")
_NUMBER = re.compile(r"\d+\.\d+|\d+")
_INSTRUCTION = re.compile(
    r"(please\s+)?(reason|think) step by step[^.\n]*\.?|put your final answer within \\?boxed\{\}\.?", re.IGNORECASE
)
_ENGLISH = (
    "a and answer calculate can compute determine equal equals evaluate expression find following for give hello hi "
    "how is it me much of please problem question result s simplify solve tell the to value what whats work you"
)
_KOREAN = (
    "가 값 값은 값을 값이 결과 결과는 결과를 계산 계산하라 계산하면 계산하세요 계산하시오 계산해 계산해라 계산해줘 "
    "계산해주세요 구하라 구하세요 구하시오 구해 구해줘 는 다음 답 답은 를 무엇인가 무엇인가요 식 식을 식의 알려줘 "
    "얼마 얼마야 얼마인가 얼마인가요 얼마입니까 얼마일까 은 을 의 이 인가 인가요 주세요 풀어라 풀어줘 해줘 뭐야"
)
_WORDS = frozenset(f"{_ENGLISH} {_KOREAN}".split())


def canonical_conversation(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the conversation as the models know it: the last user message, normalised, and nothing else.

    A strategy's own instruction in front of the question is left out, and so are a person's hints behind it: they never
    learned to follow any.
    """
    for message in reversed(messages):
        if message.get("role") == "user":
            asked = without_instruction(without_hints(_plain_text(message.get("content"))))
            return ({"role": "user", "content": normalize(asked)},)
    raise EmbeddedScopeError("The conversation has no user message. " + _WAY_OUT)


def canonical_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the conversation as the thinking variant knows it: the question before each attempt and after the last.

    What a user message says beside the question (an instruction to revise) is left out, as the variant never read any;
    at most the four latest attempts are kept, as it never saw more.
    """
    (question,) = canonical_conversation(messages)
    attempts = [_plain_text(one.get("content")) for one in messages if one.get("role") == "assistant"]
    turns = [question]
    for text in attempts[-_ATTEMPTS:]:
        turns += [{"role": "assistant", "content": text}, question]
    return tuple(turns)


def canonical_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """Return a solution's steps as the verifier knows them: of a thought its last attempt, its end not marked."""
    waits = [place for place, step in enumerate(steps) if _WAIT.search(step)]
    last = steps[waits[-1] + 1 :] if waits else steps
    return tuple(step.replace("\n</think>\n\n", "\n") for step in last)


def normalize(problem: str) -> str:
    """Return the canonical text of an arithmetic problem: `What is 34+57*2?` -> `Compute 34 + 57 * 2.`.

    Raises:
        EmbeddedScopeError: the text is anything else, or leaves the range of numbers that the models learned.
    """
    if len(problem) > _LONGEST:
        raise _refusal(problem, f"this is longer than {_LONGEST:,} characters")
    text = problem.translate(_SIGNS)
    for written, sign in _LATEX.items():
        text = text.replace(written, sign)
    text = _INSTRUCTION.sub(" ", text)
    found = [match for match in _EXPRESSION.finditer(text) if re.search(r"\d", match[0])]
    words = re.findall(r"[^\W\d_]+", _EXPRESSION.sub(" ", text))
    unknown = [word for word in words if word.lower() not in _WORDS]
    rest = re.sub(r"[\s?=.,:;!'\"]", "", re.sub(r"[^\W\d_]+", "", _EXPRESSION.sub(" ", text)))
    if len(found) != 1 or unknown or rest:
        raise _refusal(problem, "this is not one arithmetic expression")
    return problem_text(_checked(problem, found[0][0]))


def _checked(problem: str, text: str) -> Expression:
    numbers = _NUMBER.findall(text)
    if any("." in number or int(number) > 99 for number in numbers):
        raise _refusal(problem, "its numbers are not all whole numbers from 0 to 99")
    if not 1 <= len(numbers) - 1 <= MAX_OPERATIONS:
        raise _refusal(problem, f"it has {len(numbers) - 1} operations")
    try:
        expression = parse(text.rstrip(". "))
        steps = solve_steps(expression)
    except ExpressionError as error:
        raise _refusal(problem, str(error)) from error
    if any(result.denominator != 1 or abs(result) > LIMIT for *_, result in steps):
        raise _refusal(problem, f"a result on the way is a fraction or beyond +-{LIMIT}")
    return expression


def _refusal(problem: str, reason: str) -> EmbeddedScopeError:
    shown = problem if len(problem) <= 120 else problem[:117] + "..."
    return EmbeddedScopeError(f"The embedded models were asked {shown!r}: {reason}. {_WAY_OUT}")


_WAY_OUT = (
    f"They know integer arithmetic only: whole numbers from 0 to 99 with + - * / and parentheses, 1 to "
    f"{MAX_OPERATIONS} operations, exact divisions, results within +-{LIMIT}. For anything else bring a model: "
    "`--model PATH` on the command line, or `TransformersGenerator.from_pretrained(...)` in code."
)


def _plain_text(content: object) -> str:
    """Return the text of a message whose content is a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)
