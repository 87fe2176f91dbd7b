"""What `zensical build --strict` does not see: requests to other hosts, missing files, empty API entries."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["localize", "problems"]

_LOADED = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"), "video": ("src",),
    "audio": ("src",), "embed": ("src",), "object": ("data",), "image": ("href", "xlink:href"), "use": ("href",),
}  # fmt: skip
_LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "manifest", "modulepreload", "prefetch"}
_CSS = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])((?:https?:)?//[^'")\s]+)""")
_SCRIPT_URL = re.compile(r"""(["'`])https?://(?!www\.w3\.org/)[^"'`]*\1""")
_TRIGGERS = re.compile(r'class="[^"]*\b(?:mermaid|glightbox|pyodide)\b')


def localize(site: Path) -> int:
    """Disable the addresses of other hosts in the theme's script, and return how many there were.

    The theme loads Mermaid, a lightbox or a Python runtime from a CDN where a page uses them. None does, and with the
    addresses gone none can.
    """
    count = 0
    for script in site.rglob("*.js"):
        text, found = _SCRIPT_URL.subn(lambda match: f"{match[1]}data:,{match[1]}", script.read_text())
        if found:
            script.write_text(text)
            count += found
    return count


def problems(site: Path, identifiers: Iterable[str]) -> list[str]:
    """Return what is wrong with a built site, one line each; an empty list if nothing is.

    Args:
        site: folder of the site.
        identifiers: dotted names that the API reference must show.
    """
    pages = {path: _Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    found = [f"{path.relative_to(site)}: {what}" for path, page in pages.items() for what in _of_page(page)]
    found += [f"{path.relative_to(site)}: {what}" for path, page in pages.items() for what in _links(site, path, pages)]
    for style in site.rglob("*.css"):
        found += [f"{style.relative_to(site)}: loads {url}" for url in _CSS.findall(style.read_text())]
    for script in site.rglob("*.js"):
        found += [f"{script.relative_to(site)}: names {url[0]}" for url in _SCRIPT_URL.finditer(script.read_text())]
    shown = {anchor for page in pages.values() for anchor in page.anchors}
    found += [f"API reference: {name} is not shown" for name in identifiers if name not in shown]
    return found


class _Page(HTMLParser):
    """What a page loads, links to and can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one element."""
        given = {name: value or "" for name, value in attrs}
        self.loads += [given[name] for name in _LOADED.get(tag, ()) if name in given]
        if tag == "link" and _LOADED_LINKS & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.anchors |= {given[name] for name in ("id", "name") if name in given}


def _of_page(page: _Page) -> Iterator[str]:
    for url in page.loads:
        if urlsplit(url).netloc:
            yield f"loads {url}"
    for url in _CSS.findall(page.text):
        yield f"loads {url}"
    if _TRIGGERS.search(page.text):
        yield "uses a feature that the theme loads from another host (Mermaid, lightbox or Pyodide)"


def _links(site: Path, path: Path, pages: dict[Path, _Page]) -> Iterator[str]:
    """Yield what a page refers to and is not there."""
    for url in [*pages[path].loads, *pages[path].links]:
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or path.name == "404.html":
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
        target = target / "index.html" if target.is_dir() else target
        if not target.exists():
            yield f"refers to {url}, which does not exist"
        elif parts.fragment and parts.fragment != "__" and target.suffix == ".html":
            page = next((one for place, one in pages.items() if place.resolve() == target), None)
            if page and unquote(parts.fragment) not in page.anchors:
                yield f"refers to {url}, which has no such anchor"
