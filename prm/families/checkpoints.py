"""Checkpoints in Hugging Face layout, loaded or refused: no pickles, no remote code, no half-filled models."""

from pathlib import Path
from typing import Any

from its_graph.errors import ConfigurationError, MissingExtraError

try:
    import torch
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError
    from safetensors import SafetensorError
    from transformers import AutoTokenizer
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["load_model", "load_text_tokenizer", "load_tokenizer", "local_folder"]

_WANTED = ["*.json", "*.jinja", "*.txt", "*.safetensors"]
_BROKEN = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


def load_model(model_class: Any, folder: str | Path, *, dtype: torch.dtype | str) -> Any:
    """Return `model_class` with every weight read from the safetensors of `folder`.

    Raises:
        ConfigurationError: the files cannot be read, or a weight of the model is missing or has another shape
            (transformers would leave it random).
    """
    try:
        model, info = model_class.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except _BROKEN as error:
        raise ConfigurationError(f"No usable {model_class.__name__} in {folder}: {error}") from error
    absent = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if absent:
        raise ConfigurationError(
            f"The weights in {folder} do not fill {model_class.__name__}: {absent[:5]} are missing or have "
            "another shape. Check that the folder holds a model of this family."
        )
    return model


def load_text_tokenizer(folder: str | Path) -> Any:
    """Return the fast tokenizer of `folder`; ConfigurationError where there is none that can be used."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except _BROKEN as error:
        raise ConfigurationError(f"No usable tokenizer in {folder}: {error}") from error
    if not tokenizer.is_fast:
        raise ConfigurationError(f"The tokenizer in {folder} must be a fast one.")
    return tokenizer


def load_tokenizer(folder: str | Path) -> Any:
    """Return the fast tokenizer of `folder`, as above; ConfigurationError where it has no chat template."""
    tokenizer = load_text_tokenizer(folder)
    if not tokenizer.chat_template:
        raise ConfigurationError(f"The tokenizer in {folder} must have a chat template.")
    return tokenizer


def local_folder(folder_or_id: str | Path) -> Path:
    """Return the folder of a checkpoint: the one given, or the snapshot of a hub id ("owner/name").

    Raises:
        ConfigurationError: there is no such folder, and it is no hub id or cannot be downloaded.
    """
    folder = Path(folder_or_id).expanduser()
    if folder.is_dir():
        return folder
    if isinstance(folder_or_id, Path) or folder_or_id.count("/") != 1 or folder_or_id[0] in "./~":
        raise ConfigurationError(f"There is no folder {folder}, and it is no hub id ('owner/name').")
    try:
        return Path(snapshot_download(folder_or_id, allow_patterns=_WANTED))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ConfigurationError(f"{folder_or_id} is no folder and cannot be downloaded: {error}") from error
