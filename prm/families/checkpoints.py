"""Load checkpoints in Hugging Face layout, or reject them: no pickles, no remote code, no partly loaded models."""

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

__all__ = ["load_chat_tokenizer", "load_model", "load_tokenizer", "local_folder"]

_DOWNLOADED = ["*.json", "*.jinja", "*.txt", "*.safetensors"]
_LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


def load_model(model_class: Any, folder: str | Path, *, dtype: torch.dtype | str) -> Any:
    """Return `model_class` with every weight read from the safetensors of `folder`.

    Raises:
        ConfigurationError: the files cannot be read, or a weight of the model is missing or has a different shape
            (transformers would initialize it randomly).
    """
    try:
        model, info = model_class.from_pretrained(
            str(folder), dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except _LOAD_ERRORS as error:
        raise ConfigurationError(
            f"{folder} must hold a {model_class.__name__} that can be loaded; got {error}"
        ) from error
    unloaded = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if unloaded:
        raise ConfigurationError(
            f"{folder} must hold all weights of {model_class.__name__}; {unloaded[:5]} are missing or have a "
            "different shape. Check that the folder holds a model of this family."
        )
    return model


def load_tokenizer(folder: str | Path) -> Any:
    """Return the fast tokenizer of `folder`; ConfigurationError if it cannot be loaded or is not fast."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except _LOAD_ERRORS as error:
        raise ConfigurationError(f"{folder} must hold a tokenizer that can be loaded; got {error}") from error
    if not tokenizer.is_fast:
        raise ConfigurationError(f"The tokenizer in {folder} must be a fast tokenizer.")
    return tokenizer


def load_chat_tokenizer(folder: str | Path) -> Any:
    """Return the fast tokenizer of `folder`; ConfigurationError as above, and if it has no chat template."""
    tokenizer = load_tokenizer(folder)
    if not tokenizer.chat_template:
        raise ConfigurationError(f"The tokenizer in {folder} must have a chat template.")
    return tokenizer


def local_folder(folder_or_id: str | Path) -> Path:
    """Return the folder of a checkpoint: the argument itself, or the downloaded snapshot of a hub id ("owner/name").

    Raises:
        ConfigurationError: the folder does not exist, and the argument is not a hub id or cannot be downloaded.
    """
    folder = Path(folder_or_id).expanduser()
    if folder.is_dir():
        return folder
    if isinstance(folder_or_id, Path) or folder_or_id.count("/") != 1 or folder_or_id[0] in "./~":
        raise ConfigurationError(f"A model must be a local folder or a Hugging Face id ('owner/name'); got '{folder}'.")
    try:
        return Path(snapshot_download(folder_or_id, allow_patterns=_DOWNLOADED))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"{folder_or_id} is not a folder, and downloading it from the hub failed: {error}"
        ) from error
