"""The standalone page in a browser without network: view, navigate, replay."""

import math
import re
from typing import Any

from playwright.sync_api import expect

from tests.ui.conftest import Open
from tests.ui.searching import HOSTILE, events_of, steered_events


def heading(page: Any) -> Any:
    return page.locator(".inspector h2")


def tree(page: Any) -> Any:
    return page.get_by_role("tree")


def test_the_page_shows_question_answer_votes_and_spend(recorded: Open) -> None:
    events = events_of("beam_search")
    result = events[-1]["result"]
    page = recorded(events)
    expect(page.locator(".question")).to_have_text("Add 3, 5, 4, 7, 2.")
    expect(page.locator(".answer")).to_have_text(result["answer"])
    expect(page.locator(".vote")).to_have_count(min(4, len(result["votes"])))
    expect(page.locator(".budget-bars")).to_contain_text(f"{result['spend']['calls']} calls")
    expect(page.locator(".badge")).to_have_text("done")


def test_the_winning_path_is_shown_with_the_score_of_each_step(recorded: Open) -> None:
    events = events_of("beam_search")
    page = recorded(events)
    text = "".join(page.locator(".path .step-text").all_inner_texts())
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", events[-1]["result"]["text"])
    assert set(page.locator(".path b").all_inner_texts()) <= {"0.90", "0.10"}


def test_a_whole_solution_shows_the_scores_inside_it(recorded: Open) -> None:
    page = recorded(events_of("best_of_n"))
    assert page.locator(".part-score").count() == 5  # four sums and the box


def test_arrow_keys_navigate_the_accessible_tree(recorded: Open) -> None:
    page = recorded(events_of("beam_search"))
    tree(page).focus()
    page.keyboard.press("Home")
    expect(heading(page)).to_contain_text("Search")
    selected = page.get_by_role("treeitem", selected=True)
    expect(selected).to_have_attribute("aria-level", "1")
    page.keyboard.press("ArrowRight")
    expect(heading(page)).to_contain_text("depth 1")
    expect(selected).to_have_attribute("aria-level", "2")
    expect(selected).to_have_attribute("aria-setsize", "8")
    expect(selected).to_contain_text(re.compile(r"3 \+ 5 = \d+, score 0\.\d0, (kept|not selected), "))
    assert tree(page).get_attribute("aria-activedescendant") == selected.get_attribute("id")
    first = heading(page).inner_text()
    page.keyboard.press("ArrowDown")
    assert heading(page).inner_text() != first
    page.keyboard.press("ArrowUp")
    expect(heading(page)).to_have_text(first)
    page.keyboard.press("ArrowLeft")
    expect(selected).to_have_attribute("aria-level", "1")
    page.keyboard.press("End")
    expect(page.locator(".path [aria-current]")).to_contain_text("answer")


def test_a_click_on_a_node_selects_it(recorded: Open) -> None:
    page = recorded(events_of("beam_search"))
    box = tree(page).bounding_box()
    for x in range(int(box["x"]) + 200, int(box["x"] + box["width"]), 9):
        page.mouse.move(x, box["y"] + box["height"] / 2)
        if page.locator(".tooltip").is_visible():
            break
    text = page.locator(".tooltip .step-text").inner_text()
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".path li").last.locator(".step-text")).to_have_text(text)


def test_zoom_and_drag_change_the_view_and_fit_brings_it_back(recorded: Open) -> None:
    page = recorded(events_of("beam_search"))
    picture = "() => document.querySelector('.tree canvas').toDataURL()"
    page.wait_for_timeout(400)  # enough for the animation, if frames are on time
    frames = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    page.wait_for_function(
        f"async () => {{ const before = ({picture})(); await {frames}; return ({picture})() === before; }}"
    )
    whole = page.evaluate(picture)
    box = tree(page).bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"(before) => ({picture})() !== before", arg=whole)
    zoomed = page.evaluate(picture)
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] - 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + box["height"] - 90, steps=4)
    page.mouse.up()
    page.wait_for_function(f"(before) => ({picture})() !== before", arg=zoomed)
    page.mouse.move(0, 0)
    page.get_by_role("button", name="Fit").click()
    page.wait_for_function(f"(before) => ({picture})() === before", arg=whole)


