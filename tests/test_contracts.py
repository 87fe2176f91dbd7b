"""The records and interfaces of the core: what their help shows, and what they depend on."""

import inspect
import pydoc
import re
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from its_graph import (
    Budget,
    Candidate,
    Comparison,
    Generator,
    Opinion,
    Sample,
    SampleRequest,
    SearchContext,
    Spend,
    Verdict,
)
from its_graph.contracts import ConfidenceFloor

RECORDS = [
    Budget,
    Candidate,
    Comparison,
    ConfidenceFloor,
    Opinion,
    Sample,
    SampleRequest,
    SearchContext,
    Spend,
    Verdict,
]


@pytest.mark.parametrize("record", RECORDS)
def test_help_describes_every_field_and_no_other(record: Any) -> None:
    fields = list(getattr(record, "model_fields", None) or record._fields)
    section = (inspect.getdoc(record) or "").split("Args:\n")[1].split("\n\n")[0]
    assert re.findall(r"^    (\w+): ", section, re.MULTILINE) == fields
    assert all(f"{field}: " in pydoc.plain(pydoc.render_doc(record)) for field in fields)


def test_a_chat_model_is_wrapped_with_nothing_else_imported() -> None:
    script = """
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from its_graph import Generator
print(type(Generator.from_chat_model(FakeListChatModel(responses=["4"]), can_continue=True)).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ChatModelGenerator\n"


@pytest.mark.parametrize("can_continue", [True, False])
def test_whether_a_chat_model_continues_is_passed_on(can_continue: bool) -> None:
    model = FakeListChatModel(responses=["4"])
    assert Generator.from_chat_model(model, can_continue=can_continue).can_continue is can_continue


def test_the_contracts_import_no_backend() -> None:
    script = "import its_graph.contracts, sys; print([name for name in sys.modules if 'its_graph.generators' in name])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
