"""`its-graph api`: what it serves under which name, where it listens, and how it stops."""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_openai import ChatOpenAI

from its_graph.api.model_catalog import ServedModel
from its_graph.cli.commands import api as command
from its_graph.cli.runs.models import ModelOptions
from its_graph.routing.default_policy import default_policy
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.cli.conftest import Call, Called


@pytest.fixture
def served(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Called, list[httpx.Response]]]:
    """Run the command, send requests once it listens, and press Ctrl-C."""

    def serve(*arguments: object, ask: tuple[Any, ...] = ("/health",), **headers: str) -> Any:
        replies: list[httpx.Response] = []
        usage_hint = command._usage_hint

        def hint(url: str, models: dict[str, ServedModel]) -> str:
            threading.Thread(target=visit, args=(url,)).start()
            return usage_hint(url, models)

        def visit(url: str) -> None:
            local_url = url.replace("0.0.0.0", "127.0.0.1")
            try:
                with httpx.Client(base_url=local_url, headers=headers, timeout=30) as http:
                    replies.extend(http.get(call) if isinstance(call, str) else call(http) for call in ask)
            finally:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(command, "_usage_hint", hint)
        return call("api", "--port", 0, *arguments), replies

    return serve


def test_the_embedded_models_are_served_until_ctrl_c(served: Any) -> None:
    called, [catalog, models] = served(ask=("/catalog", "/v1/models"))
    assert called.code == 0
    assert catalog.json()["models"] == ["embedded"]
    assert "beam_search/embedded" in models.text
    lines = called.out.splitlines()
    assert lines[0].startswith("page:   http://127.0.0.1:")
    assert "best_of_n/embedded" in lines[1]
    assert lines[-1] == "stopped"


def test_served_model_name_is_the_name_in_requests(served: Any) -> None:
    _, [catalog] = served("--served-model-name", "mine", ask=("/catalog",))
    assert catalog.json()["models"] == ["mine"]


def test_a_policy_is_given_when_the_server_starts(served: Any, call: Call, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    default_policy("agreement", pilots=2).save(path)

    def search(http: httpx.Client) -> httpx.Response:
        return http.post("/search", json={"problem": "Add 1, 2.", "strategy": "compute_optimal", "stream": True})

    _, [reply] = served("--policy", path, ask=(search,))
    assert '"estimator":"agreement"' in reply.text
    refused = call("api", "--policy", tmp_path / "none.json")
    assert refused.code == 2
    assert "its-graph calibrate" in refused.err


def test_other_host_names_are_rejected_on_loopback(served: Any) -> None:
    _, [reply] = served(Host="evil.example")
    assert reply.status_code == 421


def test_with_a_store_searches_are_kept_in_a_file(served: Any, tmp_path: Path) -> None:
    _, [reply] = served("--store", tmp_path / "searches.sqlite", ask=("/search/none",))
    assert reply.status_code == 404
    assert (tmp_path / "searches.sqlite").stat().st_size > 0


def test_the_key_comes_from_the_environment(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITS_GRAPH_API_KEY", "secret")
    _, replies = served(ask=("/health", "/catalog"))
    assert [reply.status_code for reply in replies] == [200, 401]


def test_an_address_that_others_reach_needs_an_api_key(call: Call, served: Any) -> None:
    refused = call("api", "--host", "0.0.0.0")
    assert refused.code == 2
    assert "needs an API key" in refused.err
    assert "--no-api-key" in refused.err
    _, [reply] = served("--host", "0.0.0.0", "--no-api-key", Host="any.example")
    assert reply.status_code == 200


def test_a_port_in_use_is_reported_in_one_line(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        called = call("api", "--port", port)
    assert called.code == 2
    assert f"Cannot listen on 127.0.0.1 port {port}" in called.err


def test_with_a_chat_server_tools_can_be_called(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Remote(ToyGenerator):
        model = "org/model"

    monkeypatch.setattr(ModelOptions, "load", lambda options: (Remote(), ToyVerifier()))
    _, [catalog] = served("--base-url", "http://127.0.0.1:9/v1", ask=("/catalog",))
    assert catalog.json()["models"] == ["org/model"]
    offered = command._served_model(Remote(), ToyVerifier(), "http://127.0.0.1:9/v1").chat_model
    assert isinstance(offered, ChatOpenAI)
    assert offered.model_name == "org/model"


def test_without_the_libraries_the_extra_is_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    called = call("api")
    assert called.code == 2
    assert "pip install 'its-graph[api]'" in called.err


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere/x.sqlite", "unable to open"), ("text.txt", "file is not a database"), (".", "unable to open")],
)
def test_a_store_that_cannot_be_used_is_one_line_before_models_load(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, message: str
) -> None:
    text = "no database, and long enough to be read as one. " * 20
    (tmp_path / "text.txt").write_text(text)
    monkeypatch.setattr(ModelOptions, "load", lambda options: pytest.fail("a model was loaded"))
    called = call("api", "--port", 0, "--store", tmp_path / name)
    assert (called.code, called.out, called.err.count("\n")) == (2, "", 1)
    assert called.err.startswith(f"error: --store {tmp_path / name} cannot be used: {message}")
    assert (tmp_path / "text.txt").read_text() == text
