"""Numbers, scores and compute as text in color."""

from rich.text import Text

from its_graph.budget import Spend
from its_graph.search.tree_rows import score_label

__all__ = [
    "TIMES",
    "format_count",
    "format_duration",
    "format_flops",
    "format_score",
    "format_spend",
    "pluralize",
    "score_style",
]

TIMES = "\N{MULTIPLICATION SIGN}"
_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


def score_style(score: float | None) -> str:
    """Return the color of a score: green from 0.7, yellow from 0.4, red below."""
    if score is None:
        return "dim"
    return "green" if score >= 0.7 else "yellow" if score >= 0.4 else "red"


def format_score(score: float | None) -> Text:
    """Return a score in its color; four columns wide for scores in [0, 1]."""
    return Text(score_label(score), style=score_style(score))


def format_count(number: float) -> str:
    """Return a number rounded to an integer, with thousands separators: 12,345."""
    return f"{number:,.0f}"


def pluralize(number: int, noun: str) -> str:
    """Return a number and its noun: 1 call, 1,200 calls."""
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def format_flops(flops: float) -> str:
    """Return FLOPs with a decimal prefix and three digits: 1.24 TFLOP."""
    power = 0
    while abs(flops) >= 999.5 and power < len(_PREFIXES) - 1:
        flops, power = flops / 1000, power + 1
    return f"{flops:.3g} {_PREFIXES[power]}FLOP"


def format_duration(seconds: float) -> str:
    """Return a duration: 0.8 s, 3 min 20 s."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def format_spend(spend: Spend) -> str:
    """Return everything spent, on one line."""
    cached = f" ({format_count(spend.cached_tokens)} cached)" if spend.cached_tokens else ""
    parts = [
        pluralize(spend.calls, "call"),
        f"{format_count(spend.prompt_tokens)} prompt{cached} + {format_count(spend.generated_tokens)} generated"
        f" + {format_count(spend.verifier_tokens)} verifier tokens",
    ]
    if spend.flops:
        parts.append(format_flops(spend.flops))
    return " · ".join([*parts, format_duration(spend.seconds)])
