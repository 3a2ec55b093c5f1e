"""The page for authors is true: its files are written and its commands run, in its order.

A YAML block that follows the words "write `file`" becomes that file; a line of the prose
"Change `a` to `b`" edits the file written last. Of a console block every command is run and must
answer, letter by letter, what stands below it.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.cli.main import run

PAGE = Path(__file__).parents[4] / "docs/authoring.md"
_BLOCK = re.compile(r"^```(?P<sort>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"[Ww]rite `(?P<path>[\w./-]+)`")
_EDIT = re.compile(r"Change `(?P<old>[^`]+)` to `(?P<new>[^`]+)`")


def parts(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the sort and body of each block, with the prose before it."""
    end = 0
    for block in _BLOCK.finditer(text):
        yield block["sort"], block["body"], text[end : block.start()]
        end = block.end()


def commands(body: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the answer that stands below it."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, answer = part.partition("\n")
        yield command, answer


def test_the_page_is_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written, code, ran = Path(), 0, 0
    for sort, body, prose in parts(PAGE.read_text("utf-8")):
        for edit in _EDIT.finditer(prose):
            text = written.read_text()
            assert edit["old"] in text
            written.write_text(text.replace(edit["old"], edit["new"]))
        if sort == "yaml":
            written = Path([*_FILE.finditer(prose)][-1]["path"])
            written.parent.mkdir(exist_ok=True)
            written.write_text(body)
        for command, answer in commands(body) if sort == "console" else ():
            if command == "echo $?":
                assert answer == f"{code}\n"
                continue
            word, *words = shlex.split(command)
            assert word == "avow"
            code = run(words)
            said = capsys.readouterr()
            assert (said.out, said.err) == (answer, "")
            ran += 1
    assert ran == 9
    assert (tmp_path / "results.xml").exists()
