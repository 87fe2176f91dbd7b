"""Search inside agents: as a tool, around a model call, in place of a chat model, over whole agents.

Each adapter lives in its own module, imported by the one who needs it. `search_tool` and `chat_model` need
langchain-core alone; `middleware`, `effects` and `best_of_n` need the extra `agents` (langchain).
"""
