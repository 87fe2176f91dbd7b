"""Generators: models of this process (transformers, vLLM), of a server, of LangChain; several as one; recorded replies.

`TransformersGenerator` and `VLLMGenerator` run a model here, `OpenAIGenerator` asks any OpenAI-compatible server,
`Generator.from_chat_model` takes any LangChain chat model. `Team` is several of them as one, of which each request
names a member; `record` and `replay` keep what one said.

Each backend lives in a module of its own, loaded when it is asked for, so that this package stays light.
"""

from its_graph.exports import exports

__getattr__, __dir__, __all__ = exports(__name__, __file__)
