import json
from pathlib import Path

import pytest

from its_graph.errors import ConfigurationError
from its_graph.prm.families import checkpoints
from its_graph.prm.families.base import StepScorer
from its_graph.prm.families.checkpoints import load_chat_tokenizer, local_folder
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.registry import FAMILIES, family_of, scorer_class


def test_every_family_names_a_scorer() -> None:
    labels = ["er-prm", "math-psa", "math-shepherd", "rlhflow"]
    heads = ["mlp", "outcome", "pqm", "qwen", "skywork"]
    assert sorted(FAMILIES) == sorted(["implicit", "likelihood", *labels, *heads])
    assert all(issubclass(scorer_class(name), StepScorer) for name in FAMILIES)


def test_unknown_family_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match=r"qwen, likelihood, implicit.*'orm'"):
        scorer_class("orm")


def test_metadata_comes_before_architecture(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["Qwen2ForProcessRewardModel"]}')
    assert family_of(tmp_path) == "qwen"
    ScorerMetadata(family="implicit").save(tmp_path)
    assert family_of(tmp_path) == "implicit"


@pytest.mark.parametrize("config", [{"architectures": ["MistralForCausalLM"]}, {"architectures": None}, {}])
def test_unknown_architecture_lists_the_known(tmp_path: Path, config: dict[str, object]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match="qwen, likelihood, implicit"):
        family_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("math-shepherd-mistral-7b-prm", "math-shepherd"),
        ("models--RLHFlow--Llama3.1-8B-PRM-Mistral-Data/snapshots/0a1b", "rlhflow"),
        ("models--Skywork--Skywork-o1-Open-PRM-Qwen-2.5-7B/snapshots/0a1b", "skywork"),
        ("Llama3.1-Math-PRM", "er-prm"),
        ("Math-psa", "math-psa"),
        ("PQM-zeta-2", "pqm"),
    ],
)
def test_a_language_model_is_recognized_by_its_name(tmp_path: Path, name: str, family: str) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    assert family_of(folder) == family
    # Other models trained on the same data are not read on labels.
    (folder / "config.json").write_text('{"architectures": ["LlamaForSequenceClassification"]}')
    with pytest.raises(ConfigurationError, match="nor its name identify one"):
        family_of(folder)


@pytest.mark.parametrize("name", ["my-pqms", "math-shepherds", "owner-of-pqm2"])
def test_a_name_must_contain_the_whole_word(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(ConfigurationError, match="nor its name identify one"):
        family_of(folder)


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_unreadable_config(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        family_of(tmp_path)


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert local_folder(tmp_path) == local_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("argument", ["nowhere", "./no/where", "../nowhere", "a/b/c", Path("owner/name")])
def test_neither_a_folder_nor_a_hub_id(argument: str | Path) -> None:
    with pytest.raises(ConfigurationError, match="local folder or a Hugging Face id"):
        local_folder(argument)


def test_a_hub_id_is_downloaded_without_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []

    def snapshot(name: str, allow_patterns: list[str]) -> str:
        requests.append((name, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr(checkpoints, "snapshot_download", snapshot)
    assert local_folder("owner/name") == tmp_path
    assert requests == [("owner/name", ["*.json", "*.jinja", "*.txt", "*.safetensors"])]


def test_a_failed_download_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(name: str, allow_patterns: list[str]) -> str:
        raise ConnectionError("offline")

    monkeypatch.setattr(checkpoints, "snapshot_download", snapshot)
    with pytest.raises(ConfigurationError, match=r"owner/name .*offline"):
        local_folder("owner/name")


def test_a_tokenizer_needs_a_chat_template(qwen: StepScorer, tmp_path: Path) -> None:
    qwen.tokenizer.save_pretrained(tmp_path)
    for path in (tmp_path / "chat_template.jinja", tmp_path / "tokenizer_config.json"):
        path.unlink(missing_ok=True)
    with pytest.raises(ConfigurationError, match=r"chat template|tokenizer"):
        load_chat_tokenizer(tmp_path)
