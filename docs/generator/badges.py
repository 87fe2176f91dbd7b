"""The badges of the README, drawn from pyproject.toml so that showing them asks no other host.

`python docs/generator/badges.py` writes them; a test compares the files with what it would write.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "badges"

_CHARACTER = 6.6
"""Width of an average character at 11 px, in px."""


def badges() -> dict[str, str]:
    """Return the SVG text of each badge by its file name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    facts = {
        "version": project["version"],
        "python": project["requires-python"].removeprefix(">=") + "+",
        "license": project["license"],
    }
    return {f"{label}.svg": _badge(label, value) for label, value in facts.items()}


def _badge(label: str, value: str) -> str:
    left, right = (round(len(text) * _CHARACTER) + 12 for text in (label, value))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{label}: {value}">\n'
        f'  <rect width="{left + right}" height="20" rx="3" fill="#33415c"/>\n'
        f'  <path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z" fill="#2a6fdb"/>\n'
        f'  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">\n'
        f'    <text x="{left / 2}" y="14">{label}</text>\n'
        f'    <text x="{left + right / 2}" y="14">{value}</text>\n'
        f"  </g>\n</svg>\n"
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in badges().items():
        (FOLDER / name).write_text(text)
