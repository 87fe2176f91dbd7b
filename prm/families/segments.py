"""Solutions as tokens: one segment per step, each closed by the token on which its score is read.

Segments are encoded one by one and joined as ids. The positions of the scores follow from the lengths of the segments,
so the text of a step cannot add a score, and no token merges across a step boundary. If a published model tokenizes its
text as a whole, the ids are the same, because its tags never merge with the text that follows.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from its_graph.contracts import Candidate
from its_graph.errors import ConfigurationError
from its_graph.prm.families.base import StepLayout

__all__ = ["TagFormat", "bos_ids", "join_segments", "layout_with_tags", "question_text", "single_token_id"]

_WORD_START = "▁"
"""Token that SentencePiece puts before a text; it must be removed from a segment in the middle of a text."""


class TagFormat(NamedTuple):
    """How a family writes a solution: `question, after_question, step, tag, between_steps, step, tag, ...`."""

    tag: str
    """Closes a step; a leading space is part of it."""
    after_question: str
    """Text between the question and the first step."""
    between_steps: str
    """Text between a tag and the next step."""
    tag_pattern: str
    """Regular expression of text that would be read as a tag inside a step; it is replaced by a space."""


def single_token_id(tokenizer: Any, text: str, rows: int) -> int:
    """Return the id of `text`, which must be one token, preceded by at most a word start or blanks.

    Args:
        tokenizer: the model's tokenizer.
        text: a tag or a label; a leading space is part of it.
        rows: number of the model's embeddings.

    Raises:
        ConfigurationError: `text` is several tokens, or the model has no embedding for it.
    """
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    before = tokenizer.convert_ids_to_tokens(ids[:-1])
    is_single = len(ids) == 1 or before == [_WORD_START] or (text.strip() and _is_blank(tokenizer, ids[:-1]))
    if not ids or not is_single:
        raise ConfigurationError(
            f"The tokenizer must encode {text!r} as one token; got {len(ids)}. Use the tokenizer of the checkpoint, "
            "with the tokens that were added for training."
        )
    if ids[-1] >= rows:
        raise ConfigurationError(
            f"The token id of {text!r} must be below the number of embeddings, {rows}; got {ids[-1]}. Use weights and "
            "config.json from after the token was added (vocab_size = rows of the embedding)."
        )
    return ids[-1]


def _is_blank(tokenizer: Any, ids: Sequence[int]) -> bool:
    return not tokenizer.decode(ids).strip()


def question_text(candidate: Candidate, system_prompt: str | None) -> str:
    """Return all messages except system messages as one text, separated by line breaks.

    The plain-text families read one question and no system message; `system_prompt` precedes it if the metadata of a
    model has one.

    Raises:
        ConfigurationError: the content of a message is not text.
    """
    contents = [message.get("content") for message in candidate.messages if message["role"] != "system"]
    turns = [content for content in contents if isinstance(content, str)]
    if len(turns) < len(contents):
        raise ConfigurationError("Message content must be text for this reward model; got other content.")
    return "\n".join([system_prompt, *turns] if system_prompt else turns)


def bos_ids(tokenizer: Any) -> list[int]:
    """Return the ids that the tokenizer puts before every text: its BOS token, or nothing."""
    first = tokenizer.encode("a")[0]
    return [first] if first == tokenizer.bos_token_id else []


def join_segments(opening: list[int], segments: Sequence[list[int] | None]) -> StepLayout:
    """Return `opening` and all segments as one text; a segment is read on its last token, None gets no score."""
    ids, spans = list(opening), list[tuple[int, int] | None]()
    for segment in segments:
        ids += segment or []
        spans.append((len(ids) - 1, len(ids)) if segment else None)
    return StepLayout(ids, spans)


def layout_with_tags(
    tokenizer: Any, tag_format: TagFormat, tag_id: int, question: str, steps: Sequence[str]
) -> StepLayout:
    """Return question and steps, with the tag after every step that has text.

    Raises:
        ConfigurationError: the tokenizer merges the tag with the text before it.
    """
    texts = [re.sub(tag_format.tag_pattern, " ", step).strip() for step in steps]
    segments: list[list[int] | None] = []
    lead = question + tag_format.after_question
    for text in texts:
        segment = _encode_segment(tokenizer, lead + text + tag_format.tag, first=not any(segments)) if text else None
        if segment and segment[-1] != tag_id:
            raise ConfigurationError(
                f"The tokenizer must not merge the tag {tag_format.tag!r} with the text before it; got a merge at the "
                f"end of step {len(segments)}: {text[-20:]!r}. Use the tokenizer of the checkpoint."
            )
        lead = tag_format.between_steps if segment else lead
        segments.append(segment)
    # Without any segment, no segment begins with the question.
    opening = [] if any(segments) else tokenizer.encode(question, add_special_tokens=False)
    return join_segments(bos_ids(tokenizer) + opening, segments)


def _encode_segment(tokenizer: Any, text: str, *, first: bool) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    if first or tokenizer.convert_ids_to_tokens(ids[0]) != _WORD_START or text[0] == " ":
        return ids
    return ids[1:]
