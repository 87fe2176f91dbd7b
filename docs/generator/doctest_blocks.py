"""Griffe extension: show the `>>>` examples of docstrings as code. Without it their brackets are read as links."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*?(?=\n\s*\n(?! *>>> )|\Z)", re.DOTALL | re.MULTILINE)


class DoctestBlocks(griffe.Extension):
    """Put each example of a docstring into a fenced block."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a class, function, module or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fence(obj.docstring.value)


def fence(docstring: str) -> str:
    """Return a cleaned docstring with its examples fenced."""
    return _EXAMPLE.sub(
        lambda match: f"\n{match['indent']}```pycon\n{match[0].rstrip()}\n{match['indent']}```\n", docstring
    )
