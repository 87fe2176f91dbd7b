"""Middleware: API key, body size, hosts, CORS, security headers, unexpected errors."""

from collections.abc import AsyncIterator

import pytest

from its_graph.api.model_catalog import ServedModel
from its_graph.contracts import SampleRequest
from its_graph.testing import ToyGenerator
from tests.api.servers import QUESTION, in_process, serve, start_search, wait_for_status


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "secret", "Bearer secret "])
async def test_requests_without_the_key_are_rejected(authorization: str | None) -> None:
    async with in_process(api_key="secret") as http:
        headers = {} if authorization is None else {"Authorization": authorization}
        for method, path in [
            ("GET", "/catalog"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("GET", "/v1/models"),
            ("POST", "/search"),
            ("GET", "/search/x/events"),
            ("GET", "/nothing"),
        ]:
            reply = await http.request(method, path, headers=headers)
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "invalid_api_key"
        assert (await http.get("/health", headers=headers)).json() == {"status": "ok"}
        assert (await http.get("/", headers=headers)).status_code != 401
        assert (await http.get("/ui/none", headers=headers)).status_code == 404


async def test_requests_with_the_key_are_accepted() -> None:
    async with serve(api_key="secret") as served:
        assert [model.id async for model in served.openai.models.list()]
        await wait_for_status(served.http, await start_search(served.http), "done")


async def test_a_body_that_is_too_large_is_rejected_declared_or_not() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 100

    async with serve(max_body_bytes=1000) as served:
        for content in (b" " * 5000, parts()):
            reply = await served.http.post("/search", content=content, headers={"Content-Type": "application/json"})
            assert reply.status_code == 413
            assert reply.json()["error"]["message"] == "The body must not exceed 1,000 bytes."
        await wait_for_status(served.http, await start_search(served.http), "done")


async def test_other_hosts_are_rejected() -> None:
    async with in_process(allowed_hosts=("127.0.0.1", "[::1]")) as http:
        for host, status in [
            ("127.0.0.1:81", 200),
            ("[::1]:81", 200),
            ("[::1]", 200),
            ("evil.example", 421),
            ("", 421),
        ]:
            assert (await http.get("/health", headers={"Host": host})).status_code == status


async def test_replies_have_security_headers() -> None:
    async with in_process(api_key="secret") as http:
        for path in ("/health", "/catalog", "/"):
            headers = (await http.get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'self'; ")
            assert headers["x-content-type-options"] == "nosniff"


async def test_only_listed_origins_may_call_the_api() -> None:
    asks = {"Origin": "http://a.example", "Access-Control-Request-Method": "POST"}
    async with in_process(api_key="secret") as http:
        assert "access-control-allow-origin" not in (await http.options("/search", headers=asks)).headers
    async with in_process(api_key="secret", cors_origins=["http://a.example"]) as http:
        allowed = await http.options("/search", headers=asks)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "http://a.example"
        other = await http.options("/search", headers={**asks, "Origin": "http://b.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-retry-count"),
        ("GET", "authorization,last-event-id"),
        ("DELETE", "authorization"),
    ],
)
async def test_listed_origins_may_send_any_header(method: str, headers: str) -> None:
    asks = {"Origin": "http://a.example", "Access-Control-Request-Method": method}
    async with in_process(api_key="secret", cors_origins=["http://a.example"]) as http:
        allowed = await http.options("/search", headers=asks | {"Access-Control-Request-Headers": headers})
        assert allowed.status_code == 200, allowed.text
        assert set(headers.split(",")) <= set(
            allowed.headers["access-control-allow-headers"].replace(" ", "").split(",")
        )


async def test_a_cross_site_form_cannot_start_a_search() -> None:
    async with in_process() as http:
        body = '{"model": "toy", "messages": [{"role": "user", "content": "Add 1, 2."}]}'
        reply = await http.post("/v1/chat/completions", content=body, headers={"Content-Type": "text/plain"})
        assert reply.status_code == 400
        assert (await http.post("/v1/chat/completions", json={"model": "toy", "messages": QUESTION})).status_code == 200


class FailingGenerator(ToyGenerator):
    """Fails in an unexpected place."""

    def prompt_tokens(self, request: SampleRequest) -> int:
        raise RuntimeError("the secret of the server")


async def test_unexpected_errors_get_the_headers_of_the_other_middleware(caplog: pytest.LogCaptureFixture) -> None:
    async with in_process({"toy": ServedModel(FailingGenerator())}, cors_origins=["http://a.example"]) as http:
        body = {"problem": "Add 1, 2."}
        reply = await http.post("/search", json=body, headers={"Origin": "http://a.example"})
    assert reply.status_code == 500
    assert reply.json()["error"]["message"] == "RuntimeError. See the server's log for details."
    assert reply.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert reply.headers["access-control-allow-origin"] == "http://a.example"
    assert "the secret of the server" in caplog.text
