r"""Normalizes how an answer is written, without any algebra, in time linear in its length.

Two answers with the same form are equal. `0.5`, `1/2`, `\frac{1}{2}` and `50\%` all become `1/2`; `10,\!080` and
`\$10080` become `10080`; `5.4 \text{ cents}` loses its unit. Lists (`3, 5, 7`), tuples and intervals keep their
commas and brackets, so `58,500` is a number, `58, 500` a list and `(58,500)` a pair. A list without round or square
brackets is a set of solutions, whose order does not matter.
"""

import re
from fractions import Fraction

__all__ = ["canonical", "is_plain", "tidy", "without_percent"]

_LONGEST = 400
"""Longer answers are compared as text: exact arithmetic on them could stall a search."""
_PASSES = 5
_DEEPEST = 3
"""Brackets nested deeper than this stay as written."""

_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[−–]", "-"),  # noqa: RUF001
        ("π", r"\\pi "),
        (r"∞|\binfinity\b", r"\\infty "),
        (r"√", r"\\sqrt"),
        (r",\s*\\!\s*|\{,\}", ","),
        (r"(?<=\d)\\,(?=\d{3})", ""),
        (r"(?<!\\)\\[!,;:> ]|\\q?quad(?![a-zA-Z])|~", " "),  # not "\\ ", the line break of a matrix
        (r"\\(?:left|right|displaystyle|bigl?|bigr?)(?![a-zA-Z])", ""),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\frac\s*(\d)", r"\\frac{\1}"),
        (r"(\\frac\{[^{}]*\})\s*(\d)", r"\1{\2}"),
        (r"\\sqrt\s*(\w)", r"\\sqrt{\1}"),
        (r"([_^])\s*\{(\w)\}", r"\1\2"),
        (r"(?<=\d)_\{(\d+)\}", r"_\1"),
        (r"\\(?:mbox|textbf|textit|textrm|mathrm|mathbf|operatorname)(?=\s*\{)", r"\\text"),
        (r"\\leq?(?:slant)?(?![a-zA-Z])|≤", r"\\leq "),
        (r"\\geq?(?:slant)?(?![a-zA-Z])|≥", r"\\geq "),
        (r"\\?[$€£₩]", ""),
        (r"\\%", "%"),
        (r"\^\s*(?:\\circ(?![a-zA-Z])|\{\s*\\circ\s*\})|°", ""),
        (r"\s+", " "),
    )
)
_WRAPPER = re.compile(r"\\(?:boxed|fbox) ?\{(.*)\}|\\\((.*)\\\)|\\\[(.*)\\\]")
_NAME = re.compile(r"\\?[a-zA-Z]+(?:_\w)? ?(?:=|\\in(?![a-zA-Z])) ?(?P<value>[^=]+)")
_DECIMAL = re.compile(r"(?P<sign>[-+]?) ?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)")
_RATIO = re.compile(
    r"(?P<sign>[-+]?) ?(?P<whole>\d+(?= ?\\frac| \d+ ?/))? ?"
    r"(?:\\frac ?\{ ?(-?\d+) ?\} ?\{ ?(-?\d+) ?\}|(\d+) ?/ ?(\d+))"
)
_PERCENT = re.compile(r" ?%$| percent$")
_NOT_A_UNIT = (
    r"(?:or|and|to|pi|mod|base|sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|times|choose|over|plus|minus"
    r"|hundred|thousand|million|billion|trillion|dozen|a\.?m|p\.?m)\b"
)
_UNIT = re.compile(
    rf"(?: ?\\text ?\{{ ?(?!{_NOT_A_UNIT})[^{{}}\d]*\}}"
    rf"| (?!{_NOT_A_UNIT})(?:[a-zA-Z]{{3,}}|[ck]m|mm|[km]g|ml|ft|lbs?|oz|hrs?|mi|yd)(?:[ /][a-zA-Z]+)*"
    r"| ?(?![만억조천백])[가-힣]+)(?: ?\^ ?\d|[²³])?$"
)
_WORDS = re.compile(r"[^\W\d_]{3,}(?:[ '-][^\W\d_]+)*|no", re.IGNORECASE)
_CHOICE = re.compile(r"\(?([A-J])\)?")
_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_CONJUNCTION = re.compile(r",? (?:and|or) |,? ?\\text ?\{ ?(?:and|or) ?\} ?")
_PAIR = r"[^\W\d_]{2}"
"""Two letters alone are a word, a code or directions (`on`, `US`, `UR`), not a product whose factors may be swapped."""
_NUMBER = r"-?\d+(?:/\d+)?"
_PLAIN = re.compile(rf"[(\[]?{_NUMBER}(?:, {_NUMBER})*[)\]]?|{_WORDS.pattern}|[A-J]|{_PAIR}|\d+_\d+")


