"""Generators: a local transformers model, any LangChain chat model, recorded replies.

Each backend lives in its own module, imported by the one who needs it, so that this package stays light.
"""
