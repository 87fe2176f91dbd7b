"""Deliberation behind the interface of a chat model, for frameworks that accept nothing else."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.tools import BaseTool
from pydantic import Field

from its_graph.agents.actions import action_set_of
from its_graph.agents.selection import Chooser, Picked, by_vote
from its_graph.errors import ConfigurationError
from its_graph.generators.chat_model import HIDDEN
from its_graph.generators.disable_llm_cache import without_llm_cache

__all__ = ["DeliberateChatModel"]


class DeliberateChatModel(BaseChatModel):
    """Answer with the best of several replies of another chat model, tool calls and structured output included.

    The winner's own metadata are kept. Usage of all replies stands in `response_metadata["its"]` and is told to
    callbacks by the inner calls, so the message itself carries none: it would be counted twice.

    Args:
        model: the chat model that is asked; sample it with a temperature.
        n: replies to draw.
        choose: `by_vote()` (default), `by_score(verifier)` or `by_tournament(judge)` of `its_graph.agents.selection`.

    Example:
        >>> model = DeliberateChatModel(model=ChatOpenAI(model="..."), n=5)
        >>> model.bind_tools([search]).invoke("What is the weather in Seoul?")
    """

    model: Runnable[Any, AIMessage]
    n: int = Field(default=5, ge=1)
    choose: Chooser = Field(default_factory=by_vote)

    @property
    def _llm_type(self) -> str:
        return "its-deliberate"

    @property
    def model_name(self) -> str:
        """Name of the model that is asked: frameworks read it to tell what a model can do."""
        inner = _bare(self.model)
        names = (getattr(inner, field, None) for field in ("model_name", "model", "model_id"))
        return next((name for name in names if name and isinstance(name, str)), self._llm_type)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": repr(self.model), "n": self.n}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop, **kwargs)
        inner = _bare(self.model)
        told = inner._get_ls_params(stop, **kwargs) if isinstance(inner, BaseChatModel) else {}
        return LangSmithParams(**{**params, "ls_model_name": told.get("ls_model_name") or inner.get_name()})

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Return this model over one that may call `tools`."""
        if not isinstance(self.model, BaseChatModel):
            raise ConfigurationError("Tools were bound already; bind all of them in one call.")
        return self.model_copy(update={"model": self.model.bind_tools(tools, **kwargs)}).bind()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = {**kwargs, **({"stop": stop} if stop else {})}
        replies = without_llm_cache(self.model).batch(
            [messages] * self.n, _config(run_manager), return_exceptions=True, **options
        )
        said, failed = _sorted(replies)
        picked = self.choose.invoke(action_set_of(messages, said)) if len(said) > 1 else Picked(0)
        return _result(said, failed, picked)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = {**kwargs, **({"stop": stop} if stop else {})}
        replies = await without_llm_cache(self.model).abatch(
            [messages] * self.n, _config(run_manager), return_exceptions=True, **options
        )
        said, failed = _sorted(replies)
        picked = await self.choose.ainvoke(action_set_of(messages, said)) if len(said) > 1 else Picked(0)
        return _result(said, failed, picked)


def _bare(model: Runnable[Any, AIMessage]) -> Runnable[Any, AIMessage]:
    """Return the model inside a binding."""
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    return model


def _config(run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> RunnableConfig:
    """Hang the inner calls under this one, hidden from the user's stream of tokens."""
    config: RunnableConfig = {"tags": list(HIDDEN)}
    if run_manager is not None:
        is_async = isinstance(run_manager, AsyncCallbackManagerForLLMRun)
        kind = AsyncCallbackManager if is_async else CallbackManager
        inner = kind(handlers=[], parent_run_id=run_manager.run_id)
        inner.set_handlers(run_manager.inheritable_handlers)
        inner.add_tags(run_manager.inheritable_tags)
        inner.add_metadata(run_manager.inheritable_metadata)
        config["callbacks"] = inner
    return config


def _sorted(replies: Sequence[AIMessage | Exception]) -> tuple[list[AIMessage], list[Exception]]:
    said = [reply for reply in replies if not isinstance(reply, Exception)]
    failed = [reply for reply in replies if isinstance(reply, Exception)]
    if not said:
        raise failed[0]
    return said, failed


def _result(said: list[AIMessage], failed: list[Exception], picked: Picked) -> ChatResult:
    winner = said[picked.place]
    used: UsageMetadata | None = None
    for message in said:
        used = add_usage(used, message.usage_metadata)
    told = {
        "n": len(said),
        "winner": picked.place,
        "scores": list(picked.scores),
        "failed": [f"{type(error).__name__}: {error}" for error in failed],
        "usage": dict(used or {}),
    }
    metadata = {**winner.response_metadata, "its": told}
    message = winner.model_copy(update={"response_metadata": metadata, "usage_metadata": None})
    return ChatResult(generations=[ChatGeneration(message=message)])
