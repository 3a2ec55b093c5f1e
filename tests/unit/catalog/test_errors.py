"""Every refusal carries a stable code, a sentence and the next move."""

import pytest

from catalog import errors
from catalog.errors import Finding, PlatformError

KINDS = [errors.Invalid, errors.Denied, errors.NotFound, errors.Conflict]
KINDS += [errors.Gone, errors.Unavailable, errors.Internal]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_platform_error_and_keeps_what_it_was_told(kind: type[PlatformError]) -> None:
    finding = Finding("/size", "enum", "must be one of s, m", "use s")
    error = kind("some_code", "A sentence.", findings=[finding], fix="do this", retry_after_seconds=2)
    assert isinstance(error, PlatformError)
    assert (error.code, error.message, str(error)) == ("some_code", "A sentence.", "A sentence.")
    assert error.findings == (finding,)
    assert (error.fix, error.retry_after_seconds) == ("do this", 2)


def test_the_tree_has_the_kinds_that_its_drawing_shows() -> None:
    drawn = {line.split()[1] for line in (errors.__doc__ or "").splitlines() if "── " in line}
    assert drawn == {kind.__name__ for kind in PlatformError.__subclasses__()}
