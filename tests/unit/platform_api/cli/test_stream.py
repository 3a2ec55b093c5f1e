"""Event streams are read as the standard says."""

from platform_api.cli.stream import COMMENT, Frame, frames


def test_an_event_ends_with_an_empty_line() -> None:
    assert list(frames(["id: 0.7", "event: message", 'data: {"kind": "Gone"}', ""])) == [
        Frame("0.7", "message", '{"kind": "Gone"}')
    ]


def test_data_over_several_lines_is_joined() -> None:
    assert [frame.text for frame in frames(["data: one", "data:two", ""])] == ["one\ntwo"]


def test_an_event_that_was_cut_off_is_not_an_event() -> None:
    assert list(frames(["data: {", "id: 0.9"])) == []


def test_an_id_holds_until_the_next_one() -> None:
    found = frames(["id: 0.1", "data: a", "", "data: b", ""])
    assert [frame.id for frame in found] == ["0.1", "0.1"]


def test_an_id_with_nul_is_ignored() -> None:
    assert [frame.id for frame in frames(["id: 0.1", "id: \0", "data: a", ""])] == ["0.1"]


def test_a_comment_is_a_sign_of_life_and_tells_nothing() -> None:
    assert [(frame.kind, frame.text) for frame in frames([": still here", "data: a", ""])] == [
        (COMMENT, ""),
        ("message", "a"),
    ]


def test_unknown_fields_are_skipped() -> None:
    assert [frame.text for frame in frames(["retry: 100", "mood: fine", "data: a", ""])] == ["a"]
