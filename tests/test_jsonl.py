"""JSON lines: reading, and a file that only grows: which files it accepts, and who may write it."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from its_graph.errors import InputError, StorageError
from its_graph.jsonl import JsonLines, RecordKind, read_json_lines

FRUIT = RecordKind("a fruit", ('{"fruit": ', '{"seeds": '))


def read(path: Path) -> list[Any]:
    """Return the fruits of a file."""
    with closing(JsonLines.open(path)) as lines:
        return fruits(lines)


def fruits(lines: JsonLines) -> list[Any]:
    names: list[Any] = []
    lines.read(lambda offset, value: names.append(value["fruit"]), FRUIT)
    return names


def test_lines_are_appended_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "fruits"
    with closing(JsonLines.open(path)) as lines:
        assert fruits(lines) == []
        offsets = [lines.append({"fruit": name}) for name in ("apple", "pear")]
        assert [lines.value_at(offset)["fruit"] for offset in offsets] == ["apple", "pear"]
    path.write_bytes(path.read_bytes() + b"\n")
    assert read(path) == ["apple", "pear"]


@pytest.mark.parametrize("torn", [b"", b'{"fr', b'{"fruit": "pe', b'{"see', b"anything", b'{"fruit": "pear"}'])
def test_after_a_complete_record_a_torn_end_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "fruits"
    path.write_bytes(b'{"fruit": "apple"}\n' + torn)
    assert read(path) == ["apple"]
    assert path.read_bytes() == b'{"fruit": "apple"}\n'


@pytest.mark.parametrize("torn", [b"{", b'{"fruit": "app', b'{"seeds": 3'])
def test_a_torn_first_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "fruits"
    path.write_bytes(torn)
    assert read(path) == []
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "content",
    [
        b"my notes",
        b'{"name": "app',
        b'{"fruit": "apple", "mine": true}',  # complete, and therefore never torn
        b"my notes\nin two lines",
        b'{"name": "apple"}\n{"name": "pe',
        b'{"fruit": "apple"}\n{"name": "pear"}\n{"fruit',
        b'"fruit"\n',
        b"\xff\n",
    ],
)
def test_other_files_are_refused_and_left_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"notes\.txt.*Give another file"):
        read(path)
    assert path.read_bytes() == content


def test_values_are_read_with_their_location(tmp_path: Path) -> None:
    path = tmp_path / "fruits"
    path.write_bytes(b'{"fruit": "apple"}\n\n  \n3\n')
    assert list(read_json_lines(path)) == [({"fruit": "apple"}, f"{path}, line 1"), (3, f"{path}, line 4")]


@pytest.mark.parametrize("line", [b"pear", b"\xff"])
def test_a_line_that_is_not_json_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "fruits"
    path.write_bytes(b"1\n" + line + b"\n")
    with pytest.raises(InputError, match=r"fruits, line 2 is not JSON: .*\. Correct or remove the line\."):
        list(read_json_lines(path))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not a regular file"):
        JsonLines.open(tmp_path)


needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")


@needs_locks
def test_one_run_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "fruits"
    with closing(JsonLines.open(path)), pytest.raises(StorageError, match="Another run is writing"):
        JsonLines.open(path)
    assert read(path) == []


@needs_locks
@pytest.mark.parametrize("end", [subprocess.Popen.kill, subprocess.Popen.terminate])
def test_a_killed_run_leaves_no_lock(tmp_path: Path, end: Callable[[subprocess.Popen[str]], None]) -> None:
    path = tmp_path / "fruits"
    program = """
        import sys
        from pathlib import Path
        from its_graph.jsonl import JsonLines

        lines = JsonLines.open(Path(sys.argv[1]))
        lines.append({"fruit": "apple"})
        print("open", flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StorageError, match="Another run is writing"):
            JsonLines.open(path)
        end(other)
    assert read(path) == ["apple"]
