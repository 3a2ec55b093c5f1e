"""A value of a YAML text is found where it stands."""

from catalog.positions import START, Position, nearest, positions

TEXT = """\
steps:
  - id: a
    with: {"x/y": 1, list: [1, 2]}
  - {id: b}
"""


def test_members_stand_where_their_keys_do_and_items_where_they_begin() -> None:
    known = positions(TEXT)
    assert known["/steps"] == Position(1, 1)
    assert known["/steps/0"] == Position(2, 5)
    assert known["/steps/0/with"] == Position(3, 5)
    assert known["/steps/0/with/x~1y"] == Position(3, 12)
    assert known["/steps/0/with/list/1"] == Position(3, 32)
    assert known["/steps/1/id"] == Position(4, 6)


def test_what_is_not_there_is_looked_for_where_it_would_be() -> None:
    known = positions(TEXT)
    assert nearest(known, "/steps/1/uses") == known["/steps/1"]
    assert nearest(known, "/metadata/name") == START
    assert nearest({}, "/steps") == START


def test_an_empty_text_has_no_places() -> None:
    assert positions("") == {}
