from its_graph.contracts import Candidate
from its_graph.prm.judges.prompts import last_user_text, with_solution, with_task

USER = {"role": "user", "content": "2 + 3?"}
REPLY = {"role": "assistant", "content": "5"}


def test_a_task_never_makes_two_consecutive_user_messages() -> None:
    assert with_task([USER], "Judge.") == ({"role": "user", "content": "2 + 3?\n\nJudge."},)
    assert with_task([USER, REPLY], "Judge.") == (USER, REPLY, {"role": "user", "content": "Judge."})


def test_a_task_after_a_message_of_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    (message,) = with_task([{"role": "user", "content": [image]}], "Judge.")
    assert message["content"] == [image, {"type": "text", "text": "Judge."}]


def test_the_conversation_is_not_mutated() -> None:
    with_task([USER], "Judge.")
    assert USER["content"] == "2 + 3?"


def test_with_solution() -> None:
    candidate = Candidate(messages=(USER,), steps=("a\n\n", "b"))
    assert with_solution(candidate, "Judge.") == (
        USER,
        {"role": "assistant", "content": "a\n\nb"},
        {"role": "user", "content": "Judge."},
    )


def test_question_text() -> None:
    assert last_user_text([{"role": "user", "content": "old"}, REPLY, USER, REPLY]) == "2 + 3?"
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    assert last_user_text([{"role": "user", "content": parts}]) == "a\nb"
    assert last_user_text([{"role": "system", "content": "only this"}]) == "only this"
