"""Griffe extension: docstrings as the API reference needs them.

Examples (`>>>`) become code blocks; otherwise their brackets become links. The `Args:` of a class without an
`__init__` of its own (a pydantic model, a named tuple) become `Attributes:`; otherwise every field shows as required.
"""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*?(?=\n\s*\n(?! *>>> )|\Z)", re.DOTALL | re.MULTILINE)


class DocstringBlocks(griffe.Extension):
    """Rewrite the docstrings of everything that griffe loads."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a class, function, module or attribute."""
        if obj.docstring is None:
            return
        text = fence(obj.docstring.value)
        if obj.is_class and "__init__" not in obj.members:
            text = re.sub(r"^Args:$", "Attributes:", text, flags=re.MULTILINE)
        obj.docstring.value = text


def fence(docstring: str) -> str:
    """Return a cleaned docstring with its examples fenced."""
    return _EXAMPLE.sub(
        lambda match: f"\n{match['indent']}```pycon\n{match[0].rstrip()}\n{match['indent']}```\n", docstring
    )
