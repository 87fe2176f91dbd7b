"""Chat models without LangChain's cache of replies: n samples are n draws, not one reply that counts n times."""

from typing import Any, TypeVar, cast

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

__all__ = ["without_llm_cache"]

_Model = TypeVar("_Model", bound=Runnable[Any, Any])


def without_llm_cache(model: _Model) -> _Model:
    """Return `model`, or a copy without a cache if it would use one; looks inside bindings and fallbacks."""
    if isinstance(model, RunnableBindingBase):
        return cast(_Model, model.model_copy(update={"bound": without_llm_cache(model.bound)}))
    if isinstance(model, RunnableWithFallbacks):
        update = {
            "runnable": without_llm_cache(model.runnable),
            "fallbacks": [without_llm_cache(fallback) for fallback in model.fallbacks],
        }
        return cast(_Model, model.model_copy(update=update))
    if isinstance(model, BaseChatModel) and _uses_cache(model):
        return cast(_Model, model.model_copy(update={"cache": False}))
    return model


def _uses_cache(model: BaseChatModel) -> bool:
    return get_llm_cache() is not None if model.cache is None else model.cache is not False
