"""The local generator compared with a simple loop over one row, and with plain `generate`."""

import copy
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from jinja2 import TemplateError
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2ForCausalLM

from its_graph.contracts import SampleRequest
from its_graph.errors import ConfigurationError, InputError, TruncationError
from its_graph.generators.transformers import TransformersGenerator
from its_graph.seeds import derive_seed

TEXTS = ("2 + 2 =", "a", "A much longer question: what is 12 + 30?", "한국어 문제")


def prompt_ids(tokenizer: PreTrainedTokenizerFast, request: SampleRequest) -> Any:
    text = tokenizer.apply_chat_template(list(request.messages), tokenize=False, add_generation_prompt=True)
    return tokenizer(text + request.prefix, add_special_tokens=False)["input_ids"]


def reference(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, request: SampleRequest, index: int = 0
) -> Any:
    """Sample one row token by token with whole forwards; return tokens and their log-probabilities."""
    ids = prompt_ids(tokenizer, request)
    tokens: list[int] = []
    logprobs: list[float] = []
    random_generator = torch.Generator().manual_seed(derive_seed(request.seed or 0, f"sample {index}"))
    noise = torch.empty(0)
    while len(tokens) < request.max_tokens and tokenizer.eos_token_id not in tokens:
        with torch.inference_mode():
            logits = model(torch.tensor([ids + tokens])).logits[0, -1].float()
        scores = logits / (request.temperature or 1.0)
        if request.top_p < 1:
            probabilities, order = scores.softmax(0).sort(descending=True)
            outside = order[1:][probabilities.cumsum(0)[:-1] >= request.top_p]
            scores[outside] = float("-inf")
        if request.temperature:
            block = 2048 // len(logits)
            if len(tokens) % block == 0:
                noise = torch.empty(block, len(logits)).exponential_(generator=random_generator)
            scores = scores - noise[len(tokens) % block].log()
        tokens.append(int(scores.argmax()))
        logprobs.append(float(logits.log_softmax(0)[tokens[-1]]))
    return tokens, logprobs


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"temperature": 1.5}, {"top_p": 0.5}], ids=str)
@pytest.mark.parametrize("text", TEXTS)
def test_equals_a_loop_over_one_row(
    generator: TransformersGenerator,
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    ask: Callable[..., SampleRequest],
    text: str,
    options: dict[str, Any],
) -> None:
    request = ask(text, seed=3, logprobs=True, max_tokens=20, **options)
    [sample] = generator.invoke(request)
    tokens, logprobs = reference(model, tokenizer, request)
    assert sample.text == tokenizer.decode(tokens, skip_special_tokens=True)
    assert sample.prompt_tokens == len(prompt_ids(tokenizer, request)) == generator.prompt_tokens(request)
    assert sample.generated_tokens == len(tokens)
    assert sample.logprobs == pytest.approx(logprobs, abs=1e-4)
    assert sample.confidence == pytest.approx(sum(logprobs) / len(logprobs), abs=1e-4)


def test_greedy_equals_plain_generate(
    generator: TransformersGenerator,
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    ask: Callable[..., SampleRequest],
) -> None:
    request = ask(temperature=0)
    ids = torch.tensor([prompt_ids(tokenizer, request)])
    config = GenerationConfig(max_new_tokens=24, do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=0)
    plain = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    text = tokenizer.decode(plain[0, ids.shape[1] :], skip_special_tokens=True)
    assert generator.invoke(request)[0].text == text


def mixed(ask: Callable[..., SampleRequest]) -> Any:
    options: tuple[dict[str, Any], ...] = (
        {},
        {"temperature": 0},
        {"top_p": 0.6},
        {"temperature": 1.3, "max_tokens": 40, "stop": ("a",)},
    )
    return [ask(text, seed=seed, **option) for seed, text in enumerate(TEXTS) for option in options]