def canonical(answer: str | None) -> str | None:
    """Return the normal form of an answer; None for no answer or an empty one. Idempotent."""
    form, previous = answer or "", None
    # Broken LaTeX can need another pass: removing one thing exposes the next.
    for _ in range(_PASSES):
        form, previous = _form(tidy(form)), form
        if form == previous:
            break
    return form or None


def tidy(answer: str) -> str:
    """Remove what never matters (dollar signs, degree signs, spacing commands) and unify variants of a command."""
    text = answer.strip()
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = text.strip().rstrip(".")
    wrapper = _WRAPPER.fullmatch(text)
    if wrapper:
        text = next(inner for inner in wrapper.groups() if inner is not None)
    return text.strip()


def without_percent(answer: str) -> str | None:
    """Return the form of a percentage without its sign (`40%` gives `40`); None for anything else."""
    text = tidy(answer)
    number = _fraction(_PERCENT.sub("", text)) if _PERCENT.search(text) else None
    return None if number is None else str(number)


def is_plain(form: str) -> bool:
    """Return whether two different normal forms of this kind are certain to be different answers.

    These are exact numbers, lists, tuples and intervals of them, numerals with a base (`52_8`), words, two letters
    alone, and option letters.
    """
    return len(form) <= _LONGEST and _PLAIN.fullmatch(form) is not None


def _form(text: str, depth: int = 0) -> str:
    if len(text) > _LONGEST:
        return _compact(text)
    number = _fraction(text)
    if number is None:
        number = _fraction(_UNIT.sub("", text, count=1))
    if number is not None:
        return str(number)
    text = _TEXT.sub(r"\1", text).strip() if _TEXT.fullmatch(text) else text
    if _WORDS.fullmatch(text):
        return text.casefold()
    choice = _CHOICE.fullmatch(text)
    if choice:
        return choice[1]
    named = _NAME.fullmatch(text)
    if named and not re.search("[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", "", named["value"])):
        return _form(named["value"], depth)
    return _collection(text, depth) if depth < _DEEPEST else _compact(text)


def _collection(text: str, depth: int) -> str:
    """Return the form of a list, tuple, interval or set; anything else only loses its spaces."""
    for opening, closing in (("\\{", "\\}"), ("(", ")"), ("[", ")"), ("(", "]"), ("[", "]")):
        if not (text.startswith(opening) and text.endswith(closing)):
            continue
        items = _split(text[len(opening) : -len(closing)])
        if len(items) >= 2:
            forms = [_form(item, depth + 1) for item in items]
            return ", ".join(sorted(forms)) if opening == "\\{" else opening + ", ".join(forms) + closing
    items = _split(_CONJUNCTION.sub(", ", text))
    return ", ".join(sorted(_form(item, depth + 1) for item in items)) if len(items) >= 2 else _compact(text)


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets; no items if brackets do not match or an item is empty."""
    items, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return []
        if character == "," and depth == 0:
            items.append(text[start:index].strip())
            start = index + 1
    items.append(text[start:].strip())
    return items if depth == 0 and all(items) else []


def _fraction(text: str) -> Fraction | None:
    """Read an integer, decimal, fraction, mixed number or percentage exactly."""
    if len(text) > _LONGEST:
        return None
    number = _PERCENT.sub("", text)
    if number != text:
        value = _fraction(number)
        return None if value is None else value / 100
    text = text.strip()
    decimal = _DECIMAL.fullmatch(text)
    if decimal:
        value = Fraction(decimal["digits"].replace(",", ""))
        return -value if decimal["sign"] == "-" else value
    ratio = _RATIO.fullmatch(text)
    return _ratio(ratio) if ratio else None


def _ratio(match: re.Match[str]) -> Fraction | None:
    above, below = (int(group) for group in match.groups()[2:] if group is not None)
    if below == 0:
        return None
    value = Fraction(above, below)
    if match["whole"]:
        if not 0 < value < 1:
            return None  # 3\frac{5}{2} is a product, not a mixed number
        value += int(match["whole"])
    return -value if match["sign"] == "-" else value


def _compact(text: str) -> str:
    """Drop the spaces that separate nothing: those not between two letters."""
    return re.sub(r"(?<![a-zA-Z]) | (?![a-zA-Z])", "", text)
