"""Calibrate verifiers: detect those no better than chance, or trained on a different generator.

`calibrate` measures a verifier on a few solutions that are known to be right or wrong. `abstain_if_uninformative` keeps
the verifier only if it separates them better than chance; otherwise a verifier that abstains replaces it, and a search
falls back to the vote. With a random verifier, best-of-N is as bad as a single sample, and a vote weighted by it is as
good as the vote (Snell et al., arXiv 2408.03314, App. K).
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
    "abstain_if_uninformative",
    "calibrate",
    "calibration_of",
    "check_generator",
    "expected_calibration_error",
    "roc_auc",
]

_Z95 = 1.6448536269514722
"""One-sided 95% quantile of the normal distribution."""

LabeledCandidates = Sequence[tuple[Candidate, bool]]
"""Candidates, each with whether it is right."""


class VerifierWarning(UserWarning):
    """A verifier is unreliable in the way it is used.

    Example:
        >>> import warnings
        >>> from its_graph.prm import VerifierWarning
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", VerifierWarning)  # raise instead of warning
    """


class VerifierCalibration(NamedTuple):
    """How well a verifier's values agree with the labels of a labeled set."""

    right: int
    """Right solutions with a score."""
    wrong: int
    """Wrong solutions with a score."""
    missing: int
    """Solutions without a score; no other field counts them."""
    auc: float | None
    """Probability that a right solution outscores a wrong one, ties count half; None without both kinds."""
    ece: float | None
    """Expected calibration error in 10 bins; None for unbounded scores, and without any score."""

    @property
    def better_than_chance(self) -> bool:
        """Whether the AUC is above 1/2 at 95% one-sided confidence (normal approximation of Mann and Whitney, 1947).

        A small set gives little evidence: three right and three wrong solutions must be separated perfectly.
        """
        if self.auc is None:
            return False
        deviation = math.sqrt((self.right + self.wrong + 1) / (12 * self.right * self.wrong))
        return self.auc - 0.5 > _Z95 * deviation


def calibrate(verifier: Verifier, labeled: LabeledCandidates) -> VerifierCalibration:
    """Measure `verifier` on solutions whose correctness is known.

    Args:
        verifier: any verifier. A candidate on which it fails counts as missing.
        labeled: (candidate, whether it is right) pairs, at least one.

    Returns:
        AUC, expected calibration error and counts.

    Raises:
        ConfigurationError: `labeled` is empty.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import calibrate
        >>> from its_graph.testing import ToyVerifier
        >>> question = ({"role": "user", "content": "Add 3, 5."},)
        >>> right = Candidate(messages=question, steps=("3 + 5 = 8",))
        >>> wrong = Candidate(messages=question, steps=("3 + 5 = 9",))
        >>> calibration = calibrate(ToyVerifier(), [(right, True), (wrong, False)] * 3)
        >>> calibration.auc, calibration.better_than_chance
        (1.0, True)
    """
    if not labeled:
        raise ConfigurationError("labeled must not be empty. Pass a few right and a few wrong solutions.")
    replies = verifier.batch([candidate for candidate, _ in labeled], return_exceptions=True)
    values = [reply.value if isinstance(reply, Verdict) else None for reply in replies]
    return calibration_of(values, [right for _, right in labeled], bounded=verifier.score_range == "prob")


def calibration_of(
    values: Sequence[float | None], right: Sequence[bool], *, bounded: bool = True
) -> VerifierCalibration:
    """Return the calibration of given values; `bounded` means that they are probabilities."""
    pairs = [
        (value, label) for value, label in zip(values, right, strict=True) if value is not None and math.isfinite(value)
    ]
    scores, labels = [value for value, _ in pairs], [label for _, label in pairs]
    return VerifierCalibration(
        right=sum(labels),
        wrong=len(labels) - sum(labels),
        missing=len(values) - len(pairs),
        auc=roc_auc(scores, labels),
        ece=expected_calibration_error(scores, labels) if bounded and pairs else None,
    )