async def test_a_text_does_not_depend_on_its_batch(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest]
) -> None:
    requests = mixed(ask)
    alone = [generator.invoke(request)[0].text for request in requests]
    assert [reply[0].text for reply in generator.batch(requests)] == alone
    assert [reply[0].text for reply in await generator.abatch(requests[::-1])] == alone[::-1]
    assert (await generator.ainvoke(requests[5]))[0].text == alone[5]


def test_adjacent_seeds_share_no_sample(generator: TransformersGenerator, ask: Callable[..., SampleRequest]) -> None:
    """Reference 0.7: with seed + i, seed 7 with n = 4 and seed 8 would share three streams."""
    first, second = generator.batch([ask(seed=7, n=4), ask(seed=8, n=4)])
    assert len({sample.text for sample in first + second}) == 8
    assert generator.invoke(ask(seed=7))[0].text == first[0].text
    assert [sample.text for sample in generator.invoke(ask(seed=7, n=4))] == [sample.text for sample in first]


def test_without_a_seed_samples_differ(generator: TransformersGenerator, ask: Callable[..., SampleRequest]) -> None:
    assert generator.invoke(ask()) != generator.invoke(ask())


def test_samples_follow_the_models_distribution(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, ask: Callable[..., SampleRequest]
) -> None:
    """4,000 first tokens at temperature 0.7: total variation distance to the exact distribution."""
    request = ask(seed=1, n=4000, max_tokens=1, temperature=0.7, logprobs=True)
    with torch.inference_mode():
        logits = model(torch.tensor([prompt_ids(tokenizer, request)])).logits[0, -1]
    exact = (logits / 0.7).softmax(0)
    by_logprob = {round(float(value), 3): index for index, value in enumerate(logits.log_softmax(0))}
    with TransformersGenerator(model, tokenizer, max_batch=4000) as generator:
        samples = generator.invoke(request)
    drawn = torch.zeros_like(exact)
    for sample in samples:
        assert sample.logprobs is not None
        value = round(sample.logprobs[0], 3)
        drawn[next(by_logprob[key] for key in (value, value + 0.001, value - 0.001) if key in by_logprob)] += 1
    assert float((drawn / 4000 - exact).abs().sum() / 2) < 0.08


def test_a_small_nucleus_is_greedy(generator: TransformersGenerator, ask: Callable[..., SampleRequest]) -> None:
    assert generator.invoke(ask(top_p=1e-6, seed=1))[0].text == generator.invoke(ask(temperature=0))[0].text


def test_stop_string_is_kept_and_ends_the_text(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest]
) -> None:
    [free] = generator.invoke(ask(seed=5, max_tokens=60))
    stop = free.text[8:10]
    [sample] = generator.invoke(ask(seed=5, max_tokens=60, stop=("never there", stop, "")))
    assert (sample.text, sample.finish_reason) == (free.text[: free.text.index(stop) + 2], "stop_string")
    assert 0 < sample.generated_tokens < free.generated_tokens


def forced(
    monkeypatch: pytest.MonkeyPatch, generator: TransformersGenerator, tokenizer: PreTrainedTokenizerFast, text: str
) -> Any:
    """Make the model generate `text`."""
    script = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    forward = type(generator._model).forward
    prompt = 0

    def scripted_forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = forward(self, *args, **kwargs)
        cache = kwargs["cache" if "cache" in kwargs else "past_key_values"]  # its name changed in transformers 5.24
        step = cache.get_seq_length() - prompt
        output.logits[:] = -50.0
        output.logits[:, -1, script[min(step, len(script) - 1)]] = 50.0
        return output

    def with_prompt_length(request: SampleRequest) -> Any:
        nonlocal prompt
        prompt = generator.prompt_tokens(request)
        return request

    monkeypatch.setattr(type(generator._model), "forward", scripted_forward)
    return with_prompt_length


