"""What of a search is told as reasoning while it runs: the steps that it goes on with, the answers that it finds."""

from its_graph.api.event_log import LoggedEvent
from its_graph.search.state import Step
from its_graph.text.answers import extract_answer

__all__ = ["ReasoningStream"]


class ReasoningStream:
    """Turns events into lines: each step once, when the search goes on with it; a whole solution by its answer."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._told: set[str] = set()

    def of(self, event: LoggedEvent) -> str:
        """Return what `event` adds, line by line; often nothing."""
        if event["type"] == "its.step_added":
            return self._arrived(event["id"], event["step"])
        if event["type"] == "its.selected":
            return "".join(self._kept(key) for key in event["frontier"])
        return ""

    def _arrived(self, key: str, step: Step) -> str:
        self._steps[key] = step
        if step["parent"] is not None or step["finish"] != "end" or "auxiliary" in step:
            return ""
        self._told.add(key)
        return f"Solution {key}: {extract_answer(step['text']) or 'no answer'}\n"

    def _kept(self, key: str) -> str:
        if key in self._told or key not in self._steps:
            return ""
        self._told.add(key)
        return f"{self._steps[key]['text'].strip()}\n"