def roc_auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Return the probability that a positive outscores a negative, ties count half; None without both kinds."""
    positive, negative = sum(labels), len(labels) - sum(labels)
    if not positive or not negative:
        return None
    wins, below = 0.0, 0
    for _, tied in groupby(sorted(zip(scores, labels, strict=True)), key=lambda pair: pair[0]):
        group = [label for _, label in tied]
        positives, negatives = sum(group), len(group) - sum(group)
        wins += positives * (below + negatives / 2)
        below += negatives
    return wins / (positive * negative)


def expected_calibration_error(scores: Sequence[float], labels: Sequence[bool], bins: int = 10) -> float:
    """Return the mean distance between score and accuracy over bins of equal width (arXiv 1706.04599)."""
    rows: dict[int, list[tuple[float, bool]]] = {}
    for score, label in zip(scores, labels, strict=True):
        rows.setdefault(min(int(score * bins), bins - 1), []).append((score, label))
    gaps = (abs(math.fsum(score for score, _ in row) - sum(label for _, label in row)) for row in rows.values())
    return math.fsum(gaps) / len(scores)


def abstain_if_uninformative(verifier: Verifier, calibration: VerifierCalibration) -> Verifier:
    """Return `verifier` if it is better than chance; otherwise warn, and return one that abstains.

    Args:
        verifier: the calibrated verifier.
        calibration: the result of `calibrate`.

    Returns:
        `verifier`, or a verifier without scores and without cost, with which a search falls back to the vote.

    Example:
        >>> import warnings
        >>> from its_graph import Candidate
        >>> from its_graph.prm import FunctionVerifier, abstain_if_uninformative, calibrate
        >>> constant = FunctionVerifier(lambda candidate: 0.5)
        >>> candidate = Candidate(messages=({"role": "user", "content": "Add 3, 5."},), steps=("3 + 5 = 8",))
        >>> calibration = calibrate(constant, [(candidate, True), (candidate, False)])
        >>> with warnings.catch_warnings(action="ignore"):
        ...     verifier = abstain_if_uninformative(constant, calibration)
        >>> print(verifier.invoke(candidate).value)
        None
    """
    if calibration.better_than_chance:
        return verifier
    auc = "unknown" if calibration.auc is None else f"{calibration.auc:.3f}"
    reason = (
        f"{type(verifier).__name__} is not better than chance on {calibration.right} right and {calibration.wrong} "
        f"wrong solutions (AUC {auc}). It abstains, and the vote decides."
    )
    warnings.warn(reason, VerifierWarning, stacklevel=2)
    return AbstainingVerifier(reason)


class AbstainingVerifier(Verifier):
    """Returns verdicts without scores, at no cost. `reason` explains why it replaces a verifier."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return a verdict without scores."""
        return Verdict(scores=(None,) * len(input.steps), value=None)

    def tokens(self, candidate: Candidate) -> int:
        """Return 0: no tokens are read."""
        return 0


def check_generator(metadata: ScorerMetadata, generator: str) -> bool:
    """Return whether a reward model was trained on solutions of `generator`; warn if it was trained on another's.

    Args:
        metadata: metadata of the reward model. Without a `trained_on` generator the result is True.
        generator: name of the model that the search samples from. Owner and size are ignored.

    Example:
        >>> from its_graph.prm import check_generator
        >>> from its_graph.prm.families.metadata import ScorerMetadata
        >>> metadata = ScorerMetadata(family="qwen", trained_on="Qwen2.5-Math-Instruct")
        >>> check_generator(metadata, "Qwen/Qwen2.5-Math-7B-Instruct")
        True
    """
    if metadata.trained_on is None:
        return True
    trained_on = re.split(r"\s+and\s+|\s*[,;]\s*", metadata.trained_on)
    if _model_family(generator) in map(_model_family, trained_on):
        return True
    warnings.warn(
        f"This reward model was trained on solutions of {metadata.trained_on}, but the search samples from "
        f"{generator}, so its scores are less reliable. Check it on a few known solutions with `calibrate`.",
        VerifierWarning,
        stacklevel=2,
    )
    return False


def _model_family(name: str) -> str:
    """Return a model's name without owner and size: `Qwen/Qwen2.5-Math-7B-Instruct` is `qwen2.5-math-instruct`."""
    parts = re.split(r"[\s_-]+", name.strip().rstrip("/").rpartition("/")[2].casefold())
    return "-".join(part for part in parts if part and not re.fullmatch(r"\d+(\.\d+)?[bm]", part))
