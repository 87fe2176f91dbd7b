"""Why a reply of a chat server ended, from what providers say of it."""

from collections.abc import Mapping
from typing import Any

from its_graph.contracts import FinishReason

__all__ = ["finish_reason_of"]


def finish_reason_of(text: str, metadata: Mapping[str, Any], stop: tuple[str, ...]) -> tuple[str, FinishReason]:
    """Return the text, its stop string included, and why it ended.

    Most providers cut the stop string off. Where they do not say which one it was, the first is put back; where they
    do not even say that there was one ("stop" means both), a text counts as stopped and an empty one as ended.
    """
    ends = [text.index(string) + len(string) for string in stop if string and string in text]
    if ends:
        return text[: min(ends)], "stop_string"
    reason = str(_reason(metadata)).lower()
    if any(word in reason for word in ("length", "max_tokens", "max_output_tokens", "window")):
        return text, "length"
    named = metadata.get("stop_sequence")
    if named in stop:
        return text + str(named), "stop_string"
    if stop and text and reason in {"stop", "stop_sequence"}:
        return text + stop[0], "stop_string"
    return text, "end"


def _reason(metadata: Mapping[str, Any]) -> Any:
    details = metadata.get("incomplete_details") or {}
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason")
    return next((metadata[name] for name in names if metadata.get(name)), details.get("reason", ""))
