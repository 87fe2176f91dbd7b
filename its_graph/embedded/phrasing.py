"""Normalize a user's phrasing to the one that the models were trained on, or reject it with a clear error."""

import re
from collections.abc import Sequence

from its_graph.contracts import Message
from its_graph.embedded.arithmetic import LIMIT, MAX_OPERATIONS, problem_text
from its_graph.embedded.expressions import Expression, ExpressionError, parse, solve_steps
from its_graph.errors import EmbeddedScopeError
from its_graph.nodes.prompts import without_instruction
from its_graph.search.hints import without_hints

__all__ = ["canonical_conversation", "canonical_steps", "canonical_turns", "normalize"]

_MAX_ATTEMPTS = 4
_MAX_CHARACTERS = 1_000
"""Enough for any phrasing of a supported problem, and fast to parse."""
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
    """Return the conversation in the models' format: only the last user message, normalized.

    A strategy's instruction before the question and human hints after it are removed, because the models were not
    trained to follow either.
    """
    for message in reversed(messages):
        if message.get("role") == "user":
            question = without_instruction(without_hints(_plain_text(message.get("content"))))
            return ({"role": "user", "content": normalize(question)},)
    raise EmbeddedScopeError("The conversation must contain a user message; got no user message. " + _REMEDY)


def canonical_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the conversation in the thinking variant's format: the question before each attempt and after the last.

    Other text in a user message (an instruction to revise) is removed, and only the latest four attempts are kept,
    because the variant was trained neither with such text nor with more attempts.
    """
    (question,) = canonical_conversation(messages)
    attempts = [_plain_text(message.get("content")) for message in messages if message.get("role") == "assistant"]
    turns = [question]
    for text in attempts[-_MAX_ATTEMPTS:]:
        turns += [{"role": "assistant", "content": text}, question]
    return tuple(turns)


def canonical_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """Return the steps in the verifier's format: the last attempt of a thought, without its end-of-thinking mark."""
    waits = [index for index, step in enumerate(steps) if _WAIT.search(step)]
    last = steps[waits[-1] + 1 :] if waits else steps
    return tuple(step.replace("\n</think>\n\n", "\n") for step in last)


def normalize(problem: str) -> str:
    """Return the canonical text of an arithmetic problem: `What is 34+57*2?` -> `Compute 34 + 57 * 2.`.

    Raises:
        EmbeddedScopeError: the text is anything else, or its numbers exceed the range that the models learned.

    Example:
        >>> from its_graph.embedded import normalize
        >>> normalize("What is 34+57*2?")
        'Compute 34 + 57 * 2.'
    """
    if len(problem) > _MAX_CHARACTERS:
        raise _refusal(problem, f"this is longer than {_MAX_CHARACTERS:,} characters")
    text = problem.translate(_SIGNS)
    for command, sign in _LATEX.items():
        text = text.replace(command, sign)
    text = _INSTRUCTION.sub(" ", text)
    expressions = [match[0] for match in _EXPRESSION.finditer(text) if re.search(r"\d", match[0])]
    words = re.findall(r"[^\W\d_]+", _EXPRESSION.sub(" ", text))
    unknown = [word for word in words if word.lower() not in _WORDS]
    rest = re.sub(r"[\s?=.,:;!'\"]", "", re.sub(r"[^\W\d_]+", "", _EXPRESSION.sub(" ", text)))
    if len(expressions) != 1 or unknown or rest:
        raise _refusal(problem, "it is not a single arithmetic expression")
    return problem_text(_parse_supported(problem, expressions[0]))


def _parse_supported(problem: str, text: str) -> Expression:
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
        raise _refusal(problem, f"an intermediate result is a fraction or outside [-{LIMIT}, {LIMIT}]")
    return expression


def _refusal(problem: str, reason: str) -> EmbeddedScopeError:
    shortened = problem if len(problem) <= 120 else problem[:117] + "..."
    return EmbeddedScopeError(f"The embedded models cannot answer {shortened!r}: {reason}. {_REMEDY}")


_REMEDY = (
    f"They only know integer arithmetic: whole numbers from 0 to 99 with + - * / and parentheses, 1 to "
    f"{MAX_OPERATIONS} operations, divisions without remainder, results from -{LIMIT} to {LIMIT}. For anything else, "
    "use another model: `--model PATH` on the command line, or `TransformersGenerator.from_pretrained(...)` in code."
)


def _plain_text(content: object) -> str:
    """Return the text of a message whose content is a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)
