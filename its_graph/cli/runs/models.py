"""Models of a run: from the options of the command line to generator and verifier, and what identifies them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from its_graph.cli.options.models import BaseUrl, Family, ModelPath, PrmPath, PrmUrl
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError, MissingExtraError

__all__ = ["EMBEDDED_MODELS", "LARGER_MODEL", "THINKER", "ModelOptions", "close_models", "load_reward_model"]

THINKER = Path("thinker")
"""`--model thinker`: the embedded generator that thinks before it answers."""
LARGER_MODEL = Path("larger")
"""`--model larger`: the embedded generator that is several times larger."""
EMBEDDED_MODELS: dict[Path | None, str] = {None: "generator", THINKER: "thinker", LARGER_MODEL: "larger"}
"""Values of `--model` that need no folder, and the folders of their weights."""
_HASHED_BYTES = 2**16
"""Bytes hashed at each end of a weight file."""


class ModelOptions(NamedTuple):
    """The models of a run, as given on the command line.

    Args:
        model: folder of a causal language model; None for the embedded generator, `thinker` for its thinking variant,
            `larger` for one several times its size. With `base_url`: a model name on that server, None for its only
            one.
        prm: folder of a reward model. None uses the embedded verifier with an embedded `model`, and no verifier
            otherwise: the embedded one cannot score what other models write. With `prm_url`: folder or hub id of the
            served model, of which only the tokenizer is read.
        family: family of `prm`, a name in `its_graph.prm.families.registry.FAMILIES`; "auto" reads it from the files.
        base_url: URL of a chat server.
        prm_url: URL of a reward-model server.
    """

    model: ModelPath = None
    prm: PrmPath = None
    family: Family = "auto"
    base_url: BaseUrl = None
    prm_url: PrmUrl = None

    @property
    def is_embedded(self) -> bool:
        """Whether the generator is one of the embedded models."""
        return self.base_url is None and self.model in EMBEDDED_MODELS

    @property
    def has_verifier(self) -> bool:
        """Whether `load` returns a verifier; nothing is loaded to find out."""
        return self.prm is not None or self.prm_url is not None or self.is_embedded

    def without_verifier(self) -> "ModelOptions":
        """Return the options of the generator alone."""
        return ModelOptions(model=self.model, base_url=self.base_url)

    def identity(self) -> dict[str, str | None]:
        """Return what distinguishes the models of a run from others: where they are and, if local, their weights."""
        return {
            "model": str(self.model) if self.model else None,
            "prm": str(self.prm) if self.prm else None,
            **({"base_url": self.base_url} if self.base_url else {}),
            **({"prm_url": self.prm_url} if self.prm_url else {}),
            **({"family": self.family} if self.family != "auto" else {}),
            **({} if self.base_url else self._fingerprint()),
        }

    def load(self) -> tuple[Generator, Verifier | None]:
        """Load or connect to the models.

        Raises:
            ConfigurationError: a folder is missing or has no usable checkpoint, or a server does not have the model.
            MissingExtraError: the libraries that run local models are not installed.
        """
        if self.family != "auto" and self.prm is None:
            raise ConfigurationError(f"--family {self.family} needs --prm, the folder of a reward model.")
        if self.base_url is not None:
            return _connect(self.base_url, self.model), self._verifier()
        if self.prm_url is not None:
            return self.without_verifier().load()[0], self._verifier()
        for folder in filter(None, (None if self.model in EMBEDDED_MODELS else self.model, self.prm)):
            _require_folder(folder)
        _silence_libraries()
        if self.model is None or self.model in EMBEDDED_MODELS:
            return self._load_embedded(self.model)
        from its_graph.generators.transformers import TransformersGenerator

        return TransformersGenerator.from_pretrained(self.model), self._verifier()

    @contextmanager
    def loaded(self) -> Iterator[tuple[Generator, Verifier | None]]:
        """Load the models, and close them at the end; see `load`."""
        generator, verifier = self.load()
        try:
            yield generator, verifier
        finally:
            close_models(generator, verifier)

    def _load_embedded(self, name: Path | None) -> tuple[Generator, Verifier | None]:
        from its_graph.embedded import load, load_larger, load_thinker

        default, verifier = load()
        generator = {None: lambda: default, THINKER: load_thinker, LARGER_MODEL: load_larger}[name]()
        if self.prm is not None:
            return generator, self._verifier()
        _use_one_thread()
        return generator, verifier

    def _verifier(self) -> Verifier | None:
        if self.prm_url is None:
            return None if self.prm is None else load_reward_model(self.prm, self.family)
        if self.prm is None:
            raise ConfigurationError(
                f"--prm-url {self.prm_url} needs --prm, the folder or hub id of its model, for the tokenizer."
            )
        from its_graph.prm.backends.server import ServedPRM

        _silence_libraries()
        return ServedPRM.connect(self.prm_url, str(self.prm), family=self.family)

    def _fingerprint(self) -> dict[str, str | None]:
        """Return what distinguishes the weights from others in the same folders; fast, whatever their size."""
        from its_graph.embedded import WEIGHTS

        embedded = EMBEDDED_MODELS.get(self.model)
        model = self.model if embedded is None else WEIGHTS / embedded
        prm = WEIGHTS / "verifier" if self.prm is None and embedded is not None else self.prm
        return {
            "model_weights": None if model is None else _hash_weights(model),
            "prm_weights": None if prm is None else _hash_weights(prm),
        }


def close_models(*models: Generator | Verifier | None) -> None:
    """End the threads and close the connections of models that have any."""
    for model in models:
        close = getattr(model, "close", None)
        if close is not None:
            close()


def load_reward_model(folder: Path, family: str = "auto") -> Verifier:
    """Load the reward model of a folder.

    Raises:
        ConfigurationError: the folder does not exist or has no usable checkpoint.
        MissingExtraError: the libraries that run local models are not installed.
    """
    _require_folder(folder)
    _silence_libraries()
    from its_graph.prm.backends.local import PRM

    return PRM.from_pretrained(folder, family=family)


def _connect(base_url: str, model: Path | None) -> Generator:
    from its_graph.generators.openai import OpenAIGenerator

    try:
        return OpenAIGenerator.connect(base_url, None if model is None else str(model))
    except ConnectionError as error:
        raise ConfigurationError(str(error)) from error


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigurationError(f"Folder {folder} does not exist. Give the folder of a downloaded checkpoint.")


def _hash_weights(folder: Path) -> str:
    """Hash the sizes and both ends of a checkpoint's weight files: retrained weights differ everywhere."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(f"{path.name} {size} ".encode() + file.read(_HASHED_BYTES))
            file.seek(max(0, size - _HASHED_BYTES))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def _use_one_thread() -> None:
    """Run the embedded models on one thread: for models this small, distributing work takes longer than doing it."""
    import torch

    torch.set_num_threads(1)


def _silence_libraries() -> None:
    """Keep progress bars and load reports of libraries off the terminal; errors are printed as one line."""
    try:
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtraError("transformers", "local") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
