"""LangChain's cache of replies, kept out of a search: n samples are n draws, and not one reply that counts n times."""

from typing import Any, TypeVar, cast

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

__all__ = ["uncached"]

_Model = TypeVar("_Model", bound=Runnable[Any, Any])


def uncached(model: _Model) -> _Model:
    """Return the model, or where it would use a cache a copy that does not; bindings and fallbacks are opened."""
    if isinstance(model, RunnableBindingBase):
        return cast(_Model, model.model_copy(update={"bound": uncached(model.bound)}))
    if isinstance(model, RunnableWithFallbacks):
        inside = {"runnable": uncached(model.runnable), "fallbacks": [uncached(one) for one in model.fallbacks]}
        return cast(_Model, model.model_copy(update=inside))
    if isinstance(model, BaseChatModel) and _caches(model):
        return cast(_Model, model.model_copy(update={"cache": False}))
    return model


def _caches(model: BaseChatModel) -> bool:
    return get_llm_cache() is not None if model.cache is None else model.cache is not False
