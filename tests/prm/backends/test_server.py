"""A reward model behind a server: errors before any score is requested."""

from pathlib import Path

import pytest

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.backends.server import ServedPRM
from its_graph.prm.families.qwen import QwenScorer
from tests.generators.chat_server import chat_server


def test_an_invalid_address_is_rejected_before_the_folder_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'nonsense' is not a server URL"):
        ServedPRM.connect("nonsense", tmp_path / "absent")


def test_an_invalid_address_is_rejected_by_the_constructor(qwen: QwenScorer) -> None:
    with pytest.raises(ConfigurationError, match="'localhost:8001' is not a server URL"):
        ServedPRM(qwen, "localhost:8001", "prm")


def test_the_key_of_the_environment_is_sent_and_named_if_it_is_rejected(
    qwen: QwenScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITS_GRAPH_SERVER_KEY", "own")
    monkeypatch.setenv("OPENAI_API_KEY", "general")
    candidate = Candidate(messages=({"role": "user", "content": "Add 3, 5."},), steps=("3 + 5 = 8",), finished=True)
    with chat_server(lambda body: (401, {"error": "no"})) as server, ServedPRM(qwen, server.url, "prm") as verifier:
        with pytest.raises(ConfigurationError, match="Set ITS_GRAPH_SERVER_KEY"):
            verifier.invoke(candidate)
        assert server.keys == {"Bearer own"}
