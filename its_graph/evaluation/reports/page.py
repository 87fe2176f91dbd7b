"""A page of headings, text, tables and pictures, written as Markdown or as one HTML file that needs no other."""

import html
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from its_graph.errors import ConfigurationError
from its_graph.evaluation.reports.plots import Plot

__all__ = ["Section", "Table", "require_report_path", "write_report_page"]


class Table(NamedTuple):
    """Rows of text under a header; all columns but the first are numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(NamedTuple):
    """A heading and what stands under it."""

    heading: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Plot, ...] = ()
    verbatim: str = ""
    """A command, or a list of versions."""


def require_report_path(path: Path) -> None:
    """Raise a `ConfigurationError` unless `write_report_page` can write `path`."""
    if path.suffix not in (".md", ".html"):
        raise ConfigurationError(f"A report is a .md or an .html file. Given: {path}.")


def write_report_page(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the page; the name's ending says as what.

    Raises:
        ConfigurationError: it ends otherwise than in .md or .html.
    """
    require_report_path(path)
    write = _html if path.suffix == ".html" else _markdown
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write(title, sections), encoding="utf-8")


def _markdown(title: str, sections: Sequence[Section]) -> str:
    blocks = [f"# {title}"]
    for one in sections:
        blocks += [f"## {one.heading}", one.text, f"```\n{one.verbatim}\n```" if one.verbatim else ""]
        blocks += map(_markdown_table, one.tables)
        blocks += [f"![{each.title}](data:image/png;base64,{b64encode(each.png()).decode()})" for each in one.pictures]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _markdown_table(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [table.header, rule, *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def _html(title: str, sections: Sequence[Section]) -> str:
    body = [f"<h1>{html.escape(title)}</h1>"]
    for one in sections:
        body.append(f"<h2>{html.escape(one.heading)}</h2>")
        body += [f"<p>{html.escape(one.text)}</p>"] if one.text else []
        body += [f"<pre>{html.escape(one.verbatim)}</pre>"] if one.verbatim else []
        body += map(_html_table, one.tables)
        body += map(_html_picture, one.pictures)
    return _FRAME.format(title=html.escape(title), body="\n".join(body))


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in table.rows)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>\n</table></div>'


def _html_picture(picture: Plot) -> str:
    svg = picture.svg()
    drawing = svg[svg.index("<svg") :]  # what stands before it belongs to a file of its own
    return f"<figure>{drawing}<figcaption>{html.escape(picture.title)}</figcaption></figure>"


_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }}
.table {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }}
th, td {{ padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
thead th {{ border-bottom: 1.5px solid #1a1a1a; font-weight: 600; }}
tbody tr:last-child td {{ border-bottom: 1px solid #1a1a1a; }}
figure {{ margin: 1.5rem 0; }} figure svg {{ max-width: 100%; height: auto; }}
figcaption {{ color: #555; font-size: 0.85rem; }}
pre {{ background: #f5f5f5; padding: 0.8rem; overflow-x: auto; white-space: pre-wrap; font-size: 0.82rem; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
