"""Test results as the XML that continuous integration reads (JUnit's).

One suite a test file, one case a case. Written by hand from escaped parts: the document has
four elements, and nothing of it is ever read back.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from platform_api.cli.terminal import clean

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(cases: Sequence[Mapping[str, Any]]) -> str:
    """Return the results of cases, given as the documents that the command shows."""
    paths = dict.fromkeys(str(case["path"]) for case in cases)
    suites = [
        line for path in paths for line in _suite(path, [each for each in cases if each["path"] == path])
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites, "</testsuites>", ""])


def _suite(path: str, cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    failed = sum(not case["passed"] for case in cases)
    yield f'  <testsuite name={_attribute(path)} tests="{len(cases)}" failures="{failed}" errors="0">'
    for case in cases:
        head = f"    <testcase classname={_attribute(path)} name={_attribute(case['name'])}"
        if case["passed"]:
            yield f"{head}/>"
            continue
        first = case["differences"][0]
        said = f"{first['what']}: expected {first['expected']}, got {first['got']}"
        yield f"{head}>"
        yield f"      <failure message={_attribute(said)}>{_text(_lines(case))}</failure>"
        yield "    </testcase>"
    yield "  </testsuite>"


def _lines(case: Mapping[str, Any]) -> Iterable[str]:
    for each in case["differences"]:
        yield f"{each['what']}: expected {each['expected']}, got {each['got']}"
    for each in case["story"]:
        yield f"{each['at']:>8}  {each['message']}"


def _attribute(text: object) -> str:
    return quoteattr(_NOT_XML.sub("", clean(str(text))))


def _text(lines: Iterable[str]) -> str:
    return escape(_NOT_XML.sub("", clean("\n".join(lines))))
