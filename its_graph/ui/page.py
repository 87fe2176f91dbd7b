"""The files of the page, for a server to deliver, and the same page as one HTML file with recorded searches.

Servers deliver the JavaScript modules unchanged. In the single file each module becomes a function that returns its
exports, because inline modules cannot import each other. The file's content security policy lists the hashes of its
own scripts and style, so nothing else can run in it and no request leaves the machine, whatever a model wrote.
"""

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files as package_files
from typing import Any

from typing_extensions import TypedDict

from its_graph.errors import InputError

__all__ = ["Recording", "page_files", "standalone_page"]

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_D3 = "vendor/d3-hierarchy.min.js"
_IMPORT = re.compile(r'^import \{ (.+) \} from "\./(.+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


class Recording(TypedDict):
    """A recorded search."""

    title: str
    events: Sequence[Mapping[str, Any]]
    """The events of the search in order; `its_graph.search.events` defines them."""


@cache
def page_files() -> Mapping[str, tuple[bytes, str]]:
    """Return the content and the content type of every file of the page, by its path."""
    return dict(_read_folder(package_files("its_graph.ui"), ""))


def standalone_page(recordings: Sequence[Recording]) -> str:
    """Return one HTML file that shows recorded searches: two side by side, or one at a time if there are more.

    The file needs no server and no network. Model output is data in it, never markup.

    Args:
        recordings: the searches to show, at least one.

    Raises:
        InputError: `recordings` is empty.
    """
    if not recordings:
        raise InputError("recordings must not be empty. Pass at least one recording: {'title': ..., 'events': [...]}.")
    scripts = [_text(_D3), _bundle("main.js")]
    style = _text("style.css")
    parts = {
        "policy": _policy(scripts, style),
        "icon": base64.b64encode(page_files()["icon.svg"][0]).decode(),
        "title": html.escape(" · ".join(recording["title"] for recording in recordings)),
        "style": style,
        "recordings": _data(recordings),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _TEMPLATE)


_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{title}}</title>
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{{icon}}">
<style>{{style}}</style>
</head>
<body>
<script type="application/json" id="recordings">{{recordings}}</script>
{{scripts}}
</body>
</html>
"""


def _read_folder(folder: Any, prefix: str) -> Iterator[tuple[str, tuple[bytes, str]]]:
    for entry in folder.iterdir():
        suffix = entry.name[entry.name.rfind(".") :]
        if entry.is_dir():
            yield from _read_folder(entry, f"{prefix}{entry.name}/")
        elif suffix in _CONTENT_TYPES:
            yield prefix + entry.name, (entry.read_bytes(), _CONTENT_TYPES[suffix])


def _text(name: str) -> str:
    return page_files()[name][0].decode()


def _bundle(entry: str) -> str:
    """Return a module and everything it imports as one script: one function call per module, dependencies first."""
    order: list[str] = []

    def visit(name: str) -> None:
        for _, dependency in _IMPORT.findall(_text(name)):
            if dependency not in order:
                visit(dependency)
        order.append(name)

    visit(entry)
    return '"use strict";\nconst modules = {};\n' + "\n".join(_as_function(name) for name in order)


def _as_function(name: str) -> str:
    source = _text(name)
    exports = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(r'const { \1 } = modules["\2"];', source))
    return f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();'


def _policy(scripts: Sequence[str], style: str) -> str:
    allowed = " ".join(map(_hash, scripts))
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:"


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _data(recordings: Sequence[Recording]) -> str:
    """Return the recordings as JSON in which no character can end the enclosing element.

    The JSON is ASCII: a model may have written a lone surrogate, which UTF-8 cannot encode.
    """
    return _escaped(json.dumps(_finite(recordings), allow_nan=False))


def _finite(value: Any) -> Any:
    """Return `value` with None for numbers that JSON cannot express: a NaN score counts as missing."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped(text: str) -> str:
    r"""Return `text` with markup characters escaped as `\u003c`, which JSON parsers read as the same text."""
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", text)
