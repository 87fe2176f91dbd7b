r"""Finds the final answer in a solution, if it has one.

The last complete `\boxed{}` or `\fbox{}` wins. Without one, the last marker followed by something that looks like an
answer: "the answer is", "Answer:", the `#### 42` and `A: 42` lines of GSM8K, and in Korean `답은`, `답:`, `정답은`,
`최종 답:`. The last line is never used as a fallback: a text without a marker has no answer (`None`) and does not vote.
Thinking (`its_graph.text.thinking`) is not read.
"""

import re

from its_graph.text.thinking import split_thinking

__all__ = ["extract_answer", "has_final_answer"]

_REACH = 400
"""Characters read after a marker; keeps the search linear in the length of the text."""
_LINE_WORDS = 3
"""Words in the longest line after `A:` that counts as an answer rather than a sentence."""

_BRACES = re.compile(r"\\(?:boxed|fbox)\s*(\{)|\\.|[{}]", re.DOTALL)
_MARKER = re.compile(
    r"(?P<phrase>\banswer(?:[ \t]+to\b[^.:=\n]{1,80}?)?[ \t*_]*(?:(?P<spoken>\bis\b)[ \t]*:?|:|=))"
    r"|(?P<hashes>^####(?!#))"
    r"|(?P<letter>(?-i:^A:))"
    r"|(?P<korean>(?<![가-힣])(?:최종[ \t]*)?(?:정답|해답|답)[*_]*[ \t]*(?:(?P<topic>은|는)|:|：|=))",  # noqa: RUF001
    re.IGNORECASE | re.MULTILINE,
)
_SECOND_OPTION = re.compile(r"^B:", re.MULTILINE)
_MATH = re.compile(
    r"\s*(?:\$\$((?:\\.|[^$\\])+)\$\$|\$(?!\s)((?:\\.|[^$\\\n])+)(?<!\s)\$(?!\d)"
    r"|\\\((.+?)\\\)|\\\[(.+?)\\\])",
    re.DOTALL,
)
_FILLER = re.compile(
    r"(?:(?:approximately|about|exactly|simply|therefore|thus|just|equal to)\b[ \t,:]*)+", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?。](?=\s|$)|\s*[,;]?\s+(?:because|since|which|where|so|as|when)\b", re.IGNORECASE)
_KOREAN_END = re.compile(r"(?:이다|입니다|이에요|예요|이며|이고|이므로|임|(?<=\d)다)(?=[\s.,。!]|$).*")
_NUMBER_LINE = re.compile(r"[-+]?[$€£₩]?[ ]?[-+]?\d[\d,]*(?:\.\d+)?(?:/\d+)?[ ]?%?|[-+]?\.\d+")
_MATH_START = re.compile(r"[-+−±]?\s*(?:[$€£₩]|\.?\d|[\\(\[{√π∞]|[A-Za-z]\s*[-+=^*/<>∈≤≥]|\d)")  # noqa: RUF001
_WORDS = re.compile(r"[^\W\d_][\w'-]*(?: [^\W\d_][\w'-]*){0,2}")
_NO_ANSWER = frozenset({"correct", "right", "wrong", "incorrect", "unclear", "unknown", "below", "above", "as follows"})


def extract_answer(text: str) -> str | None:
    r"""Return the final answer as written in `text`, or None without one.

    The content of the last complete box is returned verbatim; an empty box is not an answer. The answer after a marker
    ends with its sentence: "The answer is 42." gives "42". Units are kept ("18 dollars"): `equivalent` compares answers
    written in different forms.

    >>> from its_graph import extract_answer
    >>> extract_answer(r"3 + 5 = 8, so the result is \boxed{8}."), extract_answer("The answer is 42.")
    ('8', '42')
    >>> extract_answer("I do not know.") is None
    True
    """
    visible = split_thinking(text).answer
    if visible is None:
        return None
    box = _last_box(visible)
    if box is not None:
        return box.strip() or None
    is_choice = _SECOND_OPTION.search(visible) is not None
    for marker in reversed(list(_MARKER.finditer(visible))):
        # "A: 12" next to "B: 15" is an option of a multiple-choice question.
        answer = None if marker["letter"] and is_choice else _after_marker(visible, marker)
        if answer:
            return answer
    return None


def has_final_answer(text: str) -> bool:
    """Return whether `text` has a final answer for certain: a complete, non-empty box outside its thinking.

    Words such as "therefore" or "따라서" start ordinary steps and prove nothing.
    """
    visible = split_thinking(text).answer
    return visible is not None and bool((_last_box(visible) or "").strip())


def _last_box(text: str) -> str | None:
    """Return the content of the complete box that opens last, so that the inner one of two nested boxes counts."""
    last: tuple[int, int] | None = None
    open_braces: list[int | None] = []
    for token in _BRACES.finditer(text):
        if token[1]:
            open_braces.append(token.end())
        elif token[0] == "{":
            open_braces.append(None)
        elif token[0] == "}" and open_braces:
            start = open_braces.pop()
            if start is not None and (last is None or start > last[0]):
                last = start, token.start()
    return None if last is None else text[last[0] : last[1]]


def _after_marker(text: str, marker: re.Match[str]) -> str | None:
    """Return the answer that follows a marker, or None if what follows does not look like one."""
    rest = text[marker.end() : marker.end() + _REACH].lstrip(" \t*_:")
    if marker["hashes"] or marker["letter"]:
        line = rest.split("\n", 1)[0].strip(" \t\r.")
        # "#### 1. Plan" is a heading, and "A: 21 trees stood there first" begins a solution.
        is_short = bool(marker["letter"] and _MATH_START.match(line) and len(line.split()) <= _LINE_WORDS)
        return line if is_short or _NUMBER_LINE.fullmatch(line) else None
    filler = _FILLER.match(rest)
    rest = rest[filler.end() :] if filler else rest
    formula = _MATH.match(rest)
    if formula:
        return next(group for group in formula.groups() if group is not None).strip() or None
    line = rest.lstrip().split("\n", 1)[0]
    if marker["korean"]:
        line = _KOREAN_END.sub("", line)
    answer = _SENTENCE_END.split(line, maxsplit=1)[0].strip(" \t\"'`*_.,;:")
    return answer if _looks_like_answer(answer, spoken=bool(marker["spoken"] or marker["topic"])) else None


def _looks_like_answer(answer: str, *, spoken: bool) -> bool:
    """Return whether it is math, an option letter, or a name: one word after "is", up to three after a colon."""
    if not answer or answer.casefold() in _NO_ANSWER:
        return False
    if _MATH_START.match(answer):
        return True
    words = _WORDS.fullmatch(answer)
    return words is not None and not (spoken and " " in answer)
