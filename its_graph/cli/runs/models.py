"""Where the command line gets its models from: the embedded pair, or checkpoint folders."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError, MissingExtraError

__all__ = [
    "EMBEDDED_MODELS",
    "LARGER_MODEL",
    "THINKER",
    "fingerprint",
    "has_verifier",
    "identity",
    "loaded",
    "models",
    "release",
    "reward_model",
]

THINKER = Path("thinker")
"""What `--model` calls the embedded variant that thinks before it answers."""
LARGER_MODEL = Path("larger")
"""What it calls the embedded generator that is several times larger."""
EMBEDDED_MODELS: dict[Path | None, str] = {None: "generator", THINKER: "thinker", LARGER_MODEL: "larger"}
"""The values of `--model` that need no folder, and the folders of their weights."""
_SAMPLED = 2**16
"""Bytes read from each end of a weight file."""


def models(
    model: Path | None, prm: Path | None, base_url: str | None = None, prm_url: str | None = None, family: str = "auto"
) -> tuple[Generator, Verifier | None]:
    """Return the generator and the verifier of a run.

    Args:
        model: folder of a causal language model; None takes the embedded generator, `thinker` its thinking variant,
            `larger` one of several times its size.
        prm: folder of a reward model; None takes the embedded verifier, but no verifier at all for a `model` of
            your own: the embedded one knows nothing of what others write.
        base_url: of a chat server; `model` then is a name on it, and None its only one.
        prm_url: of a reward model's server; `prm` then is the model's folder or hub id, of which only the tokenizer is
            read.
        family: how `prm` is read, a name of `its_graph.prm.families.registry.FAMILIES`; "auto" asks its files.

    Raises:
        ConfigurationError: a folder is missing or holds no usable checkpoint, or a server has no such model.
        MissingExtraError: the libraries that run local models are not installed.
    """
    if family != "auto" and prm is None:
        raise ConfigurationError(f"--family {family} says how a reward model is read. Give its folder with --prm.")
    if base_url is not None:
        return _remote(base_url, model), _judge(prm, prm_url, family)
    if prm_url is not None:
        return models(model, None)[0], _judge(prm, prm_url, family)
    for folder in filter(None, (None if model in EMBEDDED_MODELS else model, prm)):
        if not folder.is_dir():
            raise ConfigurationError(f"There is no folder {folder}. Give the folder of a downloaded checkpoint.")
    _be_silent()
    if model is None or model in EMBEDDED_MODELS:
        from its_graph.embedded import load, load_larger, load_thinker

        plain, verifier = load()
        generator = {None: lambda: plain, THINKER: load_thinker, LARGER_MODEL: load_larger}[model]()
        if prm is not None:
            return generator, reward_model(prm, family)
        _use_one_thread()
        return generator, verifier
    from its_graph.generators.transformers import TransformersGenerator

    return TransformersGenerator.from_pretrained(model), None if prm is None else reward_model(prm, family)


def identity(
    model: Path | None, prm: Path | None, base_url: str | None = None, prm_url: str | None = None, family: str = "auto"
) -> dict[str, str | None]:
    """Return what tells the models of a run from others: where they are, and of local ones the weights."""
    return {
        "model": str(model) if model else None,
        "prm": str(prm) if prm else None,
        **({"base_url": base_url} if base_url else {}),
        **({"prm_url": prm_url} if prm_url else {}),
        **({"family": family} if family != "auto" else {}),
        **({} if base_url else fingerprint(model, prm)),
    }


@contextmanager
def loaded(
    model: Path | None, prm: Path | None, base_url: str | None = None, prm_url: str | None = None, family: str = "auto"
) -> Iterator[tuple[Generator, Verifier | None]]:
    """Have the models of a run while it lasts; see `models`."""
    used = models(model, prm, base_url, prm_url, family)
    try:
        yield used
    finally:
        release(*used)


def has_verifier(model: Path | None, prm: Path | None, base_url: str | None = None, prm_url: str | None = None) -> bool:
    """Tell whether `models` will return a verifier, without loading any."""
    return prm is not None or prm_url is not None or (base_url is None and model in EMBEDDED_MODELS)


def release(*used: Generator | Verifier | None) -> None:
    """End the threads and close the connections of models that have any."""
    for one in used:
        close = getattr(one, "close", None)
        if close is not None:
            close()


def _remote(base_url: str, model: Path | None) -> Generator:
    from its_graph.generators.openai import OpenAIGenerator

    try:
        return OpenAIGenerator.connect(base_url, None if model is None else str(model))
    except ConnectionError as error:
        raise ConfigurationError(str(error)) from error


def _judge(prm: Path | None, prm_url: str | None, family: str) -> Verifier | None:
    if prm_url is None:
        return None if prm is None else reward_model(prm, family)
    if prm is None:
        raise ConfigurationError(f"--prm-url {prm_url} needs --prm as well: the model's folder, for its tokenizer.")
    from its_graph.prm.backends.server import ServedPRM

    _be_silent()
    return ServedPRM.connect(prm_url, str(prm), family=family)


def fingerprint(model: Path | None, prm: Path | None) -> dict[str, str | None]:
    """Return what tells the weights of a run from those that stood in the same folders before, read in a moment."""
    from its_graph.embedded import WEIGHTS

    ours = EMBEDDED_MODELS.get(model)
    folder = model if ours is None else WEIGHTS / ours
    judge = WEIGHTS / "verifier" if prm is None and ours is not None else prm
    return {
        "model_weights": None if folder is None else _weights(folder),
        "prm_weights": None if judge is None else _weights(judge),
    }


def _weights(folder: Path) -> str:
    """Hash the sizes of a checkpoint's weight files and the ends of each: retrained weights differ everywhere."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(f"{path.name} {size} ".encode() + file.read(_SAMPLED))
            file.seek(max(0, size - _SAMPLED))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def reward_model(folder: Path, family: str = "auto") -> Verifier:
    """Return the reward model of a folder.

    Raises:
        ConfigurationError: there is no such folder, or it holds no usable checkpoint.
        MissingExtraError: the libraries that run local models are not installed.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"There is no folder {folder}. Give the folder of a downloaded checkpoint.")
    _be_silent()
    from its_graph.prm.backends.local import PRM

    return PRM.from_pretrained(folder, family=family)


def _use_one_thread() -> None:
    """Run the embedded pair on one thread: for models so small, handing out work takes longer than doing it."""
    import torch

    torch.set_num_threads(1)


def _be_silent() -> None:
    """Keep progress bars and load reports of the libraries below off the terminal: errors are told in one line."""
    try:
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtraError("transformers", "local") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