def test_the_slider_seeks_to_any_event(recorded: Open) -> None:
    events = events_of("beam_search")
    page = recorded(events)
    slider = page.get_by_role("slider", name="Replay position")
    slider.fill("10")
    expect(page.locator(".answer")).to_have_count(0)
    expect(page.locator(".replay .figure")).to_have_text(f"10 / {len(events)}")
    steps = sum(event["type"] == "its.step_added" for event in events[:10])
    page.locator(".tree").focus()
    page.keyboard.press("Home")
    expect(page.locator(".facts")).to_contain_text(f"steps{steps}")
    slider.fill(str(len(events)))
    expect(page.locator(".answer")).to_have_text(events[-1]["result"]["answer"])


def test_play_runs_from_the_start_to_the_end_and_pauses(recorded: Open) -> None:
    events = events_of("beam_search", n=16)
    page = recorded(events)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").click()  # of twelve seconds
    at = int(page.locator(".replay .figure").inner_text().split(" / ")[0])
    assert at < len(events)
    page.get_by_role("slider", name="Replay position").fill(str(len(events) - 20))
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".replay .figure")).to_have_text(f"{len(events)} / {len(events)}")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_model_output_is_text_only(recorded: Open) -> None:
    page = recorded(events_of("best_of_n", text=HOSTILE))
    expect(page.locator(".answer")).to_have_text("<b>7</b>")
    expect(page.locator(".path .step-text").first).to_contain_text("<img src=x")
    assert page.locator("img, .path b b, .answer b").count() == 0
    assert page.title() == "best_of_n"


def test_human_edits_are_in_the_legend(recorded: Open) -> None:
    page = recorded(steered_events())
    expect(page.locator(".legend")).to_contain_text("pruned by a person")
    expect(page.locator(".legend")).to_contain_text("edited by a person")


def test_two_searches_are_side_by_side_and_more_are_selected_one_at_a_time(recorded: Open) -> None:
    searches = [events_of("best_of_n"), events_of("beam_search"), events_of("mcts")]
    page = recorded(*searches[:2])
    expect(page.locator(".pane h2")).to_have_text(["best of n", "beam search"])
    page.locator(".pane").nth(1).locator(".tree").focus()
    expect(page.locator(".pane").nth(1)).to_have_class(re.compile("active"))
    expect(page.locator(".path li")).to_have_count(5)
    page = recorded(*searches)
    expect(page.locator(".pane")).to_have_count(1)
    page.get_by_role("combobox", name="Search").select_option("2")
    expect(page.locator(".pane h2")).to_have_text("MCTS")


def test_the_theme_follows_the_system_until_a_person_chooses(recorded: Open) -> None:
    page = recorded(events_of("best_of_n"), color_scheme="dark")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"(before) => ({ground})() !== before", arg=dark)
    page.get_by_role("button", name="Switch to dark theme").click()
    assert page.evaluate(ground) == dark


def test_a_narrow_window_does_not_scroll_sideways(recorded: Open) -> None:
    page = recorded(events_of("beam_search"), viewport={"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator(".path")).to_be_visible()


def test_every_control_is_reachable_by_the_tab_key(recorded: Open) -> None:
    page = recorded(events_of("best_of_n"))
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("() => document.activeElement.getAttribute('role') ?? document.activeElement.type")
        )
    assert reached[:5] == ["button", "button", "tree", "button", "range"]


def test_a_block_of_many_samples_is_navigable(recorded: Open) -> None:
    page = recorded(events_of("best_of_n", n=64))
    tree(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    for _ in range(63):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("treeitem", selected=True)).to_have_attribute("aria-posinset", "64")


def test_unexpected_events_do_not_break_the_page(recorded: Open) -> None:
    *events, answered = events_of("best_of_n")
    votes = [vote | {"weight": math.inf} for vote in answered["result"]["votes"]]
    odd = [{"type": "toString"}, {"type": "its.ended", "status": "to be seen", "error": None}]
    page = recorded([*events, answered | {"result": answered["result"] | {"votes": votes}}, *odd])
    expect(page.locator(".answer")).to_have_text(answered["answer"])
    expect(page.locator(".vote").first).to_have_attribute("title", "weight –")  # noqa: RUF001 - as the page writes it
    expect(page.locator(".heading .badge")).to_have_text("done")
