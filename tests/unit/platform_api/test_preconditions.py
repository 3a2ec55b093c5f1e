"""Whoever changes something proves that he has seen what he changes."""

import pytest

from catalog.errors import Conflict, Invalid
from platform_api.preconditions import check_match, etag, is_held


@pytest.mark.parametrize("header", ['"3"', ' "3" ', "*", '"1", "3"', 'W/"3", "3"'])
def test_a_header_that_names_the_revision_passes(header: str) -> None:
    check_match(header, 3)


@pytest.mark.parametrize("header", ['"2"', '"33"', 'W/"3"', '"1","2"', '""'])
def test_another_revision_does_not_pass(header: str) -> None:
    with pytest.raises(Conflict) as refused:
        check_match(header, 3)
    assert refused.value.code == "revision_changed"


@pytest.mark.parametrize("header", ["", "   "])
def test_a_missing_header_is_asked_for(header: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_match(header, 3)
    assert refused.value.code == "precondition_required"


@pytest.mark.parametrize("header", ["3", '"3', 'x"3"', '"3" "4"', '"3",', "W/*"])
def test_what_is_no_entity_tag_is_refused(header: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_match(header, 3)
    assert refused.value.code == "invalid_precondition"


def test_an_etag_is_strong_and_passes_its_own_check() -> None:
    check_match(etag(7), 7)
    assert etag(7) == '"7"'


@pytest.mark.parametrize(
    ("header", "held"),
    [
        ('"sha256:a"', True),
        ('W/"sha256:a"', True),
        ('"x", "sha256:a"', True),
        ("*", True),
        ("", False),
        ('"sha256:ab"', False),
        ("sha256:a", False),
    ],
)
def test_a_reader_has_it_when_he_names_it(header: str, *, held: bool) -> None:
    assert is_held(header, "sha256:a") is held
