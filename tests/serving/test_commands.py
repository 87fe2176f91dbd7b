"""The command lines of vLLM: required and forbidden options."""

import json

from its_graph.serving.commands import Address, generator_command, reward_command

ADDRESS = Address("127.0.0.1", 8000)


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_a_generator_on_a_gpu() -> None:
    command = generator_command("m", ADDRESS, gpu_share=0.54, extra_args=["--max-model-len", "4096"])
    assert command[1:5] == ["-m", "vllm.entrypoints.openai.api_server", "--model", "m"]
    assert option(command, "--gpu-memory-utilization") == "0.540"
    assert option(command, "--host") == "127.0.0.1"
    assert "--enable-prompt-tokens-details" in command
    assert "--enforce-eager" not in command
    assert "--trust-remote-code" not in command
    assert command[-2:] == ["--max-model-len", "4096"]


def test_on_the_cpu_memory_is_bounded() -> None:
    command = generator_command("m", ADDRESS, gpu_share=None)
    assert "--gpu-memory-utilization" not in command
    assert option(command, "--block-size") == "32"
    assert int(option(command, "--kv-cache-memory-bytes")) <= 1 << 30


def test_a_reward_model_is_pooled_by_its_step_tag() -> None:
    command = reward_command("m", ADDRESS, gpu_share=0.3, step_tag_id=77)
    assert option(command, "--runner") == "pooling"
    assert json.loads(option(command, "--pooler-config")) == {"tok_pooling_type": "STEP", "step_tag_id": 77}
    assert "--runner" not in reward_command("m", ADDRESS, gpu_share=0.3, step_tag_id=None)


def test_an_address_of_all_interfaces_is_reached_on_the_loopback() -> None:
    assert Address("0.0.0.0", 8000).url == "http://127.0.0.1:8000"
    assert Address("10.1.2.3", 8001).url == "http://10.1.2.3:8001"
