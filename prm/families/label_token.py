"""Reward models that answer with a word: a causal language model says "+" or "-" about every step.

P(good) = softmax over the logits of the two labels = sigmoid(l_good - l_bad), read for all steps in one pass. Three
families close a step by a tag and are read on it: Math-Shepherd (arXiv 2312.08935), ER-PRM (2412.11006) and Math-psa of
OpenR (2410.09671). RLHFlow's models were trained on a dialogue in which the user says a step and the assistant "+" or
"-"; they are read on the token before each "+" of one long dialogue, which is where the k-th dialogue of a growing row
would be read, as a causal model does not look ahead.

Ids are asked of the tokenizer, never assumed: the families share labels, not their ids.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.prm.families.base import StepBatch, StepLayout, StepScorer
from its_graph.prm.families.checkpoints import load_model, load_tokenizer, load_chat_tokenizer
from its_graph.prm.families.metadata import ScorerMetadata
from its_graph.prm.families.registry import reject_adapters
from its_graph.prm.families.segments import TagFormat, question_text, single_token_id, layout_with_tags

try:
    import torch
    from torch import Tensor, nn
    from transformers import AutoModelForCausalLM
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "local") from error

__all__ = ["ERPRMScorer", "LabelSpec", "LabelTokenScorer", "MathPsaScorer", "MathShepherdScorer", "RLHFlowScorer"]


@dataclass(frozen=True)
class LabelSpec:
    """The facts about one family."""

    tagging: TagFormat
    """How a solution is written; of a dialogue only `tag`, which holds the place of the answers, and `inside`."""
    good: str
    bad: str
    published: ScorerMetadata
    """What holds for the published models, whose folders have no `its_graph.json`."""


class LabelTokenScorer(StepScorer):
    """Score of a step = P(good) against P(bad) on its tag.

    Args:
        model: any causal language model.
        tokenizer: knows tag and labels as one token each.
        metadata: defaults to that of the published models.
    """

    spec: ClassVar[LabelSpec]

    def __init__(self, model: Any, tokenizer: Any, metadata: ScorerMetadata | None = None) -> None:
        super().__init__(tokenizer, metadata or self.spec.published, context=model.config.max_position_embeddings)
        self.model = model
        rows = model.get_input_embeddings().num_embeddings
        self.tag_id = single_token_id(tokenizer, self.spec.tagging.tag, rows)
        self.good_id = single_token_id(tokenizer, self.spec.good, rows)
        self.bad_id = single_token_id(tokenizer, self.spec.bad, rows)

    @property
    def backbones(self) -> tuple[Any, ...]:
        """The model under the language-model head."""
        return (self.model.base_model,)

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return question and steps as plain text, one tag after every step that is not empty; each span is its tag."""
        question = question_text(candidate, self.metadata.system_prompt)
        return layout_with_tags(self.tokenizer, self.spec.tagging, self.tag_id, question, candidate.steps)

    def step_logits(self, batch: StepBatch) -> Tensor:
        """Return l_good - l_bad at the end of every span, [B, S] float32."""
        batch = batch.to(self.device)
        backbone = self.model.base_model
        hidden = backbone(**batch.inputs(backbone)).last_hidden_state
        index = (batch.ends - 1).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        # Two rows of the head, not all: a vocabulary has a hundred thousand.
        head, labels = self.model.get_output_embeddings(), [self.good_id, self.bad_id]
        bias = None if head.bias is None else head.bias[labels].float()
        said = nn.functional.linear(hidden.gather(1, index).float(), head.weight[labels].float(), bias)
        return (said[..., 0] - said[..., 1]).masked_fill(~batch.step_mask, 0.0)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the language model's own layout and `its_graph.json`."""
        self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
        self.metadata.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, dtype: torch.dtype | str = torch.float32) -> Self:
        """Load the language model of `folder`; an adapter must have been merged into it."""
        reject_adapters(folder)
        model = load_model(AutoModelForCausalLM, folder, dtype=dtype)
        return cls(model, cls._load_tokenizer(folder), ScorerMetadata.load(folder)).eval()

    @staticmethod
    def _load_tokenizer(folder: str | Path) -> Any:
        return load_tokenizer(folder)


