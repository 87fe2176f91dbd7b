r"""Splits a solution into steps without losing a character: `"".join(split_steps(text)) == text`.

If two or more steps are labeled at the start of a line (`## Step 1: ...`, `Step 1:`, `**Step 1**`, `[Step 1]`,
`1단계:`, `[단계 1]`, `<step>`), only labels count: a heading and the paragraphs below it are one step, and text before
the first label belongs to the first step, so that step 1 of the text is step 1 of the list. Without labels a step ends
at each blank line, the usual separator of process reward models, and before each item of a list numbered 1, 2, 3.
Code fences, `$$...$$` and `\[...\]` are never split.
"""

import re
from bisect import bisect_right
from itertools import pairwise

from its_graph.errors import ConfigurationError

__all__ = ["split_steps"]

_PROTECTED = re.compile(
    # A fence that is never closed protects the rest of the text, as in Markdown.
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[^`\n]*(?:\n.*?(?:^[ \t]*(?P=fence)[`~]*\s*?$|\Z)|\Z)"
    r"|(?<!\\)\$\$.*?\$\$"
    r"|(?<!\\)\\\[(?:(?!\\\[).)*?\\\]",
    re.DOTALL | re.MULTILINE,
)
_DECORATION = r"^[ \t]*(?:[-*+][ \t]+)?(?:\#{1,6}[ \t]*)?(?:\*\*|__)?[ \t]*"
_NAME = r"(?:Step[ \t]*\d{1,3}|제?\d{1,3}[ \t]*단계|단계[ \t]*\d{1,3})"
_LABEL = re.compile(
    # "Step 2: x" and a lone "Step 2" are labels, "Step 2 follows from step 1" is a sentence ...
    rf"{_DECORATION}{_NAME}(?:[ \t]*[:.)*_]|[ \t]+[-–—]|[ \t]*\r?$)"  # noqa: RUF001
    rf"|{_DECORATION}[\[(<]{_NAME}[\])>]"
    # ... but a heading or bold text needs no punctuation.
    rf"|^[ \t]*(?:\#{{1,6}}[ \t]+|\*\*|__){_NAME}\b",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<step\b[^<>\n]*>|</step>\s*", re.IGNORECASE)
_ITEM = re.compile(r"^[ \t]{0,3}(?:\*\*)?(\d{1,3})[.)](?:\*\*)?[ \t]+(?=\S)", re.MULTILINE)
_BLANK_LINES = re.compile(r"\r?\n[ \t]*\r?\n(?:[ \t]*\r?\n)*")


def split_steps(text: str, separator: str = "\n\n") -> list[str]:
    r"""Split `text` into steps; a separator stays with the step that it ends.

    Args:
        text: a solution, without its problem.
        separator: what ends a step if steps are not labeled. The default means any blank line.

    Returns:
        The steps; none for an empty text. No step is only white space and separators, unless all of `text` is.

    Raises:
        ConfigurationError: if the separator is empty.

    >>> from its_graph import split_steps
    >>> split_steps("3 + 5 = 8\n\n8 + 4 = 12")
    ['3 + 5 = 8\n\n', '8 + 4 = 12']
    >>> split_steps("Step 1: add.\n\nThe sum is 8.\nStep 2: box it.")
    ['Step 1: add.\n\nThe sum is 8.\n', 'Step 2: box it.']
    """
    if not separator:
        raise ConfigurationError("separator must be a non-empty string, such as a blank line; got ''.")
    regions = [match.span() for match in _PROTECTED.finditer(text)]
    labels = _outside(_label_cuts(text), regions)
    if len(labels) >= 2:
        return _cut(text, labels[1:], separator)
    cuts = _separator_cuts(text, separator) + _item_cuts(text, regions)
    return _cut(text, labels + _outside(cuts, regions), separator)


def _label_cuts(text: str) -> list[int]:
    """Return the positions of the labeled steps; the text after a closing tag is its own step."""
    tags = [tag.end() if tag[0].startswith("</") else tag.start() for tag in _TAG.finditer(text)]
    return sorted({*tags, *(match.start() for match in _LABEL.finditer(text))} - {len(text)})


def _separator_cuts(text: str, separator: str) -> list[int]:
    pattern = _BLANK_LINES if separator == "\n\n" else re.compile(f"(?:{re.escape(separator)})+")
    return [match.end() for match in pattern.finditer(text)]


def _item_cuts(text: str, regions: list[tuple[int, int]]) -> list[int]:
    """Return the positions of the items 2, 3, ... of a list numbered from 1.

    A line that merely begins with a number ("5. Then ...") does not continue the list. Item 1 does not start a step:
    the line that introduces the list belongs to it.
    """
    cuts: list[int] = []
    expected = 1
    for item in _ITEM.finditer(text):
        if int(item[1]) == expected and _outside([item.start()], regions):
            cuts += [item.start()] if expected > 1 else []
            expected += 1
    return cuts


def _outside(cuts: list[int], regions: list[tuple[int, int]]) -> list[int]:
    """Drop the cuts that fall inside one of the sorted, disjoint regions."""
    starts = [start for start, _ in regions]
    outside = []
    for cut in cuts:
        # The last region that begins before the cut; a cut exactly at its start or end is fine.
        index = bisect_right(starts, cut - 1) - 1
        if index < 0 or cut >= regions[index][1]:
            outside.append(cut)
    return outside


def _cut(text: str, cuts: list[int], separator: str) -> list[str]:
    """Split at the given positions; a piece without content joins the previous step, or else the next one."""

    def is_empty(piece: str) -> bool:
        return not piece.replace(separator, "").strip()

    steps: list[str] = []
    bounds = sorted({0, *cuts, len(text)})
    for start, end in pairwise(bounds):
        piece = text[start:end]
        if steps and (is_empty(piece) or is_empty(steps[-1])):
            steps[-1] += piece
        else:
            steps.append(piece)
    return steps
