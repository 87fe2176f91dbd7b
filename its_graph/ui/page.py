"""The files of the page, for a server to hand out, and the same page as one file that holds recorded searches.

The modules are served as they are. For the one file each becomes a function that returns what it exports: inline
modules cannot import each other. Its content security policy names the hashes of its own scripts and style, so nothing
else can run in it and no request leaves the machine, whatever a model wrote.
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

__all__ = ["Recording", "files", "standalone"]

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_VENDORED = "vendor/d3-hierarchy.min.js"
_IMPORT = re.compile(r'^import \{ (.+) \} from "\./(.+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


class Recording(TypedDict):
    """A search to look at again."""

    title: str
    events: Sequence[Mapping[str, Any]]
    """Its events, as they were told; `its_graph.search.events` describes them."""


@cache
def files() -> Mapping[str, tuple[bytes, str]]:
    """Return every file of the page by the name under which it is asked for: its content and its content type."""
    return dict(_found(package_files("its_graph.ui"), ""))


def standalone(searches: Sequence[Recording]) -> str:
    """Return one HTML file that shows these searches: two side by side, of more than two one at a time.

    It needs no server and no network, and what models wrote is data in it, never markup.

    Raises:
        InputError: there is none.
    """
    if not searches:
        raise InputError("There is no search to show. Give at least one recording: {'title': ..., 'events': [...]}.")
    scripts = [_text(_VENDORED), _bundle("main.js")]
    style = _text("style.css")
    parts = {
        "policy": _policy(scripts, style),
        "icon": base64.b64encode(files()["icon.svg"][0]).decode(),
        "title": html.escape(" · ".join(one["title"] for one in searches)),
        "style": style,
        "recording": _data(searches),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _TEMPLATE)


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
<script type="application/json" id="recording">{{recording}}</script>
{{scripts}}
</body>
</html>
"""


def _found(folder: Any, prefix: str) -> Iterator[tuple[str, tuple[bytes, str]]]:
    for entry in folder.iterdir():
        suffix = entry.name[entry.name.rfind(".") :]
        if entry.is_dir():
            yield from _found(entry, f"{prefix}{entry.name}/")
        elif suffix in _KINDS:
            yield prefix + entry.name, (entry.read_bytes(), _KINDS[suffix])


def _text(name: str) -> str:
    return files()[name][0].decode()


def _bundle(entry: str) -> str:
    """Return a module and all that it imports as one script: each a function, called in the order of their needs."""
    order: list[str] = []

    def visit(name: str) -> None:
        for _, needed in _IMPORT.findall(_text(name)):
            if needed not in order:
                visit(needed)
        order.append(name)

    visit(entry)
    return '"use strict";\nconst modules = {};\n' + "\n".join(_as_function(name) for name in order)


def _as_function(name: str) -> str:
    source = _text(name)
    exported = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(r'const { \1 } = modules["\2"];', source))
    return f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();'


def _policy(scripts: Sequence[str], style: str) -> str:
    allowed = " ".join(map(_hash, scripts))
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:"


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _data(searches: Sequence[Recording]) -> str:
    """Return the searches as JSON in which no character can end the element that holds it.

    As ASCII, since a model may have written half of a character, which no file in UTF-8 can hold.
    """
    return _escaped(json.dumps(_finite(searches), allow_nan=False))


def _finite(value: Any) -> Any:
    """Return `value` with None for the numbers that JSON cannot write: a score that is none is missing."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped(text: str) -> str:
    r"""Return `text` with what opens or ends markup written as `\u003c`: the same to a reader of JSON."""
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)
