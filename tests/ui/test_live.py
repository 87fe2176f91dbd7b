"""The page on a real server: start, watch, steer, compare and reopen searches."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.ui.conftest import Open
from tests.ui.searching import PROBLEM, Gated, served

KEY = "a long secret"


@pytest.fixture
def page(open_page: Open, address: str) -> Any:
    page = open_page(address)
    page.wait_for_selector("form.search-form")
    return page


def submit_search(page: Any, strategy: str, **fields: Any) -> None:
    """Fill in the form and submit it."""
    page.get_by_label("Question").fill(PROBLEM)
    page.locator("#first-strategy").select_option(strategy)
    for name, value in fields.items():
        control = page.locator(f"#{name.replace('_', '-')}")
        if control.evaluate("(element) => element.tagName") == "SELECT":
            control.select_option(str(value))
        else:
            control.fill(str(value))
    page.get_by_role("button", name="Search", exact=True).click()


def badge(page: Any) -> Any:
    return page.locator(".heading .badge")


def review_panel(page: Any, round_number: int) -> Any:
    """Wait for the request after a round and return its panel."""
    panel = page.get_by_role("region", name="Your review")
    expect(panel.locator("h2")).to_have_text(f"Your review after round {round_number}")
    return panel


def test_a_search_is_started_and_its_answer_shown(page: Any) -> None:
    submit_search(page, "beam_search", first_n=8, tokens=9000)
    expect(badge(page)).to_have_text("done")
    expect(page.locator(".answer")).to_have_text(re.compile(r"\d+"))
    expect(page.get_by_role("meter", name="tokens")).to_have_attribute("aria-valuemax", "9000")
    expect(page.locator(".path li")).to_have_count(5)
    assert "#" in page.url


def test_the_tree_grows_while_the_search_runs(page: Any, gated: Gated) -> None:
    submit_search(page, "beam_search", first_n=4, model="gated")
    page.locator(".tree").focus()
    page.keyboard.press("Home")
    expect(badge(page)).to_have_text("running")
    for steps in (4, 8):
        gated.permits.release()
        expect(page.locator(".facts")).to_contain_text(f"steps{steps}")
    expect(page.locator(".answer")).to_have_count(0)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(badge(page)).to_have_text("cancelled")


def test_a_cancelled_search_is_resumed(page: Any, gated: Gated) -> None:
    submit_search(page, "beam_search", first_n=4, model="gated")
    gated.permits.release()
    page.locator(".tree").focus()
    expect(page.locator(".facts")).to_contain_text("steps4")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(badge(page)).to_have_text("cancelled")
    for _ in range(12):
        gated.permits.release()
    page.get_by_role("button", name="Resume").click()
    expect(badge(page)).to_have_text("done")
    expect(page.locator(".answer")).to_have_text(re.compile(r"\d+"))
    while gated.permits.acquire(blocking=False):
        pass  # the next test starts without permits


def test_a_person_prunes_hints_and_approves(page: Any) -> None:
    submit_search(page, "beam_search", first_n=8, steering="every", every=2)
    panel = review_panel(page, 2)
    expect(badge(page)).to_have_text("waiting")
    row = panel.locator(".frontier li").first
    name = row.get_by_role("group").get_attribute("aria-label")
    row.get_by_role("button", name="Prune").click()
    expect(row.get_by_role("button", name="Prune")).to_have_attribute("aria-pressed", "true")
    expect(row.get_by_role("button", name="Prune")).to_be_focused()
    panel.get_by_label("Hint for the models").fill("From left to right.")
    panel.get_by_role("button", name="Send 2 changes").click()
    panel = review_panel(page, 4)
    expect(panel.get_by_role("button", name=f"Prune {name}")).to_have_count(0)
    expect(page.locator(".legend")).to_contain_text("pruned by a person")
    panel.get_by_role("button", name="Approve").click()
    expect(badge(page)).to_have_text("done")
    expect(panel).to_be_hidden()


def test_a_rejected_reply_shows_the_error_and_can_be_corrected(page: Any) -> None:
    submit_search(page, "beam_search", first_n=8, steering="every", every=2)
    row = review_panel(page, 2).locator(".frontier li").first
    row.get_by_role("button", name="Edit").click()
    row.get_by_role("textbox").fill(" ")
    row.get_by_role("button", name="Save text").click()
    page.get_by_role("button", name="Send 1 change").click()
    expect(page.locator(".steering .error")).to_contain_text("empty")
    row.get_by_role("button", name="Edit").click()
    row.get_by_role("textbox").fill("8 + 4 = 12")
    row.get_by_role("button", name="Save text").click()
    page.get_by_role("button", name="Send 1 change").click()
    review_panel(page, 4)
    expect(page.locator(".legend")).to_contain_text("edited by a person")


def test_an_uncertain_search_asks_and_a_certain_one_does_not(page: Any) -> None:
    submit_search(page, "beam_search", first_n=8, steering="uncertain", uncertain_above=0, uncertain_below=1)
    review_panel(page, 1).get_by_role("button", name="Stop and answer").click()
    expect(badge(page)).to_have_text("done")
    submit_search(page, "beam_search", steering="uncertain", uncertain_above=1, uncertain_below=1.5)
    expect(badge(page)).to_have_text("done")
    expect(page.locator(".stop-reason")).to_have_text("completed")


def test_steering_is_disabled_for_other_strategies(page: Any) -> None:
    page.locator("#first-strategy").select_option("beam_search")
    page.locator("#steering").select_option("uncertain")
    expect(page.get_by_label("Best score above")).to_be_visible()
    page.locator("#first-strategy").select_option("best_of_n")
    expect(page.locator("#steering")).to_be_disabled()
    expect(page.get_by_label("Best score above")).to_be_hidden()
    submit_search(page, "best_of_n")
    expect(badge(page)).to_have_text("done")


def test_the_selected_step_has_steering_buttons(page: Any) -> None:
    submit_search(page, "beam_search", first_n=8, steering="every", every=1)
    panel = review_panel(page, 1)
    panel.locator(".frontier .plain").first.click()
    page.locator(".inspector").get_by_role("button", name="Boost").click()
    expect(panel.locator(".frontier li").first.get_by_role("button", name="Boost")).to_have_attribute(
        "aria-pressed", "true"
    )
    panel.get_by_role("button", name="Stop and answer").click()
    expect(badge(page)).to_have_text("done")
    expect(page.locator(".stop-reason")).to_have_text("stopped by a person")


def test_two_strategies_are_compared_side_by_side(page: Any) -> None:
    page.get_by_label("Compare with a second strategy").check()
    page.locator("#second-strategy").select_option("dvts")
    submit_search(page, "best_of_n")
    expect(page.locator(".pane h2")).to_have_text(["best of n", "DVTS"])
    expect(badge(page)).to_have_text(["done", "done"])
    expect(page.locator(".question")).to_have_text([PROBLEM, PROBLEM])


def test_a_rejected_comparison_leaves_no_search_running(page: Any) -> None:
    page.get_by_label("Compare with a second strategy").check()
    page.locator("#second-strategy").select_option("beam_search")
    submit_search(page, "best_of_n", first_n=5, second_n=7, model="gated")
    expect(page.locator(".search-form .error")).to_contain_text("width")
    newest = page.get_by_role("navigation", name="Searches").locator("li").first
    expect(newest).to_contain_text("best of n")
    expect(newest.locator(".badge")).to_have_text("cancelled")


def test_a_lost_connection_resumes_after_the_last_event(page: Any) -> None:
    outcome = page.evaluate(
        """async () => {
          const { ApiClient } = await import('/ui/api-client.js');
          const message = ([id, type]) => `id: ${id}\ndata: {"type": "${type}"}\n\n`;
          const reply = (...events) => new Response(events.map(message).join(""));
          const replies = [
            reply(["a-0", "its.search_started"], ["a-7", "its.selected"]),
            reply(["b-0", "its.search_started"], ["b-3", "its.ended"]),
          ];
          const lastEventIds = [];
          const originalFetch = window.fetch;
          window.fetch = async (path, { headers }) => {
            lastEventIds.push(headers.get("Last-Event-ID"));
            return replies.shift();
          };
          const last = await new ApiClient().follow("x", null, () => {}, new AbortController().signal);
          window.fetch = originalFetch;
          return [lastEventIds, last];
        }"""
    )
    assert outcome == [[None, "a-7"], "b-3"]


def test_an_earlier_search_shows_its_whole_question(page: Any) -> None:
    question = PROBLEM + " " * 300 + "Thank you."
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(badge(page)).to_have_text("done")
    page.get_by_label("Question").fill("")
    page.get_by_role("navigation", name="Searches").locator(".plain").first.click()
    expect(page.get_by_label("Question")).to_have_value(question)


def test_earlier_searches_are_reopened_and_compared(page: Any) -> None:
    submit_search(page, "self_consistency")
    expect(badge(page)).to_have_text("done")
    submit_search(page, "beam_search", first_n=4)
    expect(page.locator(".pane h2")).to_have_text(["beam search"])
    rows = page.get_by_role("navigation", name="Searches").locator("li")
    expect(rows.nth(0)).to_contain_text("beam search")  # listed after the search started
    expect(rows.nth(1)).to_contain_text("self consistency")
    rows.nth(1).get_by_role("button", name="Compare").click()
    expect(page.locator(".pane h2")).to_have_text(["beam search", "self consistency"])
    rows.nth(1).locator(".plain").click()
    expect(page.locator(".pane h2")).to_have_text(["self consistency"])
    page.reload()
    expect(page.locator(".pane h2")).to_have_text(["self consistency"])


def test_only_changed_options_are_sent_and_invalid_ones_show_an_error(page: Any) -> None:
    sent: list[Any] = []
    page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "POST" else None)
    submit_search(page, "beam_search", first_n=7)
    expect(page.locator(".search-form .error")).to_contain_text("width")
    assert sent[0]["options"] == {"n": 7}
    assert (sent[0]["problem"], sent[0]["seed"], sent[0]["steer"]) == (PROBLEM, 0, None)


def test_model_output_stays_text_on_the_live_page(page: Any) -> None:
    submit_search(page, "best_of_n", first_n=4, model="hostile")
    expect(page.locator(".answer")).to_have_text("<b>7</b>")
    assert page.locator("img").count() == 0
    assert page.title() == "its_graph"


@pytest.fixture
def locked() -> Iterator[str]:
    with served({"toy": ServedModel(ToyGenerator(), ToyVerifier())}, api_key=KEY) as url:
        yield f"{url}/"


def test_a_server_with_a_key_asks_for_it(open_page: Open, locked: str) -> None:
    page = open_page(locked)
    page.get_by_label("This server requires an API key").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("This server requires an API key").fill(KEY)
    page.get_by_role("button", name="Continue").click()
    submit_search(page, "best_of_n", first_n=4)
    expect(badge(page)).to_have_text("done")
    assert KEY not in page.content()


def test_a_key_that_no_header_can_contain_is_requested_again(open_page: Open, locked: str) -> None:
    page = open_page(locked)
    page.get_by_label("This server requires an API key").fill("schlüssel 鍵")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("This server requires an API key")).to_have_value("")
    page.get_by_label("This server requires an API key").fill(KEY)
    page.get_by_role("button", name="Continue").click()
    submit_search(page, "best_of_n", first_n=4)
    expect(badge(page)).to_have_text("done")
