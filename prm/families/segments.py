"""Solutions as tokens, one segment per step, each closed by a token on which its score is read.

Segments are encoded one by one and joined as ids: where a score stands follows from the lengths of the segments, so
nothing that a step says can add a score, and no token merges across a step's end. Where a published model tokenises its
text as a whole the ids are the same, as its marks never merge with what follows.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.families.base import StepLayout

__all__ = ["TagFormat", "bos_ids", "join_segments", "question_text", "single_token_id", "layout_with_tags"]

_WORD_START = "▁"
"""What SentencePiece puts before a text; in the middle of one it does not belong there."""


class TagFormat(NamedTuple):
    """How a family writes a solution as plain text: `question, lead, step, tag, between, step, tag, ...`."""

    tag: str
    """Closes a step, leading space included."""
    lead: str
    """Stands between question and first step."""
    between: str
    """Stands between a tag and the next step."""
    inside: str
    """Regular expression of what would read as a tag inside a step; it becomes a space."""


def single_token_id(tokenizer: Any, text: str, rows: int) -> int:
    """Return the id of `text`, which must be one token behind nothing but a word start or blanks of its own.

    Args:
        tokenizer: of the model.
        text: a tag or a label; a leading space belongs to it.
        rows: embeddings that the model has.

    Raises:
        ConfigurationError: it is several tokens, or the model has no embedding for it.
    """
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    before = tokenizer.convert_ids_to_tokens(ids[:-1])
    alone = len(ids) == 1 or before == [_WORD_START] or (text.strip() and _blank(tokenizer, ids[:-1]))
    if not ids or not alone:
        raise ConfigurationError(
            f"The tokenizer must know {text!r} as one token, it makes {len(ids)} of it. Use the tokenizer of the "
            "checkpoint, with the tokens that were added for training."
        )
    if ids[-1] >= rows:
        raise ConfigurationError(
            f"The tokenizer says {ids[-1]} for {text!r}, the model has {rows} embeddings. Use weights and config.json "
            "from after the token was added (vocab_size = rows of the embedding)."
        )
    return ids[-1]


def _blank(tokenizer: Any, ids: Sequence[int]) -> bool:
    return not tokenizer.decode(ids).strip()


def question_text(candidate: Candidate, system_prompt: str | None) -> str:
    """Return all turns but the system's as one text, a line break between them.

    The plain-text families know one question and no system message; `system_prompt` is put before it where the metadata
    of a model asks for one.

    Raises:
        ConfigurationError: a turn is not text.
    """
    contents = [message.get("content") for message in candidate.messages if message["role"] != "system"]
    turns = [content for content in contents if isinstance(content, str)]
    if len(turns) < len(contents):
        raise ConfigurationError("This reward model reads text only; a message of the candidate has other content.")
    return "\n".join([system_prompt, *turns] if system_prompt else turns)


def bos_ids(tokenizer: Any) -> list[int]:
    """Return what the tokenizer puts before every text: the id of its BOS token, or nothing."""
    first = tokenizer.encode("a")[0]
    return [first] if first == tokenizer.bos_token_id else []


def join_segments(opening: list[int], segments: Sequence[list[int] | None]) -> StepLayout:
    """Return `opening` and all segments as one text, every segment read on its last token; None gets no score."""
    ids, spans = list(opening), list[tuple[int, int] | None]()
    for segment in segments:
        ids += segment or []
        spans.append((len(ids) - 1, len(ids)) if segment else None)
    return StepLayout(ids, spans)


def layout_with_tags(tokenizer: Any, tagging: TagFormat, tag_id: int, question: str, steps: Sequence[str]) -> StepLayout:
    """Return question and steps, every step with text closed by the tag.

    Raises:
        ConfigurationError: the tag melts into the text before it.
    """
    texts = [re.sub(tagging.inside, " ", step).strip() for step in steps]
    ids: list[list[int] | None] = []
    lead = question + tagging.lead
    for text in texts:
        segment = _continued(tokenizer, lead + text + tagging.tag, first=not any(ids)) if text else None
        if segment and segment[-1] != tag_id:
            raise ConfigurationError(
                f"The tokenizer merges the tag {tagging.tag!r} with the end of step {len(ids)}: {text[-20:]!r}. "
                "Use the tokenizer of the checkpoint."
            )
        lead = tagging.between if segment else lead
        ids.append(segment)
    unasked = [] if any(ids) else tokenizer.encode(question, add_special_tokens=False)
    return join_segments(bos_ids(tokenizer) + unasked, ids)


def _continued(tokenizer: Any, text: str, *, first: bool) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    if first or tokenizer.convert_ids_to_tokens(ids[0]) != _WORD_START or text[0] == " ":
        return ids
    return ids[1:]
