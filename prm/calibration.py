"""Guards against verifiers that do not know better than chance, or that judge a generator they never saw.

A verifier is tried on a few solutions that are known to be right or wrong (`calibrate`). `abstain_if_uninformative` then takes it only
if it tells them apart better than chance does; if not, it is replaced by one without opinions, and a search falls back
to the vote. A random verifier makes best-of-N as bad as one sample, and a vote weighted by it as good as the vote
(Snell et al., arXiv 2408.03314, App. K).
"""

import math
import re
import warnings
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.families.metadata import ScorerMetadata

__all__ = [
    "AbstainingVerifier",
    "VerifierCalibration",
    "VerifierWarning",
    "calibrate",
    "calibration_of",
    "check_generator",
    "expected_calibration_error",
    "abstain_if_uninformative",
    "roc_auc",
]

_Z95 = 1.6448536269514722
"""One-sided 95% quantile of the normal distribution."""

LabeledCandidates = Sequence[tuple[Candidate, bool]]


class VerifierWarning(UserWarning):
    """A verifier should not be trusted as it is used."""


class VerifierCalibration(NamedTuple):
    """How well a verifier's values agree with the truth on a labelled set."""

    right: int
    """Right solutions that it scored."""
    wrong: int
    """Wrong solutions that it scored."""
    missing: int
    """Solutions on which it had no opinion; they count in nothing else."""
    auc: float | None
    """Chance that a right solution outscores a wrong one, ties half; None where there are not both."""
    ece: float | None
    """Expected calibration error in 10 bins; None for unbounded scores, and where there are none."""

    @property
    def better_than_chance(self) -> bool:
        """Whether the AUC is above 1/2 at 95% one-sided confidence (normal form of Mann and Whitney's test, 1947).

        A few solutions prove nothing, however well they are told apart: three right and three wrong ones must all be.
        """
        if self.auc is None:
            return False
        deviation = math.sqrt((self.right + self.wrong + 1) / (12 * self.right * self.wrong))
        return self.auc - 0.5 > _Z95 * deviation


def calibrate(verifier: Verifier, labelled: LabeledCandidates) -> VerifierCalibration:
    """Let `verifier` judge solutions whose truth is known; one that fails on some has no opinion on them."""
    if not labelled:
        raise ConfigurationError(
            "A verifier cannot be tried on nothing; give it a few right and a few wrong solutions."
        )
    replies = verifier.batch([candidate for candidate, _ in labelled], return_exceptions=True)
    values = [reply.value if isinstance(reply, Verdict) else None for reply in replies]
    return calibration_of(values, [right for _, right in labelled], bounded=verifier.score_range == "prob")


def calibration_of(
    values: Sequence[float | None], right: Sequence[bool], *, bounded: bool = True
) -> VerifierCalibration:
    """Return the calibration of values that are already there; `bounded` says that they are probabilities."""
    known = [
        (value, truth) for value, truth in zip(values, right, strict=True) if value is not None and math.isfinite(value)
    ]
    scores, truths = [value for value, _ in known], [truth for _, truth in known]
    return VerifierCalibration(
        right=sum(truths),
        wrong=len(truths) - sum(truths),
        missing=len(values) - len(known),
        auc=roc_auc(scores, truths),
        ece=expected_calibration_error(scores, truths) if bounded and known else None,
    )


def roc_auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Return the chance that a positive outscores a negative, ties half; None where one kind is missing."""
    positive, negative = sum(labels), len(labels) - sum(labels)
    if not positive or not negative:
        return None
    wins, below = 0.0, 0
    for _, tied in groupby(sorted(zip(scores, labels, strict=True)), key=lambda pair: pair[0]):
        kinds = [label for _, label in tied]
        up, down = sum(kinds), len(kinds) - sum(kinds)
        wins += up * (below + down / 2)
        below += down
    return wins / (positive * negative)


def expected_calibration_error(scores: Sequence[float], labels: Sequence[bool], bins: int = 10) -> float:
    """Return the mean distance between score and share of right ones over bins of equal width (arXiv 1706.04599)."""
    rows: dict[int, list[tuple[float, bool]]] = {}
    for score, label in zip(scores, labels, strict=True):
        rows.setdefault(min(int(score * bins), bins - 1), []).append((score, label))
    gaps = (abs(math.fsum(score for score, _ in row) - sum(label for _, label in row)) for row in rows.values())
    return math.fsum(gaps) / len(scores)


def abstain_if_uninformative(verifier: Verifier, calibration: VerifierCalibration) -> Verifier:
    """Return `verifier` if it is better than chance; else warn, and return one that has no opinions."""
    if calibration.better_than_chance:
        return verifier
    auc = "unknown" if calibration.auc is None else f"{calibration.auc:.3f}"
    reason = (
        f"{type(verifier).__name__} is not better than chance on {calibration.right} right and {calibration.wrong} "
        f"wrong solutions (AUC {auc}): it is left out, and the vote decides."
    )
    warnings.warn(reason, VerifierWarning, stacklevel=2)
    return AbstainingVerifier(reason)


class AbstainingVerifier(Verifier):
    """Has no opinion on anything, at no cost. `reason` says why it stands here."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return a verdict without scores."""
        return Verdict(scores=(None,) * len(input.steps), value=None)

    def tokens(self, candidate: Candidate) -> int:
        """Return 0: nothing is read."""
        return 0


def check_generator(metadata: ScorerMetadata, generator: str) -> bool:
    """Return whether a reward model was trained on solutions of `generator`; warn where it was on another's.

    Args:
        metadata: of the reward model; where it does not name a generator nothing can be said, and nothing is.
        generator: the name of the model that the search samples from. Owner and size do not count.
    """
    if metadata.trained_on is None:
        return True
    known = re.split(r"\s+and\s+|\s*[,;]\s*", metadata.trained_on)
    if _family(generator) in map(_family, known):
        return True
    warnings.warn(
        f"This reward model was trained on solutions of {metadata.trained_on}, and the search samples from "
        f"{generator}: its scores are less reliable here. Try it on a few known solutions with `calibrate`.",
        VerifierWarning,
        stacklevel=2,
    )
    return False


def _family(name: str) -> str:
    """Return a model's name without owner and size: `Qwen/Qwen2.5-Math-7B-Instruct` is `qwen2.5-math-instruct`."""
    parts = re.split(r"[\s_-]+", name.strip().rstrip("/").rpartition("/")[2].casefold())
    return "-".join(part for part in parts if part and not re.fullmatch(r"\d+(\.\d+)?[bm]", part))
