"""Why the reply of a chat server ended, derived from the metadata of different providers."""

from collections.abc import Mapping
from typing import Any

from its_graph.contracts import FinishReason

__all__ = ["text_and_finish_reason"]

_LENGTH_REASONS = ("length", "max_tokens", "max_output_tokens", "window")


def text_and_finish_reason(text: str, metadata: Mapping[str, Any], stop: tuple[str, ...]) -> tuple[str, FinishReason]:
    """Return the text, its stop string included, and why it ended.

    Most providers cut the stop string off. If they do not report which one it was, the first is appended; if they do
    not even report that there was one ("stop" means both), a text counts as stopped and an empty one as ended.
    """
    ends = [text.index(string) + len(string) for string in stop if string and string in text]
    if ends:
        return text[: min(ends)], "stop_string"
    reason = str(_reported_reason(metadata)).lower()
    if any(part in reason for part in _LENGTH_REASONS):
        return text, "length"
    stop_sequence = metadata.get("stop_sequence")
    if stop_sequence in stop:
        return text + str(stop_sequence), "stop_string"
    if stop and text and reason in {"stop", "stop_sequence"}:
        return text + stop[0], "stop_string"
    return text, "end"


def _reported_reason(metadata: Mapping[str, Any]) -> Any:
    details = metadata.get("incomplete_details") or {}
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason")
    return next((metadata[name] for name in names if metadata.get(name)), details.get("reason", ""))