@pytest.mark.parametrize(
    ("generated", "stop", "text", "tokens"),
    [
        ("one\n\nStep", ("\n\n",), "one\n\n", 4),  # the token "\n\nS" reaches beyond the stop string
        ("one\n\nStep", ("S", "\n\n"), "one\n\n", 4),  # both in one token: the one that ends first
        ("one\n\ntwo", ("\n\n",), "one\n\n", 4),
        ("x\nStep 1 y", ("Step 1",), "x\nStep 1", 4),
        ("가나다", ("나",), "가나", 6),  # a character of three tokens
        ("abcab", ("cab", "bc"), "abc", 2),  # the one that ends first
        ("aXbX", ("X",), "aX", 2),
    ],
)
def test_stop_strings_across_tokens(
    generator: TransformersGenerator,
    tokenizer: PreTrainedTokenizerFast,
    ask: Callable[..., SampleRequest],
    monkeypatch: pytest.MonkeyPatch,
    generated: str,
    stop: tuple[str, ...],
    text: str,
    tokens: int,
) -> None:
    with_prompt_length = forced(monkeypatch, generator, tokenizer, generated)
    [sample] = generator.invoke(with_prompt_length(ask(stop=stop)))
    assert (sample.text, sample.finish_reason, sample.generated_tokens) == (text, "stop_string", tokens)


