"""Deliberation behind the chat model interface, for frameworks that accept nothing else."""

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
from its_graph.agents.selection import Selection, SelectionRule, by_vote
from its_graph.errors import ConfigurationError
from its_graph.generators.chat_model import HIDDEN_TAGS
from its_graph.generators.disable_llm_cache import without_llm_cache

__all__ = ["DeliberateChatModel"]


class DeliberateChatModel(BaseChatModel):
    """Answer with the best of several replies of another chat model, tool calls and structured output included.

    The winner's own metadata is kept. The usage of all replies is in `response_metadata["its"]`, and callbacks see it
    through the inner calls; the message itself carries none, since it would be counted twice.

    Args:
        model: the chat model to sample, with a temperature above 0.
        n: replies to draw, at least 1.
        choose: `by_vote()` (default), `by_score(verifier)` or `by_tournament(judge)` of `its_graph.agents`.

    >>> from its_graph.agents.testing import ScriptedChatModel
    >>> script = lambda messages, number: "The answer is 4" if number else "The answer is 3"
    >>> model = DeliberateChatModel(model=ScriptedChatModel(script=script), n=3)
    >>> model.invoke("What is 2 + 2?").text
    'The answer is 4'
    """

    model: Runnable[Any, AIMessage]
    n: int = Field(default=5, ge=1)
    choose: SelectionRule = Field(default_factory=by_vote)

    @property
    def _llm_type(self) -> str:
        return "its-deliberate"

    @property
    def model_name(self) -> str:
        """Name of the sampled model; frameworks infer a model's capabilities from it."""
        inner = _unbound(self.model)
        names = (getattr(inner, field, None) for field in ("model_name", "model", "model_id"))
        return next((name for name in names if name and isinstance(name, str)), self._llm_type)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": repr(self.model), "n": self.n}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop, **kwargs)
        inner = _unbound(self.model)
        inner_params = inner._get_ls_params(stop, **kwargs) if isinstance(inner, BaseChatModel) else {}
        return LangSmithParams(**{**params, "ls_model_name": inner_params.get("ls_model_name") or inner.get_name()})

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Return this model over a copy of the inner model with `tools` bound."""
        if not isinstance(self.model, BaseChatModel):
            raise ConfigurationError("Tools must be bound in one call; this model already has tools bound.")
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
        candidates, failures = _split(replies)
        selection = self.choose.invoke(action_set_of(messages, candidates)) if len(candidates) > 1 else Selection(0)
        return _result(candidates, failures, selection)

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
        candidates, failures = _split(replies)
        several = len(candidates) > 1
        selection = await self.choose.ainvoke(action_set_of(messages, candidates)) if several else Selection(0)
        return _result(candidates, failures, selection)


def _unbound(model: Runnable[Any, AIMessage]) -> Runnable[Any, AIMessage]:
    """Return the model inside its bindings."""
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    return model


def _config(run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> RunnableConfig:
    """Return the config that makes the inner calls children of this one, hidden from the user's token stream."""
    config: RunnableConfig = {"tags": list(HIDDEN_TAGS)}
    if run_manager is not None:
        is_async = isinstance(run_manager, AsyncCallbackManagerForLLMRun)
        kind = AsyncCallbackManager if is_async else CallbackManager
        inner = kind(handlers=[], parent_run_id=run_manager.run_id)
        inner.set_handlers(run_manager.inheritable_handlers)
        inner.add_tags(run_manager.inheritable_tags)
        inner.add_metadata(run_manager.inheritable_metadata)
        config["callbacks"] = inner
    return config


def _split(replies: Sequence[AIMessage | Exception]) -> tuple[list[AIMessage], list[Exception]]:
    """Separate replies from failures; if all failed, raise the first failure."""
    candidates = [reply for reply in replies if not isinstance(reply, Exception)]
    failures = [reply for reply in replies if isinstance(reply, Exception)]
    if not candidates:
        raise failures[0]
    return candidates, failures


def _result(candidates: list[AIMessage], failures: list[Exception], selection: Selection) -> ChatResult:
    winner = candidates[selection.winner]
    usage: UsageMetadata | None = None
    for message in candidates:
        usage = add_usage(usage, message.usage_metadata)
    trace = {
        "n": len(candidates),
        "winner": selection.winner,
        "scores": list(selection.scores),
        "failed": [f"{type(error).__name__}: {error}" for error in failures],
        "usage": dict(usage or {}),
    }
    metadata = {**winner.response_metadata, "its": trace}
    message = winner.model_copy(update={"response_metadata": metadata, "usage_metadata": None})
    return ChatResult(generations=[ChatGeneration(message=message)])
