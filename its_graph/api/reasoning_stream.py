"""What a chat completion streams as reasoning: selected steps, and the answers of whole solutions."""

from its_graph.api.event_log import LoggedEvent
from its_graph.search.state import Step
from its_graph.text.answers import extract_answer

__all__ = ["ReasoningStream"]


class ReasoningStream:
    """Converts events to lines of text: each step once, when it is selected; a whole solution by its answer."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._emitted: set[str] = set()

    def text_of(self, event: LoggedEvent) -> str:
        """Return the lines that `event` adds, often none."""
        if event["type"] == "its.step_added":
            return self._on_step_added(event["id"], event["step"])
        if event["type"] == "its.selected":
            return "".join(self._on_selected(id) for id in event["frontier"])
        return ""

    def _on_step_added(self, id: str, step: Step) -> str:
        self._steps[id] = step
        if step["parent"] is not None or step["finish"] != "end" or "auxiliary" in step:
            return ""
        self._emitted.add(id)
        return f"Solution {id}: {extract_answer(step['text']) or 'no answer'}\n"

    def _on_selected(self, id: str) -> str:
        if id in self._emitted or id not in self._steps:
            return ""
        self._emitted.add(id)
        return f"{self._steps[id]['text'].strip()}\n"
