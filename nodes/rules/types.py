"""The plug points of strategies: every kind of rule, with what it receives and returns, and a rule of that kind.

All rules are pure: no I/O, no clock, no global state. A rule that needs randomness receives a `random.Random` or draws
its seed from `Tree.seed`, so that the same seed repeats a search exactly. Rules read a `Tree` and never change it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from its_graph.budget import Spend
from its_graph.contracts import FinishReason, Message, Sample, SampleRequest
from its_graph.search.calls import PlannedCall
from its_graph.search.state import StrategyStart
from its_graph.search.tree import Tree

__all__ = [
    "AcceptRule",
    "Annealing",
    "ArmRule",
    "AskRule",
    "BanditArm",
    "Choice",
    "ChoiceRule",
    "ComparisonRounds",
    "EndingRule",
    "ModelRule",
    "OwnScore",
    "PathRule",
    "PriorityRule",
    "ReadingRule",
    "RefinementPrompt",
    "RequestTransform",
    "Resampler",
    "ReserveRule",
    "Rewards",
    "RewritePrompt",
    "SamplePlan",
    "SourceRule",
    "StartRule",
    "StepScore",
    "StopRule",
    "SubsetRule",
    "ThresholdRule",
    "VirtualLosses",
]

# --- which paths to expand, when to stop, which candidate to answer with ------------------------------------------

PathRule: TypeAlias = Callable[[Tree], list[str]]
"""Tree -> ids of the paths to expand; an id is repeated once per continuation. Example: `top_k`."""

StepScore: TypeAlias = Callable[[Tree, str], float | None]
"""(Tree, step id) -> what an open path competes by; None where it is unknown. Example: `Tree.score`, `advantage()`."""

StopRule: TypeAlias = Callable[[Tree], str | None]
"""Tree -> the reason to stop, as results report it; None to continue. Example: `enough_complete`."""


class Choice(NamedTuple):
    """The winner and how it won."""

    winner: int | None
    """Index into `Tree.finalists`; None if there are no finalists."""
    votes: Mapping[int, float] = MappingProxyType({})
    """Weight of each answer class (see `Tree.answer_classes`)."""
    tie: bool = False
    notes: tuple[str, ...] = ()


ChoiceRule: TypeAlias = Callable[[Tree], Choice]
"""Tree -> the winning candidate and the votes. Example: `majority`, `weighted()`."""

SubsetRule: TypeAlias = Callable[[Tree], Iterable[str]]
"""Tree -> ids of the solutions that a choice is limited to. Example: `latest_generation`."""

ThresholdRule: TypeAlias = Callable[[Tree], float | None]
"""Tree -> the score that a sample must reach to vote; None before it is known. Example: `threshold_from_warmup`."""

# --- sampling -----------------------------------------------------------------------------------------------------

SamplePlan: TypeAlias = Callable[[Tree], list[PlannedCall[SampleRequest]]]
"""Tree -> the samples that a node draws now, in the order of their ids. Example: the `plan` inside `generate`."""

RequestTransform: TypeAlias = Callable[[Tree, PlannedCall[SampleRequest]], SampleRequest]
"""(Tree, planned sample) -> the request to send instead (other prompt, log-probabilities). Example: `vary_prompts`."""

EndingRule: TypeAlias = Callable[[Tree, PlannedCall[SampleRequest], Sample], tuple[str, FinishReason]]
"""(Tree, planned sample, sample) -> the text to record and the finish reason of the path. Example: in `think`."""

OwnScore: TypeAlias = Callable[[Sample], float | None]
"""Sample -> the score that it gives itself, without a verifier; None if unknown. Example: `own_confidence`."""

ReserveRule: TypeAlias = Callable[[Tree], Spend]
"""Tree -> the part of the budget that later nodes need and this node must not use. Example: `reserve_completion`."""

ReadingRule: TypeAlias = Callable[[Tree], Iterable[tuple[str, str]]]
"""Tree -> what to verify: (step that gets the score, last step of the path that is read). Example: `new_paths`."""

# --- rewriting and comparing solutions ----------------------------------------------------------------------------

SourceRule: TypeAlias = Callable[[Tree], list[list[str]]]
"""Tree -> for each new text the ids of the texts to show, in order; an empty list samples from the question alone.
Example: `random_members`."""

RewritePrompt: TypeAlias = Callable[[Sequence[Message], Sequence[str]], Sequence[Message]]
"""(question, at least one earlier text) -> the messages to send. Example: `aggregate` of `its_graph.nodes.prompts`."""

AcceptRule: TypeAlias = Callable[[str], bool]
"""Text of a critique -> whether it finds no mistake. Example: `verdict_is_correct`."""

ComparisonRounds: TypeAlias = Callable[[Tree], list[tuple[str, ...]]]
"""Tree -> the groups of solutions to compare next, each in display order; empty once decided. Example: `knockout`."""

# --- particles ----------------------------------------------------------------------------------------------------

Resampler: TypeAlias = Callable[[Sequence[float], int, Random], list[int]]
"""(weights, n, rng) -> n indices drawn with replacement, in proportion to the weights on average; the weights need not
sum to 1. Example: `systematic`."""

Annealing: TypeAlias = Callable[[int, Sequence[float]], float]
"""(round from 1, scores in [0, 1]) -> temperature of the weights; above 1 flattens them. Example: `cooling`."""

# --- tree search --------------------------------------------------------------------------------------------------

VirtualLosses: TypeAlias = Counter[str | None]
"""How many leaves at or below a node (None: the root) this round has chosen already: pending visits of value 0."""

PriorityRule: TypeAlias = Callable[[Tree, str | None, list[str], VirtualLosses], list[float]]
"""(Tree, node or None for the root, its children, virtual losses) -> a priority per child; the highest is visited.
Example: `bandit_priority`."""


class BanditArm(NamedTuple):
    """A child as seen from its parent."""

    value: float
    """Q: mean of the values backed up to it, in [0, 1]."""
    visits: float
    """N: number of evaluations backed up to it."""
    parent_visits: float
    prior: float = 1.0
    """P: the generator's own preference, summing to 1 over siblings."""


ArmRule: TypeAlias = Callable[[BanditArm, float], float]
"""(arm, exploration weight) -> priority of the arm. Example: `ucb1`, `puct`."""


class Rewards(NamedTuple):
    """Sufficient statistics of the rewards of one arm."""

    observed: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared deviations from the mean."""

    def plus(self, reward: float) -> "Rewards":
        """Return these rewards and one more (Welford's update, which is numerically stable)."""
        observed = self.observed + 1
        mean = self.mean + (reward - self.mean) / observed
        return Rewards(observed, mean, self.squares + (reward - self.mean) * (reward - mean))


ModelRule: TypeAlias = Callable[[Mapping[str, Rewards], Random], str]
"""(rewards per model, rng) -> the model that writes the next answer. Example: `thompson_model`, `ucb_model()`."""

RefinementPrompt: TypeAlias = Callable[[Sequence[Message], str, float | None], Sequence[Message]]
"""(question, answer, score in [0, 1] or None) -> the messages that ask for a better answer. Example: `with_score`."""

# --- people and pilots --------------------------------------------------------------------------------------------

AskRule: TypeAlias = Callable[[Tree], bool]
"""Tree after a round that is not the last -> whether to ask a person. Example: `every`, `when_uncertain`."""

StartRule: TypeAlias = Callable[[Tree], StrategyStart | None]
"""Tree of a search in progress -> where a strategy starts in it; None counts all records as the strategy's own.
Example: `reuse_pilots`, `start_after_pilots`."""
