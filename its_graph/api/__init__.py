"""HTTP API: searches as a service, and strategies as models behind OpenAI's chat completions. Needs the extra `api`.

`its_graph.api.app.create_app(models)` returns the FastAPI application; `its_graph.api.server.serving` runs it.
"""
