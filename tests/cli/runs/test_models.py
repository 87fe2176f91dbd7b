"""`--model` with a real checkpoint folder: a tiny random Qwen2 with a byte-level tokenizer."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from its_graph.cli import main
from its_graph.cli.runs.models import ModelOptions
from its_graph.errors import ConfigurationError
from tests.generators.chat_server import chat_server, text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(tokenizer_models.BPE(vocab={byte: token for token, byte in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<|pad|>")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    saved = tmp_path_factory.mktemp("checkpoint")
    Qwen2ForCausalLM(config).save_pretrained(saved)
    tokenizer.save_pretrained(saved)
    return saved


def test_any_checkpoint_folder_generates_and_nothing_else_is_printed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def solve_once() -> dict[str, Any]:
        flags = f"-s self_consistency --n 3 --max-tokens 8 --seed 7 --json --model {folder}"
        assert main.run(["solve", "2 + 3?", *flags.split()]) == 0, capfd.readouterr().err
        out, err = capfd.readouterr()
        assert err == ""
        result: dict[str, Any] = json.loads(out)
        assert result["spend"].pop("seconds") > 0
        return result

    first = solve_once()
    assert first["spend"]["generated_tokens"] > 0
    assert first["spend"]["flops"] > 0
    assert len({one["text"] for one in first["candidates"]}) == 3
    assert first == solve_once()


def test_a_model_without_a_reward_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["solve", "2 + 3?", "--model", str(folder)]) == 2
    assert capsys.readouterr().err.startswith("error: best_of_n needs a verifier")


def test_a_folder_that_is_no_reward_model(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.run(["solve", "2 + 3?", "--model", str(folder), "--prm", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(tmp_path) in error
    assert error.count("\n") == 1


def test_the_thinking_variant_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["-s", "budget_forcing", "--set", "ignores=2", "--seed", "7", "--json", "--model", "thinker"]
    assert main.run(["solve", "Compute 12 + 30 * 2.", *flags]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["answer"].lstrip("-").isdigit()
    assert result["candidates"][0]["text"].count("Wait") >= 2


def test_the_thinking_variant_comes_with_the_embedded_verifier(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["solve", "Compute 12 + 30.", "--n", "2", "--json", "--model", "thinker"]) == 0
    assert json.loads(capsys.readouterr().out)["spend"]["verifier_tokens"] > 0


def test_a_chat_server_takes_the_place_of_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with chat_server(lambda body: text(r"3 + 5 = 8, so \boxed{8}")) as server:
        command = ["solve", "What is 3 + 5?", "--strategy", "self_consistency", "-n", "4", "-q"]
        assert main.run([*command, "--base-url", server.url]) == 0
        assert "answer       8" in capsys.readouterr().out
        assert len(server.bodies) == 4
        assert main.run(["solve", "q", "-s", "self_consistency", "--base-url", server.url, "--model", "other"]) == 2
        assert "does not serve 'other'. It serves: toy" in capsys.readouterr().err
        assert main.run(["solve", "q", "--base-url", server.url]) == 2
        assert "best_of_n needs a verifier" in capsys.readouterr().err
    assert main.run(["solve", "q", "-s", "single", "--base-url", server.url]) == 2
    assert "Could not connect to a server" in capsys.readouterr().err


def test_a_reward_server_needs_the_folder_of_its_model() -> None:
    with pytest.raises(ConfigurationError, match="needs --prm, the folder"):
        ModelOptions(prm_url="http://127.0.0.1:9").load()


def test_any_checkpoint_scores_by_likelihood(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    judge = shutil.copytree(folder, tmp_path / "plain")
    (judge / "chat_template.jinja").write_text("{% for one in messages %}{{ one.content }}\n{% endfor %}")
    command = ["solve", "Compute 3 + 4.", "--n", "2", "--prm", str(judge), "-q"]
    assert main.run(command) == 2
    assert "'likelihood'" in capsys.readouterr().err
    assert main.run([*command, "--family", "likelihood"]) == 0, capsys.readouterr().err
    assert main.run([*command, "--family", "nonsense"]) == 2
    assert "got 'nonsense'" in capsys.readouterr().err


def test_a_family_needs_a_reward_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["solve", "Compute 3 + 4.", "--family", "likelihood"]) == 2
    assert capsys.readouterr().err == ("error: --family likelihood needs --prm, the folder of a reward model.\n")
