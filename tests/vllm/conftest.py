"""Real vLLM servers on the CPU, started once per run; the tests that use them skip if vLLM is not installed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from its_graph.embedded import WEIGHTS
from its_graph.serving.commands import CPU_ENVIRONMENT, Address, generator_command, reward_command
from its_graph.serving.process import ServerProcess, free_port

SMALL = ["--max-model-len", "512", "--max-num-seqs", "32"]
QUIET = {**CPU_ENVIRONMENT, "HF_HUB_OFFLINE": "1"}
os.environ.update(QUIET)  # engines in this process read it when vLLM is imported


def served(name: str, command: list[str], url: str, folder: Path) -> Iterator[tuple[str, ServerProcess]]:
    """Serve until the end of the run; yield the URL and the process."""
    with ServerProcess(name, command, health=f"{url}/health", log=folder / f"{name}.log", environment=QUIET) as server:
        server.wait_healthy(300)
        yield url, server


@pytest.fixture(scope="session")
def generator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the embedded generator."""
    address = Address("127.0.0.1", free_port())
    command = generator_command(str(WEIGHTS / "generator"), address, gpu_share=None, extra_args=SMALL)
    for url, _ in served("generator", command, address.url, tmp_path_factory.mktemp("logs")):
        yield f"{url}/v1"


@pytest.fixture(scope="session")
def likelihood_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the embedded verifier, whose scores are the log-probabilities of its prompt."""
    address = Address("127.0.0.1", free_port())
    command = reward_command(str(WEIGHTS / "verifier"), address, gpu_share=None, step_tag_id=None, extra_args=SMALL)
    for url, _ in served("likelihood", command, address.url, tmp_path_factory.mktemp("logs")):
        yield url


@pytest.fixture(scope="session")
def qwen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random reward model in the layout of Qwen2.5-Math-PRM, its head scaled up so that errors show."""
    import torch
    from transformers import AutoConfig

    from its_graph.embedded.tokenizer import build_tokenizer
    from its_graph.prm.families.qwen import PUBLISHED, Qwen2ForProcessRewardModel, QwenScorer

    folder = tmp_path_factory.mktemp("qwen-prm")
    torch.manual_seed(0)
    tokenizer: Any = build_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<extra_0>"]})
    config = AutoConfig.from_pretrained(str(WEIGHTS / "generator"))
    config.vocab_size = -(-len(tokenizer) // 64) * 64
    model: Any = Qwen2ForProcessRewardModel(config)
    with torch.no_grad():
        for layer in (model.score[0], model.score[2]):
            layer.weight.mul_(10)
            layer.bias.zero_()
    QwenScorer(model, tokenizer, PUBLISHED).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def qwen_url(qwen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve it with pooling."""
    from transformers import AutoTokenizer

    tag = AutoTokenizer.from_pretrained(str(qwen_folder)).encode("<extra_0>", add_special_tokens=False)[0]
    address = Address("127.0.0.1", free_port())
    command = reward_command(str(qwen_folder), address, gpu_share=None, step_tag_id=tag, extra_args=SMALL)
    for url, _ in served("pooling", command, address.url, tmp_path_factory.mktemp("logs")):
        yield url


@pytest.fixture(scope="session")
def labeled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded generator as a model that labels each step "+" or "-"; the labels are meaningless."""
    import torch
    from transformers import AutoModelForCausalLM

    from its_graph.embedded.tokenizer import build_tokenizer
    from its_graph.prm.families.label_token import RLHFlowScorer

    folder = tmp_path_factory.mktemp("labeled") / "Llama3.1-8B-PRM-Deepseek-Data"
    tokenizer: Any = build_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": [RLHFlowScorer.spec.tag_format.tag]})
    model: Any = AutoModelForCausalLM.from_pretrained(str(WEIGHTS / "generator"), dtype=torch.float32)
    model.resize_token_embeddings(-(-len(tokenizer) // 64) * 64)
    scorer = RLHFlowScorer(model, tokenizer)
    torch.manual_seed(0)
    with torch.no_grad():
        model.get_output_embeddings().weight[[scorer.good_id, scorer.bad_id]] = torch.randn(2, model.config.hidden_size)
    scorer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def labeled_url(labeled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve it as a plain language model."""
    address = Address("127.0.0.1", free_port())
    command = reward_command(str(labeled_folder), address, gpu_share=None, step_tag_id=None, extra_args=SMALL)
    for url, _ in served("labeled", command, address.url, tmp_path_factory.mktemp("logs")):
        yield url
