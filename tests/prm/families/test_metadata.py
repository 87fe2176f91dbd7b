from pathlib import Path

import pytest

from its_graph.errors import ConfigurationError
from its_graph.prm.families.metadata import METADATA_FILE, ScorerMetadata


def test_round_trip(tmp_path: Path) -> None:
    metadata = ScorerMetadata(
        family="likelihood", aggregation="prod", trained_on="tiny", scalars={"a": 0.25, "b": -1e-3}, max_tokens=512
    )
    metadata.save(tmp_path)
    assert ScorerMetadata.load(tmp_path) == metadata


def test_absent_is_none(tmp_path: Path) -> None:
    assert ScorerMetadata.load(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"family": "qwen", "typo": 1}', '{"family": "qwen", "max_tokens": 0}'])
def test_invalid_metadata_is_rejected(tmp_path: Path, content: str) -> None:
    (tmp_path / METADATA_FILE).write_text(content)
    with pytest.raises(ConfigurationError, match=METADATA_FILE):
        ScorerMetadata.load(tmp_path)


def test_binary_metadata_is_rejected(tmp_path: Path) -> None:
    (tmp_path / METADATA_FILE).write_bytes(b"\xff\xfe{")
    with pytest.raises(ConfigurationError, match=METADATA_FILE):
        ScorerMetadata.load(tmp_path)
