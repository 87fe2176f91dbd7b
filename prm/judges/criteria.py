"""Base of the judges that ask one question per criterion, several times if wanted."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from its_graph.contracts import Generator, Message, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.prm.judges.counter import Counter
from its_graph.prm.judges.multi_request import MultiRequest
from its_graph.seeds import derive_seed

__all__ = ["CORRECTNESS", "CriteriaRequest"]

CORRECTNESS = "Is the solution correct, and does it answer what was asked?"

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")


class CriteriaRequest(MultiRequest[_Input, _Output]):
    """Sends one request for each criterion and repeat.

    Args:
        generator: the model that judges.
        criteria: questions about the solution; each one gets separate replies.
        repeats: replies for each criterion.
        max_tokens: maximum number of tokens of a reply; None: the generator's own limit.
        temperature: sampling temperature; None: the generator's own, or 0 for a single reply per criterion.

    Raises:
        ConfigurationError: there is no criterion, or `repeats` < 1.
    """

    alternatives: ClassVar[int]
    """Number of most likely tokens to request at each position."""

    def __init__(
        self,
        generator: Generator,
        *,
        criteria: Sequence[str] = (CORRECTNESS,),
        repeats: int = 1,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> None:
        if not criteria or repeats < 1:
            raise ConfigurationError(
                f"A judge must have at least one criterion and one repeat; got {len(criteria)} and {repeats}."
            )
        self.generator = generator
        self.parameters = generator.parameters
        self.unparsed = Counter()
        """Scores that could not be parsed from a reply, failed requests included, since the judge was created."""
        self._criteria = tuple(criteria)
        self._repeats = repeats
        self._max_tokens = max_tokens or generator.max_tokens
        default = generator.temperature if repeats > 1 else 0.0
        self._temperature = default if temperature is None else temperature

    @abstractmethod
    def messages(self, input: _Input, criterion: str) -> tuple[Message, ...]:
        """Return the prompt about one criterion."""

    @abstractmethod
    def seed_source(self, input: _Input) -> tuple[int | None, str]:
        """Return the seed of the requests and a suffix that distinguishes inputs; without a seed they have none."""

    def requests(self, input: _Input) -> list[SampleRequest]:
        """Return one request for each criterion and repeat."""
        seed, suffix = self.seed_source(input)
        return [
            SampleRequest(
                messages=self.messages(input, criterion),
                max_tokens=self._max_tokens,
                temperature=self._temperature,
                seed=None if seed is None else derive_seed(seed, f"{index}/{repeat}{suffix}"),
                alternatives=self.alternatives,
            )
            for index, criterion in enumerate(self._criteria)
            for repeat in range(self._repeats)
        ]
