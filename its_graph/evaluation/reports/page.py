"""A report page of headings, text, tables and plots, as Markdown or as one self-contained HTML file."""

import html
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from its_graph.errors import ConfigurationError
from its_graph.evaluation.reports.plots import Plot

__all__ = ["Section", "Table", "require_report_path", "write_report_page"]


class Table(NamedTuple):
    """Rows of text under a header; all columns except the first are numeric."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(NamedTuple):
    """A heading and its content."""

    heading: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    verbatim: str = ""
    """Preformatted text: a command, or a list of versions."""


def require_report_path(path: Path) -> None:
    """Raise a `ConfigurationError` unless `path` has a suffix that `write_report_page` supports."""
    if path.suffix not in (".md", ".html"):
        raise ConfigurationError(f"A report must be a .md or .html file; got {path}.")


def write_report_page(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the page in the format of the path's suffix.

    Raises:
        ConfigurationError: the suffix is neither .md nor .html.
    """
    require_report_path(path)
    write = _html if path.suffix == ".html" else _markdown
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write(title, sections), encoding="utf-8")


def _markdown(title: str, sections: Sequence[Section]) -> str:
    blocks = [f"# {title}"]
    for section in sections:
        blocks += [f"## {section.heading}", section.text, f"```\n{section.verbatim}\n```" if section.verbatim else ""]
        blocks += map(_markdown_table, section.tables)
        blocks += [f"![{plot.title}](data:image/png;base64,{b64encode(plot.png()).decode()})" for plot in section.plots]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _markdown_table(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [table.header, rule, *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def _html(title: str, sections: Sequence[Section]) -> str:
    body = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        body.append(f"<h2>{html.escape(section.heading)}</h2>")
        body += [f"<p>{html.escape(section.text)}</p>"] if section.text else []
        body += [f"<pre>{html.escape(section.verbatim)}</pre>"] if section.verbatim else []
        body += map(_html_table, section.tables)
        body += map(_html_plot, section.plots)
    return _TEMPLATE.format(title=html.escape(title), body="\n".join(body))


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in table.rows)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>\n</table></div>'


def _html_plot(plot: Plot) -> str:
    svg = plot.svg()
    element = svg[svg.index("<svg") :]  # without the XML declaration of a standalone file
    return f"<figure>{element}<figcaption>{html.escape(plot.title)}</figcaption></figure>"


_TEMPLATE = """<!DOCTYPE html>
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
