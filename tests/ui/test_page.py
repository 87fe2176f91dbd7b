"""The page's files, and the standalone page."""

import base64
import hashlib
import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from its_graph.errors import InputError
from its_graph.ui.page import Recording, page_files, standalone_page
from tests.ui.searching import HOSTILE, events_of

ROOT = Path(__file__).parents[2]


def recording(text: str | None = None) -> Recording:
    return {"title": "a <b>search</b>", "events": events_of("best_of_n", text=text)}


def test_every_file_has_its_type_and_goes_into_the_wheel() -> None:
    kinds = {name.rsplit(".", 1)[1]: kind.split(";")[0] for name, (_, kind) in page_files().items()}
    assert kinds == {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["its_graph.ui"]
    folder = ROOT / "its_graph" / "ui"
    others = [
        path.relative_to(folder) for path in folder.rglob("*") if path.suffix not in (".py", ".pyc") and path.is_file()
    ]
    assert all(any(fnmatch(str(path), glob) for glob in packed) for path in others)
    assert {"index.html", "main.js", "style.css", "vendor/d3-hierarchy.min.js"} <= set(page_files())


def test_everything_the_page_loads_is_a_file_of_the_page() -> None:
    index = page_files()["index.html"][0].decode()
    urls = re.findall(r'(?:src|href)="([^"]*)"', index)
    assert all(url.startswith("ui/") and url[3:] in page_files() for url in urls)
    for name, (content, _) in page_files().items():
        if name.endswith(".js") and not name.startswith("vendor/"):
            imported = re.findall(r"\bimport\b.*\bfrom \"(.*)\";", content.decode())
            assert all(url.startswith("./") and url[2:] in page_files() for url in imported), name


def test_no_markup_is_made_from_text() -> None:
    """Model output reaches the page only through text nodes: nothing parses markup or runs text."""
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    ours = [name for name in page_files() if name.endswith(".js") and not name.startswith("vendor/")]
    assert [name for name in ours if re.search(banned, page_files()[name][0].decode())] == []


def test_the_standalone_page_loads_nothing() -> None:
    page = standalone_page([recording()])
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert re.findall(r"^\s*(?:import|export) ", page, re.MULTILINE) == []
    assert "default-src 'none'" in page


def test_the_policy_allows_only_its_own_scripts() -> None:
    page = standalone_page([recording()])
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.search(r"script-src ([^;]*);", page)[1] == " ".join(f"'sha256-{digest}'" for digest in hashes)  # type: ignore[index]
    assert "unsafe" not in page.split("<style>")[0]


def test_no_character_of_a_recording_ends_its_element() -> None:
    page = standalone_page([recording(HOSTILE + "\u2028<!--")])
    assert page.count("</script>") == 3  # the recording, d3, the page
    held = re.search(r'<script type="application/json" id="recordings">(.*?)</script>', page, re.DOTALL)
    assert held is not None
    assert not set(held[1]) & set("<>&\u2028\u2029")
    (search,) = json.loads(held[1])
    assert search["events"] == json.loads(json.dumps(recording(HOSTILE + "\u2028<!--")["events"]))
    assert "<title>a &lt;b&gt;search&lt;/b&gt;</title>" in page


def test_lone_surrogates_are_preserved() -> None:
    text = "\ud800 \\boxed{7}"
    page = standalone_page([recording(text)]).encode().decode()
    held = re.search(r'id="recordings">(.*?)</script>', page, re.DOTALL)
    assert held is not None
    steps = [event["step"]["text"] for event in json.loads(held[1])[0]["events"] if event["type"] == "its.step_added"]
    assert set(steps) == {text}


def test_a_nan_score_is_missing() -> None:
    score = {"step": "0", "value": float("nan"), "steps": [float("inf"), 0.5], "tokens": 1}
    page = standalone_page([{"title": "odd", "events": [{"type": "its.scored", "id": "0", "score": score}]}])
    assert '"value": null, "steps": [null, 0.5]' in page


def test_a_page_without_recordings_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one recording"):
        standalone_page([])
