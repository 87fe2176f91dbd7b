"""The page's files and the OpenAPI schema, over HTTP."""

from its_graph.ui.page import page_files
from tests.api.servers import in_process


async def test_the_page_and_its_files_are_served() -> None:
    async with in_process() as http:
        for path, name in [("/", "index.html"), *((f"/ui/{name}", name) for name in page_files())]:
            reply = await http.get(path)
            content, kind = page_files()[name]
            assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, content, kind)
        missing = await http.get("/ui/%2e%2e/page.py")
        assert missing.status_code == 404
        assert (
            (await http.get("/ui/none.js"))
            .json()["error"]["message"]
            .startswith("This installation has no page file 'none.js'")
        )


async def test_the_openapi_schema_lists_the_routes() -> None:
    async with in_process() as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    assert {"/search", "/search/{id}/events", "/v1/chat/completions", "/v1/models", "/catalog"} <= set(paths)
