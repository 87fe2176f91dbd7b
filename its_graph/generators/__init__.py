"""Generators: models of this process (transformers, vLLM), of a server, of LangChain; several as one; recorded replies.

`TransformersGenerator` and `VLLMGenerator` run a model here, `OpenAIGenerator` asks any OpenAI-compatible server,
`Generator.from_chat_model` takes any LangChain chat model. `Team` is several of them as one, of which each request
names a member; `record` and `replay` keep what one said.

Each backend lives in a module of its own, loaded when it is asked for, so that this package stays light.
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
    __getattr__ = lazy_exports(
        __name__,
        {
            "cassette": ("record", "replay"),
            "openai": ("OpenAIGenerator",),
            "team": ("Team",),
            "transformers": ("TransformersGenerator",),
            "vllm": ("VLLMGenerator",),
        },
    )
