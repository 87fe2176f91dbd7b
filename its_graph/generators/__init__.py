"""Generators: models in this process, on a server, or in LangChain; teams of several; recorded replies.

`TransformersGenerator` and `VLLMGenerator` run a model in this process. `OpenAIGenerator` calls any OpenAI-compatible
server. `Generator.from_chat_model` wraps any LangChain chat model. `Team` combines several generators; each request
names the member that answers it. `record` and `replay` save and repeat the replies of a generator or verifier.

Each backend is a module that is imported on first use, so importing this package stays cheap.
"""

from typing import TYPE_CHECKING

from its_graph._lazy import lazy_exports

if TYPE_CHECKING:
    from its_graph.generators.cassette import record as record
    from its_graph.generators.cassette import replay as replay
    from its_graph.generators.openai import OpenAIGenerator as OpenAIGenerator
    from its_graph.generators.team import Team as Team
    from its_graph.generators.transformers import TransformersGenerator as TransformersGenerator
    from its_graph.generators.vllm import VLLMGenerator as VLLMGenerator
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "cassette": ("record", "replay"),
            "openai": ("OpenAIGenerator",),
            "team": ("Team",),
            "transformers": ("TransformersGenerator",),
            "vllm": ("VLLMGenerator",),
        },
        requires={"openai": "aiohttp", "transformers": "torch", "vllm": "vllm"},
    )
