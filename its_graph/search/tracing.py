"""How tracers (LangSmith, OpenTelemetry) and the `messages` stream see the model calls of a search."""

from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs

__all__ = ["TAG", "call_configs"]

TAG = "its"
"""Tag of every model call of a search."""


def call_configs(
    config: RunnableConfig | None, node: str, strategy: str, candidates: Sequence[str]
) -> list[RunnableConfig] | None:
    """Return one config per call of a node: its name, its tags, and which candidate of which search it is for.

    None if nobody listens: naming thousands of calls takes time that nobody would see.

    Args:
        config: the config of the node's run.
        node: name of the node; its calls are named `its.<node>`.
        strategy: name of the strategy.
        candidates: ids of the records that the replies become.
    """
    if config is None or not _has_listeners(config):
        return None
    return [
        merge_configs(
            config,
            {
                "run_name": f"its.{node}",
                "tags": [TAG],
                "metadata": {"its_strategy": strategy, "its_candidate": candidate},
            },
        )
        for candidate in candidates
    ]


def _has_listeners(config: RunnableConfig) -> bool:
    callbacks = config.get("callbacks")
    return bool(callbacks if isinstance(callbacks, list) else callbacks and callbacks.handlers)
