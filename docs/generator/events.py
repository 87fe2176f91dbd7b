"""The table of events, from their types."""

import inspect
import re
from typing import Any, get_args, get_type_hints

from its_graph.search import events

__all__ = ["table"]


def table() -> str:
    """Return a row for each event: its type, its fields, and the first sentence of its docstring."""
    rows = ["| event | meaning | fields |", "|---|---|---|"]
    for one in get_args(events.Event):
        hints: dict[str, Any] = get_type_hints(one)
        kind = get_args(hints.pop("type"))[0]
        meaning = re.split(r"(?<=[.;])\s", inspect.getdoc(one) or "")[0].rstrip(".;")
        rows.append(f"| `{kind}` | {meaning} | {', '.join(f'`{name}`' for name in hints)} |")
    return "\n".join(rows)
