"""Model output cannot take over a terminal."""

from its_graph.text.printable import one_line, readable


def test_control_characters_are_dropped_and_line_breaks_kept() -> None:
    assert readable("a\x1b[31mb\x00\tc\nd\ud800") == "a[31mb    c\nd"


def test_one_line_has_single_spaces() -> None:
    assert one_line("  a\n\n b\t\tc ") == "a b c"
