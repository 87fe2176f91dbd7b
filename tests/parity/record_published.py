"""Records what two published packages decide on invented scores: the numbers in `published.json`.

Run by hand, where both are at hand (their code is not part of this project, and no test needs it):

    git clone https://github.com/huggingface/search-and-learn && git -C search-and-learn checkout 6f81cac
    git clone https://github.com/Pranjal2041/AdaptiveConsistency && git -C AdaptiveConsistency checkout 899ab56
    pip install numpy scipy sympy latex2sympy2 regex word2number datasets huggingface_hub tqdm
    PYTHONPATH=search-and-learn/src:AdaptiveConsistency python tests/parity/record_published.py

Scores are 64ths: sums of them are exact, so that what looks like a tie is one, in whatever order they are added up.
"""

import json
import random
from importlib import import_module
from pathlib import Path
from typing import Any

ANSWERS = ["3", "7", "12", "1/2", "0.5", r"\frac{1}{2}", "5", "5.0", "1,000", "1000", "(1, 2)", "(1,2)"]
"""As writers spell them; both sides take several of them for the same answer."""
UNLIKE = {
    "no answer": (["", "", "3"], [0.5, 0.5, 0.5]),
    "a percentage": (["3", "50%", "0.5"], [0.5, 0.5, 0.5]),
    "rounding": (["3"] * 10 + ["7"], [0.1] * 10 + [1.0]),
}
"""Cases in which this library decides otherwise on purpose; the test says why."""


def main() -> None:
    """Write the file beside this script."""
    chance = random.Random(2408)
    recorded = {
        "selection": [_selection(chance) for _ in range(200)],
        "unlike": [{"case": case, "picked": _picked(*given), "given": given} for case, given in UNLIKE.items()],
        "adaptive_consistency": [_stream(chance) for _ in range(100)],
        "adaptive_consistency_without_answers": _stops([None] * 6),
    }
    lines = ",\n".join(f'"{name}": {_rows(rows)}' for name, rows in recorded.items())
    Path(__file__).with_name("published.json").write_text(f"{{\n{lines}\n}}\n")


def _rows(rows: Any) -> str:
    if not isinstance(rows, list):
        return json.dumps(rows)
    return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"


def _selection(chance: random.Random) -> dict[str, Any]:
    """Candidates of one question: answers, step scores in 64ths, and what search-and-learn makes of them."""
    aggregate = import_module("sal.utils.score").aggregate_scores
    known = chance.sample(ANSWERS, chance.randint(1, 6))
    answers = [chance.choice(known) for _ in range(chance.choice([1, 2, 4, 6]))]
    steps = [[chance.randint(0, 64) for _ in range(chance.randint(1, 4))] for _ in answers]
    aggregated = {
        rule: [aggregate([score / 64 for score in row], rule) for row in steps] for rule in ("last", "min", "prod")
    }
    picked = {rule: _picked(answers, scores) for rule, scores in aggregated.items()}
    return {"answers": answers, "steps": steps, "prod": aggregated["prod"], "picked": picked}


def _picked(answers: list[str], scores: list[float]) -> dict[str, str]:
    """Return the answers that the three published rules take."""
    rules, n = import_module("sal.utils.math"), len(answers)
    given = {f"preds@{n}": answers, f"agg_scores@{n}": scores}
    pick = {"naive": rules.compute_naive_pred, "weighted": rules.compute_weighted_pred, "maj": rules.compute_maj_pred}
    boxed = {name: rule(given, n)[f"pred_{name}@{n}"] for name, rule in pick.items()}
    return {name: text.removeprefix(r"\boxed{").removesuffix("}") for name, text in boxed.items()}


def _stream(chance: random.Random) -> list[Any]:
    """Answers in the order in which they came, and after how many of them the Beta criterion stops (None: never)."""
    leader = chance.random()
    stream = ["A" if chance.random() < leader else chance.choice("BCD") for _ in range(20)]
    return ["".join(stream), _stops(stream)]


def _stops(stream: list[str] | list[None]) -> int | None:
    criterion = import_module("adaptive_consistency").BetaStoppingCriteria()
    return next((n for n in range(1, len(stream) + 1) if criterion.should_stop(stream[:n])["stop"]), None)


if __name__ == "__main__":
    main()
