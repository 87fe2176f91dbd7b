"""Model output made safe to print: plain text without control characters, which could take over a terminal."""

import unicodedata

__all__ = ["one_line", "readable"]


def readable(text: str) -> str:
    """Return `text` without control characters, except line breaks; tabs become four spaces."""
    return "".join(
        character
        for character in text.replace("\t", "    ")
        if character == "\n" or unicodedata.category(character) not in ("Cc", "Cs")
    )


def one_line(text: str) -> str:
    """Return `text` on one line: every run of white space becomes one space."""
    return " ".join(readable(text).split())
