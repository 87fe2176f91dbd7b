"""Search inside agents: as a tool, around a model call, in place of a chat model, over whole agents.

What stands here is loaded when it is asked for. `create_search_tool` and `DeliberateChatModel` need langchain-core
alone; the others need the extra `agents` (langchain).
"""

from its_graph.exports import exports

__getattr__, __dir__, __all__ = exports(__name__, __file__)
