"""What the page hands out: its files, and the one file that holds everything."""

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


def test_what_the_page_asks_for_is_there_and_on_its_own_host() -> None:
    index = page_files()["index.html"][0].decode()
    asked = re.findall(r'(?:src|href)="([^"]*)"', index)
    assert all(one.startswith("ui/") and one[3:] in page_files() for one in asked)
    for name, (content, _) in page_files().items():
        if name.endswith(".js") and not name.startswith("vendor/"):
            imported = re.findall(r"\bimport\b.*\bfrom \"(.*)\";", content.decode())
            assert all(one.startswith("./") and one[2:] in page_files() for one in imported), name


def test_no_markup_is_made_from_text() -> None:
    """Model output reaches the page through text nodes alone: nothing here parses markup or runs text."""
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    ours = [name for name in page_files() if name.endswith(".js") and not name.startswith("vendor/")]
    assert [name for name in ours if re.search(banned, page_files()[name][0].decode())] == []


def test_the_one_file_names_nothing_outside_itself() -> None:
    page = standalone_page([recording()])
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert re.findall(r"^\s*(?:import|export) ", page, re.MULTILINE) == []
    assert "default-src 'none'" in page


def test_its_policy_allows_its_own_scripts_and_nothing_else() -> None:
    page = standalone_page([recording()])
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    assert re.search(r"script-src ([^;]*);", page)[1] == " ".join(f"'sha256-{one}'" for one in hashes)  # type: ignore[index]
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


def test_half_of_a_character_is_written_and_read_as_it_is() -> None:
    said = "\ud800 \\boxed{7}"
    page = standalone_page([recording(said)]).encode().decode()
    held = re.search(r'id="recordings">(.*?)</script>', page, re.DOTALL)
    assert held is not None
    steps = [event["step"]["text"] for event in json.loads(held[1])[0]["events"] if event["type"] == "its.step_added"]
    assert set(steps) == {said}


def test_a_score_that_is_no_number_is_missing() -> None:
    score = {"step": "0", "value": float("nan"), "steps": [float("inf"), 0.5], "tokens": 1}
    page = standalone_page([{"title": "odd", "events": [{"type": "its.scored", "id": "0", "score": score}]}])
    assert '"value": null, "steps": [null, 0.5]' in page


def test_no_search_is_no_page() -> None:
    with pytest.raises(InputError, match="at least one recording"):
        standalone_page([])
