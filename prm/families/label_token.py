"""Reward models that answer with a label token: a causal language model predicts "+" or "-" for every step.

P(good) = softmax over the logits of the two labels = sigmoid(l_good - l_bad), read for all steps in one pass. Three
families close a step with a tag and are read on it: Math-Shepherd (arXiv 2312.08935), ER-PRM (2412.11006) and Math-psa
of OpenR (2410.09671). RLHFlow's models were trained on a dialogue in which the user writes a step and the assistant "+"
or "-"; they are read on the token before each "+" of one long dialogue. Because a causal model does not look ahead,
this is the same position as the end of the dialogue that stops after step k.

Token ids always come from the tokenizer: the families share labels, not their ids.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepBatch, StepLayout, StepScorer
from its_graph.prm.families.checkpoints import load_chat_tokenizer, load_tokenizer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.registry import reject_adapters
from its_graph.prm.families.segments import TagFormat, layout_with_tags, question_text, single_token_id

try:
    import torch
    from torch import Tensor, nn
    from transformers import AutoModelForCausalLM
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["ERPRMScorer", "LabelSpec", "LabelTokenScorer", "MathPsaScorer", "MathShepherdScorer", "RLHFlowScorer"]


@dataclass(frozen=True)
class LabelSpec:
    """Tag and labels of one family."""

    tag_format: TagFormat
    """How a solution is written. A dialogue uses only `tag`, the placeholder of the answers, and `tag_pattern`."""
    good: str
    bad: str


class LabelTokenScorer(StepScorer):
    """Score of a step = P(good) against P(bad) on its tag.

    Args:
        model: any causal language model.
        tokenizer: encodes tag and labels as one token each.
        metadata: defaults to the metadata of the published models.
    """

    spec: ClassVar[LabelSpec]
    model_class = AutoModelForCausalLM
    load_tokenizer = staticmethod(load_tokenizer)

    def __init__(self, model: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(model, tokenizer, metadata)
        rows = model.get_input_embeddings().num_embeddings
        self.tag_id = single_token_id(tokenizer, self.spec.tag_format.tag, rows)
        self.good_id = single_token_id(tokenizer, self.spec.good, rows)
        self.bad_id = single_token_id(tokenizer, self.spec.bad, rows)

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The model under the language-model head."""
        return (self.model.base_model,)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return question and steps as plain text, one tag after every nonempty step; each span is its tag."""
        question = question_text(candidate, self.metadata.system_prompt)
        return layout_with_tags(self.tokenizer, self.spec.tag_format, self.tag_id, question, candidate.steps)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return l_good - l_bad at the end of every span, [B, S] float32."""
        batch = batch.to(self.device)
        backbone = self.model.base_model
        hidden = backbone(**batch.inputs(backbone)).last_hidden_state
        index = (batch.ends - 1).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        # Two rows of the head instead of all: a vocabulary has about a hundred thousand.
        head, labels = self.model.get_output_embeddings(), [self.good_id, self.bad_id]
        bias = None if head.bias is None else head.bias[labels].float()
        logits = nn.functional.linear(hidden.gather(1, index).float(), head.weight[labels].float(), bias)
        return (logits[..., 0] - logits[..., 1]).masked_fill(~batch.step_mask, 0.0)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load the language model of `folder`; an adapter must be merged into it first."""
        reject_adapters(folder)
        return super().from_pretrained(folder, dtype=dtype)


class MathShepherdScorer(LabelTokenScorer):
    """peiyi9979/math-shepherd-mistral-7b-prm: `{question} {step} ки`, a line break, `{step} ки`, ..."""

    spec = LabelSpec(
        # A common syllable of Russian words: it is a tag only as a separate word.
        TagFormat(" ки", after_question=" ", between_steps="\n", tag_pattern=r"(?<!\S)ки(?!\S)"),
        good="+",
        bad="-",
    )
    default_metadata = ScorerMetadata(family="math-shepherd", aggregation="min", label_kind="mc")


class ERPRMScorer(LabelTokenScorer):
    """HanningZhang/Llama3.1-Math-PRM: like Math-Shepherd, without line breaks and with a space before each label."""

    spec = LabelSpec(
        TagFormat(" ки", after_question=" ", between_steps="", tag_pattern=r"(?<!\S)ки(?!\S)"),
        good=" +",
        bad=" -",
    )
    default_metadata = ScorerMetadata(family="er-prm", aggregation="min", label_kind="mc")


class MathPsaScorer(LabelTokenScorer):
    """openreasoner/Math-psa, merged into Qwen2.5-Math-7B: a step ends with a space and five line ends (one token)."""

    spec = LabelSpec(
        TagFormat(" \n\n\n\n\n", after_question=" ", between_steps=" ", tag_pattern=r"\s*\n{3,}\s*"),
        good=" +",
        bad=" -",
    )
    default_metadata = ScorerMetadata(family="math-psa", aggregation="min", label_kind="unknown")


class RLHFlowScorer(LabelTokenScorer):
    """RLHFlow/Llama3.1-8B-PRM-*-Data: the user writes a step (the first after the question), the assistant "+"."""

    spec = LabelSpec(
        TagFormat(
            "<|reserved_special_token_0|>",
            after_question=" ",
            between_steps="",
            tag_pattern=r"<\|reserved_special_token_0\|>",
        ),
        good="+",
        bad="-",
    )
    default_metadata = ScorerMetadata(
        family="rlhflow",
        aggregation="last",
        label_kind="mc",
        trained_on="Mistral or DeepSeek, as the name of the checkpoint says",
    )
    load_tokenizer = staticmethod(load_chat_tokenizer)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the dialogue of all nonempty steps; each span is the token before its "+"."""
        steps = [re.sub(self.spec.tag_format.tag_pattern, " ", step).strip() for step in candidate.steps]
        scored = [index for index, step in enumerate(steps) if step]
        ids: list[int] = self.tokenizer.encode(
            self.tokenizer.apply_chat_template(
                self._turns(candidate, [steps[index] for index in scored]), tokenize=False
            ),
            add_special_tokens=False,
        )
        # A question may contain such tokens as well; those of the dialogue are the last ones.
        marks = [position for position, token in enumerate(ids) if token == self.tag_id]
        if len(marks) < len(scored):
            raise ConfigurationError(
                f"The chat template must keep every answer; it kept {len(marks)} of {len(scored)}."
            )
        spans: list[tuple[int, int] | None] = [None] * len(steps)
        for index, position in zip(scored, marks[len(marks) - len(scored) :], strict=True):
            ids[position] = self.good_id
            spans[index] = (position - 1, position)
        return StepLayout(ids, spans)

    def _turns(self, candidate: Candidate, steps: list[str]) -> list[dict[str, str]]:
        system = self.metadata.system_prompt
        turns = [{"role": "system", "content": system}] if system else []
        question = question_text(candidate, None)
        first = [question + self.spec.tag_format.after_question + step for step in steps[:1]] or [question]
        for text in [*first, *steps[1:]]:
            turns.append({"role": "user", "content": text})
            turns += [{"role": "assistant", "content": self.spec.tag_format.tag}] if steps else []
        return turns