def test_the_end_token_is_counted_but_not_in_the_text(
    generator: TransformersGenerator,
    tokenizer: PreTrainedTokenizerFast,
    ask: Callable[..., SampleRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_prompt_length = forced(monkeypatch, generator, tokenizer, "done")
    [sample] = generator.invoke(with_prompt_length(ask(stop=("\n\n",), logprobs=True)))
    assert (sample.text, sample.finish_reason, sample.generated_tokens) == ("done", "end", 5)
    assert sample.logprobs is not None
    assert len(sample.logprobs) == 5


def test_each_row_has_its_own_limit(generator: TransformersGenerator, ask: Callable[..., SampleRequest]) -> None:
    short, long = generator.batch([ask(max_tokens=3, seed=1), ask(max_tokens=30, seed=1)])
    assert (short[0].generated_tokens, short[0].finish_reason) == (3, "length")
    assert long[0].generated_tokens > 3


def test_a_continued_prefix_is_tokenized_with_the_prompt(
    generator: TransformersGenerator, tokenizer: PreTrainedTokenizerFast, ask: Callable[..., SampleRequest]
) -> None:
    whole = ask(prefix="Step 1: ab\n\n")
    assert generator.prompt_tokens(whole) == len(prompt_ids(tokenizer, whole))
    split = len(prompt_ids(tokenizer, ask())) + sum(len(tokenizer(part)["input_ids"]) for part in "Step 1: ab\n\n")
    assert generator.prompt_tokens(whole) < split


def test_the_prompt_is_tokenized_once(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask("a new prompt")
    calls: list[tuple[Any, ...]] = []

    def spy(*args: Any) -> str:
        calls.append(args)
        return "text"

    monkeypatch.setattr(type(generator._tokens), "_render", spy)
    for _ in range(3):
        generator.prompt_tokens(request)
    generator.invoke(request)
    assert len(calls) == 1


def test_a_tokenizer_without_template_gets_the_plain_text(
    model: Qwen2ForCausalLM, ask: Callable[..., SampleRequest]
) -> None:
    alphabet = {byte: token for token, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain = PreTrainedTokenizerFast(tokenizer_object=backend)
    with TransformersGenerator(model, plain) as generator:
        assert generator.prompt_tokens(ask("abc", prefix="de")) == len("abc\nde")
        empty = SampleRequest.model_construct(messages=(), prefix="")
        with pytest.raises(InputError, match="at least one token"):
            generator.prompt_tokens(empty)


def test_special_tokens_are_added_only_without_a_template(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, ask: Callable[..., SampleRequest]
) -> None:
    """A template adds its own special tokens; a second set makes a prompt the model never saw."""
    with_prefix = copy.deepcopy(tokenizer)
    with_prefix.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|user|> $A", special_tokens=[("<|user|>", tokenizer.convert_tokens_to_ids("<|user|>"))]
    )
    with TransformersGenerator(model, with_prefix) as generator:
        assert generator.prompt_tokens(ask("abc")) == len(prompt_ids(tokenizer, ask("abc")))
    with_prefix.chat_template = None
    with TransformersGenerator(model, with_prefix) as generator:
        assert generator.prompt_tokens(ask("xyz")) == len("xyz\n") + 1


def test_a_leading_space_survives(generator: TransformersGenerator, tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = tuple(tokenizer("2 + 2 =")["input_ids"])
    assert generator._tokens.continuation(prompt, tokenizer(" 1 a")["input_ids"]) == " 1 a"


def test_a_prompt_that_is_too_long_fails_alone_and_names_both_lengths(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest]
) -> None:
    good, bad = generator.batch([ask(seed=1), ask("x" * 200)], return_exceptions=True)
    assert good[0].generated_tokens
    assert isinstance(bad, TruncationError)
    with pytest.raises(TruncationError, match="203 tokens and the model's context 128"):
        generator.invoke(ask("x" * 200))


def test_the_context_bounds_the_reply(generator: TransformersGenerator, ask: Callable[..., SampleRequest]) -> None:
    [sample] = generator.invoke(ask("x" * 115, max_tokens=100, seed=2))
    assert sample.prompt_tokens + sample.generated_tokens <= 128


def test_a_message_that_the_template_rejects_fails_alone(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest]
) -> None:
    bad = SampleRequest(messages=({"role": "tool", "content": "42"},))
    assert isinstance(generator.batch([ask(seed=1), bad], return_exceptions=True)[0], list)
    with pytest.raises(TemplateError, match="no tools here"):
        generator.invoke(bad)


def slow(monkeypatch: pytest.MonkeyPatch, model: Qwen2ForCausalLM, seconds: float = 0.02) -> Any:
    forward = type(model).forward

    def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", wait)


def test_a_timeout_returns_the_text_so_far(
    generator: TransformersGenerator,
    model: Qwen2ForCausalLM,
    ask: Callable[..., SampleRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow(monkeypatch, model)
    quick, whole = generator.batch([ask(timeout_s=0.1, max_tokens=20, seed=1), ask(max_tokens=20, seed=1)])
    assert quick[0].finish_reason == "length"
    assert 0 < quick[0].generated_tokens < 10
    assert whole[0].text.startswith(quick[0].text.rstrip("\ufffd"))


def test_an_overdue_request_is_answered_empty_without_running(
    generator: TransformersGenerator,
    model: Qwen2ForCausalLM,
    ask: Callable[..., SampleRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow(monkeypatch, model, seconds=1)
    [sample] = generator.invoke(ask(timeout_s=0))
    assert (sample.text, sample.generated_tokens, sample.finish_reason, sample.confidence) == ("", 0, "length", None)
    assert sample.prompt_tokens == 10


def test_the_checkpoints_sampling_defaults_are_ignored(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    ask: Callable[..., SampleRequest],
    generator: TransformersGenerator,
) -> None:
    plain = generator.invoke(ask(seed=1))
    original = model.generation_config
    model.generation_config = GenerationConfig(
        eos_token_id=original.eos_token_id, repetition_penalty=5.0, no_repeat_ngram_size=2, top_k=1, max_new_tokens=7
    )
    try:
        with TransformersGenerator(model, tokenizer) as configured:
            assert configured.max_tokens == 7
            assert configured.invoke(ask(seed=1))[0].text == plain[0].text
    finally:
        model.generation_config = original
    assert generator.max_tokens == 1024


def test_parameters_are_counted_once(generator: TransformersGenerator, model: Qwen2ForCausalLM) -> None:
    assert generator.parameters == sum(p.numel() for p in {id(p): p for p in model.parameters()}.values())


class TestFromPretrained:
    @pytest.fixture
    def folder(self, model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Any:
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path

    def test_round_trip(
        self, folder: Path, generator: TransformersGenerator, ask: Callable[..., SampleRequest]
    ) -> None:
        with TransformersGenerator.from_pretrained(folder, device="cpu", step_separator="\n") as loaded:
            assert loaded.invoke(ask(seed=1))[0].text == generator.invoke(ask(seed=1))[0].text
            assert loaded.step_separator == "\n"
            assert loaded._model.dtype == torch.float32

    def test_errors_about_broken_folders_are_one_line(
        self, folder: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        with pytest.raises(
            ConfigurationError, match=r"^'.*' is not a usable checkpoint \(.*\)\. Expected .*$"
        ) as caught:
            TransformersGenerator.from_pretrained(tmp_path_factory.mktemp("empty"))
        assert "\n" not in str(caught.value)
        (folder / "model.safetensors").write_bytes(b"broken")
        with pytest.raises(ConfigurationError, match="not a usable checkpoint"):
            TransformersGenerator.from_pretrained(folder)
        (folder / "config.json").write_text("{}")
        with pytest.raises(ConfigurationError, match="not a usable checkpoint"):
            TransformersGenerator.from_pretrained(folder)

    def test_pickled_weights_are_refused(self, folder: Path, model: Qwen2ForCausalLM) -> None:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        with pytest.raises(ConfigurationError, match="safetensors"):
            TransformersGenerator.from_pretrained(folder)

    def test_missing_weights_are_refused(self, folder: Path, model: Qwen2ForCausalLM) -> None:
        from safetensors.torch import save_file

        state = {name: value.clone() for name, value in model.state_dict().items() if name != "lm_head.weight"}
        state.pop("model.layers.1.mlp.up_proj.weight")
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ConfigurationError, match=r"lacks 1 weights .*up_proj"):
            TransformersGenerator.from_pretrained(folder)

    def test_the_interpreter_exits_while_a_batch_runs(self, folder: Path) -> None:
        script = (
            "import sys, time\n"
            "from its_graph.contracts import SampleRequest\n"
            "from its_graph.generators.transformers import TransformersGenerator\n"
            "generator = TransformersGenerator.from_pretrained(sys.argv[1])\n"
            "request = SampleRequest(messages=({'role': 'user', 'content': 'a'},), n=64, max_tokens=100)\n"
            "futures = [generator.submit(request) for _ in range(300)]\n"
            "time.sleep(0.1)\n"
        )
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, timeout=60, check=False)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        assert time.monotonic() - began < 40


def test_max_batch_must_be_positive(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ConfigurationError, match="max_batch must be at least 1; got 0"):
        TransformersGenerator(model, tokenizer, max_batch=0)


def test_a_sample_that_ends_early_is_delivered_while_its_batch_runs(
    generator: TransformersGenerator, ask: Callable[..., SampleRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both requests share a batch; the long one waits until the short one is delivered."""
    forward = type(generator._model).forward
    short: list[Any] = []

    def waiting_forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(steps) == 6:
            assert short[0].result(10)[0].generated_tokens == 3
        steps.append(1)
        return forward(self, *args, **kwargs)

    steps: list[int] = []
    monkeypatch.setattr(type(generator._model), "forward", waiting_forward)
    monkeypatch.setattr(generator._model.generation_config, "eos_token_id", None)
    requests = [ask(max_tokens=3, seed=1, logprobs=True), ask(max_tokens=12, seed=1, logprobs=True)]
    futures = generator.futures(requests)
    short.append(futures[0])
    early, late = (future.result(30)[0] for future in futures)
    assert late.text.startswith(early.text)
    assert early.logprobs is not None
    assert late.logprobs is not None
    assert late.logprobs[:3] == pytest.approx(early.logprobs)
    assert len(steps) > 6