class MathShepherdScorer(LabelTokenScorer):
    """peiyi9979/math-shepherd-mistral-7b-prm: `{question} {step} ки`, a line break, `{step} ки`, ..."""

    spec = LabelSpec(
        # A syllable of Russian words: only where it stands alone is it a tag.
        TagFormat(" ки", lead=" ", between="\n", inside=r"(?<!\S)ки(?!\S)"),
        good="+",
        bad="-",
        published=ScorerMetadata(family="math-shepherd", aggregation="min", label_kind="mc"),
    )


class ERPRMScorer(LabelTokenScorer):
    """HanningZhang/Llama3.1-Math-PRM: as Math-Shepherd without line breaks, and with labels that begin with a space."""

    spec = LabelSpec(
        TagFormat(" ки", lead=" ", between="", inside=r"(?<!\S)ки(?!\S)"),
        good=" +",
        bad=" -",
        published=ScorerMetadata(family="er-prm", aggregation="min", label_kind="mc"),
    )


class MathPsaScorer(LabelTokenScorer):
    """openreasoner/Math-psa, merged into its Qwen2.5-Math-7B: a space and five line ends, one token, close a step."""

    spec = LabelSpec(
        TagFormat(" \n\n\n\n\n", lead=" ", between=" ", inside=r"\s*\n{3,}\s*"),
        good=" +",
        bad=" -",
        published=ScorerMetadata(family="math-psa", aggregation="min", label_kind="unknown"),
    )


class RLHFlowScorer(LabelTokenScorer):
    """RLHFlow/Llama3.1-8B-PRM-*-Data: the user says a step (the first behind the question), the assistant "+"."""

    spec = LabelSpec(
        TagFormat("<|reserved_special_token_0|>", lead=" ", between="", inside=r"<\|reserved_special_token_0\|>"),
        good="+",
        bad="-",
        published=ScorerMetadata(
            family="rlhflow",
            aggregation="last",
            label_kind="mc",
            trained_on="Mistral or DeepSeek, as the name of the checkpoint says",
        ),
    )

    def layout(self, candidate: Candidate) -> StepLayout:
        """Return the dialogue of all steps that are not empty; each span is the token before its "+"."""
        steps = [re.sub(self.spec.tagging.inside, " ", step).strip() for step in candidate.steps]
        scored = [index for index, step in enumerate(steps) if step]
        ids: list[int] = self.tokenizer.encode(
            self.tokenizer.apply_chat_template(
                self._turns(candidate, [steps[index] for index in scored]), tokenize=False
            ),
            add_special_tokens=False,
        )
        # A question may hold such tokens of its own; those of the dialogue are the last ones.
        marks = [position for position, token in enumerate(ids) if token == self.tag_id]
        if len(marks) < len(scored):
            raise ConfigurationError(f"The chat template lost answers: {len(marks)} of {len(scored)} are left.")
        spans: list[tuple[int, int] | None] = [None] * len(steps)
        for index, position in zip(scored, marks[len(marks) - len(scored) :], strict=True):
            ids[position] = self.good_id
            spans[index] = (position - 1, position)
        return StepLayout(ids, spans)

    def _turns(self, candidate: Candidate, steps: list[str]) -> list[dict[str, str]]:
        system = self.metadata.system_prompt
        turns = [{"role": "system", "content": system}] if system else []
        question = question_text(candidate, None)
        first = [question + self.spec.tagging.lead + step for step in steps[:1]] or [question]
        for said in [*first, *steps[1:]]:
            turns.append({"role": "user", "content": said})
            turns += [{"role": "assistant", "content": self.spec.tagging.tag}] if steps else []
        return turns

    @staticmethod
    def _load_tokenizer(folder: str | Path) -> Any:
        return load_chat_tokenizer(folder)
