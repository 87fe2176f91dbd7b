"""Brings an answer to one written form without any algebra, in time linear in its length.

Two answers with the same form are equal. `0.5`, `1/2`, `\\frac{1}{2}` and `50\\%` all become `1/2`;
`10,\\!080` and `\\$10080` become `10080`; `5.4 \\text{ cents}` loses its unit. Lists (`3, 5, 7`), tuples and intervals
keep their commas and brackets, so `58,500` is a number and `58, 500` is a list.
"""

import re
from fractions import Fraction

__all__ = ["canonical", "is_plain", "without_percent"]

_LONGEST_NUMBER = 200
"""Longer digit strings stay text: exact arithmetic on them is a way to stall a search."""

_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[−–]", "-"),  # noqa: RUF001
        (r"π", r"\\pi "),
        (r"∞|\binfinity\b", r"\\infty "),
        (r"√", r"\\sqrt"),
        (r",\s*\\!\s*|\{,\}", ","),
        (r"\\[!,;:> ]|\\q?quad\b|~", " "),
        (r"\\(?:left|right|displaystyle|limits|bigl?|bigr?)(?![a-zA-Z])", ""),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:mbox|textbf|textit|textrm|mathrm|mathbf|operatorname)(?=\s*\{)", r"\\text"),
        (r"\\(?:le|leq|leqslant)(?![a-zA-Z])|≤", r"\\leq "),
        (r"\\(?:ge|geq|geqslant)(?![a-zA-Z])|≥", r"\\geq "),
        (r"\\\$|[$€£₩]", ""),
        (r"\\%", "%"),
        (r"\^\s*(?:\\circ(?![a-zA-Z])|\{\s*\\circ\s*\})|°", ""),
        (r"\s+", " "),
    )
)
_WRAPPER = re.compile(r"\\(?:boxed|fbox)\s*\{(.*)\}|\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL)
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_NAMED = re.compile(r"^\\?[a-zA-Z]+\s*(?:=|\\in(?![a-zA-Z]))(?=[^=]*$)")
_UNIT = re.compile(
    r"(?<=[\d}%])\s*(?:\\text\s*\{[^{}]*\}|(?!or\b|and\b|to\b|pi\b|a\.?m\b|p\.?m\b|mod\b|sqrt\b)[a-zA-Z]{2,}(?:[ /]+[a-zA-Z]+)*|[가-힣]+)"
    r"(?:\s*\^\s*\{?\d\}?|[²³])?\s*$"
)
_NUMBER = re.compile(r"([-+]?)\s*(\d[\d,]*(?:\.\d*)?|\.\d+)")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_RATIO = re.compile(r"([-+]?)\s*(?:(\d+)\s+|(\d+)\s*(?=\\frac))?(?:\\frac\s*(\{[^{}]*\}|\d)\s*(\{[^{}]*\}|\d+)|(\d+)\s*/\s*(\d+))")
_PLAIN_NUMBER = r"-?\d+(?:/\d+)?"
_PLAIN = re.compile(rf"[(\[]?{_PLAIN_NUMBER}(?:, {_PLAIN_NUMBER})*[)\]]?|[^\W\d_]{{3,}}(?: [^\W\d_]+)*|no|[A-Z]")
