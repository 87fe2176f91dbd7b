"""The reference of the command line, from the typer application itself."""

from collections.abc import Iterator
from typing import Any

import typer

from its_graph.cli.main import app

__all__ = ["page"]

_HEAD = """# Command line

`its-graph --help` lists the commands, `its-graph COMMAND --help` shows the options of one. This page is generated from
the same source.

A command exits with 0 on success, 1 if a search failed, 2 on a usage error and 130 after Ctrl-C. Numbers may be
written as `2e6` or `2_000_000`.
"""


def page() -> str:
    """Return the Markdown of the whole reference."""
    root: Any = typer.main.get_command(app)
    return (
        _HEAD + "\n" + _contents(root) + "\n\n" + "\n\n".join(_command(*item) for item in root.commands.items()) + "\n"
    )


def _contents(root: Any) -> str:
    rows = ["| command | what it does |", "|---|---|"]
    for name, command in root.commands.items():
        rows.append(f"| [`{name}`](#{name}) | {_cell((command.help or '').splitlines()[0])} |")
    return "\n".join(rows)


def _command(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    arguments = [one.name.upper() for one in command.params if one.param_type_name == "argument"]
    usage = " ".join(["its-graph", name, *arguments, "[OPTIONS]"])
    parts = [f"## {name}", f"```text\n{usage}\n```", _prose(command.help or "")]
    groups: dict[str, list[str]] = {}
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is None or getattr(parameter, "hidden", False):
            continue
        default = "Arguments" if parameter.param_type_name == "argument" else "Options"
        groups.setdefault(getattr(parameter, "rich_help_panel", None) or default, []).append(_row(*record))
    for title, rows in groups.items():
        kind = "argument" if title == "Arguments" else "option"
        parts.append(f"**{title}**\n\n| {kind} | meaning |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(part for part in parts if part)


def _prose(text: str) -> str:
    """Return the help text; its examples become blocks of shell commands."""
    return "\n\n".join(_paragraphs(text.replace("\b", "")))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        joined = " ".join(lines)
        word, _, rest = joined.partition(": ")
        if word in ("Example", "Examples") and rest:
            commands = [
                part.strip() for part in rest.replace("its-graph ", "\nits-graph ").splitlines() if part.strip()
            ]
            yield "```sh\n" + "\n".join(commands) + "\n```"
        else:
            yield joined


def _row(names: str, meaning: str) -> str:
    return f"| `{' '.join(names.split())}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
