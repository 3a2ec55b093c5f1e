"""What happens to a test whose server is not installed on this machine.

Called by the server fixtures. A newcomer without services sees the test skipped and, at the
end of the run, one line per missing service; continuous integration sets REQUIRE_SERVICES
and sees it fail, so that "green" never means "not run".
"""

import os
from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

import pytest

MARK = "service missing: "


def missing(service: str, remedy: str) -> NoReturn:
    """Skip the calling test, or fail it when services are required.

    Args:
        service: its name as a person knows it.
        remedy: ends the sentence "... is not here; ".
    """
    reason = f"{MARK}{service} is not here; {remedy}"
    if os.environ.get("REQUIRE_SERVICES", "0") not in {"", "0"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def summary_lines(skip_reasons: Iterable[str]) -> list[str]:
    """Return one line per missing service, with the number of tests it cost."""
    tests = Counter(reason.partition(MARK)[2] for reason in skip_reasons if MARK in reason)
    return [f"{reason} ({count} skipped)" for reason, count in sorted(tests.items())]
