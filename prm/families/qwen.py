r"""Qwen2.5-Math-PRM (arXiv 2501.07301): a mark after every step, and a two-layer head that is read on the marks.

The assistant turn is `step<extra_0>step<extra_0>...`. The head returns two logits on each mark; the second one is
"good", so P(good) = softmax(l0, l1)[1] = sigmoid(l1 - l0). Weights have the published layout (architecture
`Qwen2ForProcessRewardModel`: `model.*`, `score.0.*`, `score.2.*`), which vLLM serves unchanged.
"""

from typing import Any, Self

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepBatch, StepLayout, StepScorer
from its_graph.prm.families.metadata import ScorerMetadata

try:
    from torch import Tensor, nn
    from transformers import Qwen2Model, Qwen2PreTrainedModel
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["PUBLISHED", "STEP_MARK", "Qwen2ForProcessRewardModel", "QwenScorer"]

STEP_MARK = "<extra_0>"

PUBLISHED = ScorerMetadata(
    family="qwen",
    aggregation="prod",
    label_kind="consensus",
    trained_on="Qwen2-Math-Instruct and Qwen2.5-Math-Instruct",
    system_prompt=r"Please reason step by step, and put your final answer within \boxed{}.",
    max_tokens=4096,
)
"""Metadata of Qwen/Qwen2.5-Math-PRM-7B and -72B, whose folders have no `its_graph.json`."""


class Qwen2ForProcessRewardModel(Qwen2PreTrainedModel):  # type: ignore[misc]  # transformers is untyped here
    """Qwen2 with the published two-layer, two-label head; named after the architecture in `config.json`."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.model = Qwen2Model(config)
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))
        self.post_init()

    def forward(self, positions: Tensor, **inputs: Any) -> Tensor:
        """Return the two label logits at `positions` [B, S] of each row: [B, S, 2] float32.

        Args:
            positions: counted from the first token of `input_ids`.
            inputs: arguments of the backbone.
        """
        hidden = self.model(**inputs).last_hidden_state
        index = positions.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        logits: Tensor = self.score(hidden.gather(1, index)).float()
        return logits


class QwenScorer(StepScorer):
    """Score every step on the mark that closes it.

    Args:
        model: backbone and head.
        tokenizer: encodes `<extra_0>` as one token.
        metadata: defaults to the metadata of the published models.
    """

    model_class = Qwen2ForProcessRewardModel
    default_metadata = PUBLISHED

    def __init__(
        self, model: Qwen2ForProcessRewardModel, tokenizer: Any, metadata: ScorerMetadata | None = None
    ) -> None:
        super().__init__(model, tokenizer, metadata)
        mark_ids = tokenizer.encode(STEP_MARK, add_special_tokens=False)
        if len(mark_ids) != 1:
            raise ConfigurationError(
                f"The tokenizer must encode {STEP_MARK} as one token; got {len(mark_ids)}. "
                "Add it as a special token before training, or use the tokenizer of the checkpoint."
            )
        self.mark_id: int = mark_ids[0]

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The model under the head."""
        return (self.model.model,)

    @classmethod
    def on_backbone(cls, backbone: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> Self:
        """Return a scorer with an untrained head on `backbone`, whose weights it shares.

        Args:
            backbone: a Qwen2Model or Qwen2ForCausalLM.
            tokenizer: encodes `<extra_0>` as one token.
            metadata: defaults to the metadata of the published models.
        """
        model = Qwen2ForProcessRewardModel(backbone.config)
        model.model = backbone.base_model
        return cls(model, tokenizer, metadata)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the dialogue with one mark after every nonempty step; each span is its mark."""
        steps = [step.replace(STEP_MARK, " ").strip() for step in candidate.steps]
        scored = [index for index, step in enumerate(steps) if step]
        reply = "".join(steps[index] + STEP_MARK for index in scored)
        turns = [*self.dialogue(candidate), {"role": "assistant", "content": reply}]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False)
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        marks = [position for position, token in enumerate(ids) if token == self.mark_id]
        if len(marks) < len(scored):
            raise ConfigurationError(
                f"The chat template must keep every step mark; it kept {len(marks)} of {len(scored)}."
            )
        spans: list[tuple[int, int] | None] = [None] * len(steps)
        # A question may contain marks as well; those of the reply are the last ones.
        for index, position in zip(scored, marks[len(marks) - len(scored) :], strict=True):
            spans[index] = (position, position + 1)
        return StepLayout(ids, spans)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return l_good - l_bad on every mark, [B, S] float32."""
        batch = batch.to(self.device)
        labels: Tensor = self.model(batch.ends - 1, **batch.inputs(self.model.model))
        return (labels[..., 1] - labels[..., 0]).masked_fill(~batch.step_mask, 0.0)
