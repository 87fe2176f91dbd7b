"""llms.txt (an index for language models) and the Markdown of every page beside its HTML."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import griffe

__all__ = ["write"]

_BLOCK = re.compile(r"^::: (\S+)\n?(?:    .*\n?)*", re.MULTILINE)
_FIGURE = re.compile(r'<div class="its-figure">.*?</div>\n*', re.DOTALL)
_FENCE = re.compile(r"^(`{3,}).*?^\1$\n?", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)

_Nav = list[Any]


def write(source: Path, site: Path, name: str, description: str, nav: _Nav, code: Path) -> None:
    """Write `llms.txt`, `llms-full.txt` and one `.md` for each page into the built site.

    Args:
        source: folder of Markdown that the site was built from.
        site: folder of the built site.
        name: of the site.
        description: one sentence.
        nav: of mkdocs.yml.
        code: folder with the package, read without importing it.
    """
    api = griffe.GriffeLoader(search_paths=[code])
    package = api.load("its_graph")
    index, full = [f"# {name}", "", f"> {description}"], []
    for section, entries in _sections(nav):
        index += ["", f"## {section}", ""]
        for title, file in entries:
            text = _plain((source / file).read_text(), package)
            title = title.removeprefix("All strategies: ").removeprefix("API: ")
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            index.append(f"- [{title}]({file}){_summary(text)}")
            full.append(f"<!-- {file} -->\n\n{text.strip()}\n")
    (site / "llms.txt").write_text("\n".join(index) + "\n")
    (site / "llms-full.txt").write_text("\n\n".join(full))


def _sections(nav: _Nav) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    loose: list[tuple[str, str]] = []
    for entry in nav:
        title, value = next(iter(entry.items()))
        if isinstance(value, str):
            loose.append((title, value))
        else:
            if loose:
                yield "Docs", loose
                loose = []
            yield title, list(_pages(value))
    if loose:
        yield "More", loose


def _pages(entries: Sequence[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in entries:
        title, value = next(iter(entry.items()))
        if isinstance(value, str):
            yield prefix + title, value
        else:
            yield from _pages(value, f"{prefix}{title}: ")


def _summary(text: str) -> str:
    """Return the first sentence of a page's prose."""
    prose = _FENCE.sub("", text)
    for paragraph in prose.split("\n\n")[1:]:
        joined = " ".join(paragraph.split())
        if joined and joined[0] not in "#|!<-:>" and not joined[0].isdigit():
            sentence = re.split(r"(?<=[\w)`*\"][.!?])\s(?=[A-Z`*\[])", joined)[0].rstrip(":")
            return ": " + re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", sentence).replace("**", "")
    return ""


def _plain(text: str, package: Any) -> str:
    text = _COMMENT.sub("", _FIGURE.sub("", text))
    return _BLOCK.sub(lambda found: _described(found[1], package) + "\n\n", text)


def _described(name: str, package: Any) -> str:
    """Return a definition's signature and docstring; of a class those of its public members as well."""
    item = package[name.removeprefix("its_graph.")]
    if item.is_alias:
        item = item.final_target
    parts = [f"### {item.name}", _code(item), item.docstring.value if item.docstring else ""]
    if item.is_class:
        for member in item.members.values():
            if not member.name.startswith("_") and not member.is_alias and member.docstring:
                parts.append(f"- `{_code(member, fenced=False)}`: {' '.join(member.docstring.value.split())}")
    return "\n\n".join(part for part in parts if part)


def _code(item: Any, *, fenced: bool = True) -> str:
    if item.is_function:
        text = f"{item.name}({', '.join(_parameters(item))})" + (f" -> {item.returns}" if item.returns else "")
    elif item.is_attribute:
        text = f"{item.name}: {item.annotation}" if item.annotation else item.name
    else:
        text = f"class {item.name}"
    return f"```python\n{text}\n```" if fenced else text


def _parameters(function: Any) -> Iterator[str]:
    starred = False
    for one in function.parameters:
        kind = one.kind.value
        if kind == "keyword-only" and not starred:
            starred = True
            yield "*"
        if one.name in ("self", "cls"):
            continue
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        starred = starred or star == "*"
        note = f": {one.annotation}" if one.annotation else ""
        default = f" = {one.default}" if one.default is not None and not star else ""
        yield f"{star}{one.name}{note}{default}"
