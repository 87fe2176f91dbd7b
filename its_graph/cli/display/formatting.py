"""Numbers, scores and model output in words and colours.

Model output is text, never markup: control characters (an escape sequence could take over the terminal) are dropped.
"""

import unicodedata

from rich.text import Text

from its_graph.budget import Spend

__all__ = [
    "TIMES",
    "compute",
    "count",
    "counted",
    "one_line",
    "readable",
    "score_style",
    "score_text",
    "seconds_text",
    "spend_text",
]

TIMES = "\N{MULTIPLICATION SIGN}"
_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


def readable(text: str) -> str:
    """Return `text` without control characters, except line breaks; tabs become spaces."""
    kept = (one for one in text.replace("\t", "    ") if one == "\n" or unicodedata.category(one) not in ("Cc", "Cs"))
    return "".join(kept)


def one_line(text: str) -> str:
    """Return `text` on one line: every run of white space becomes one space."""
    return " ".join(readable(text).split())


def score_style(score: float | None) -> str:
    """Return the colour of a score: green from 0.7, yellow from 0.4, red below."""
    if score is None:
        return "dim"
    return "green" if score >= 0.7 else "yellow" if score >= 0.4 else "red"


def score_text(score: float | None) -> Text:
    """Return a score in its colour, four columns wide where it lies in [0, 1]."""
    return Text(" -- " if score is None else f"{score:.2f}", style=score_style(score))


def count(number: float) -> str:
    """Return a whole number with thousands separated: 12,345."""
    return f"{number:,.0f}"


def counted(number: int, noun: str) -> str:
    """Return a number of things: 1 call, 1,200 calls."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def compute(flops: float) -> str:
    """Return FLOPs with a decimal prefix and three digits: 1.24 TFLOP."""
    power = 0
    while abs(flops) >= 999.5 and power < len(_PREFIXES) - 1:
        flops, power = flops / 1000, power + 1
    return f"{flops:.3g} {_PREFIXES[power]}FLOP"


def seconds_text(seconds: float) -> str:
    """Return a duration: 0.8 s, 3 min 20 s."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def spend_text(spend: Spend) -> str:
    """Return everything spent, on one line."""
    cached = f" ({count(spend.cached_tokens)} cached)" if spend.cached_tokens else ""
    parts = [
        counted(spend.calls, "call"),
        f"{count(spend.prompt_tokens)} prompt{cached} + {count(spend.generated_tokens)} generated"
        f" + {count(spend.verifier_tokens)} verifier tokens",
    ]
    if spend.flops:
        parts.append(compute(spend.flops))
    return " · ".join([*parts, seconds_text(spend.seconds)])
