r"""Keeps quotes, backslashes and control characters away from the embedded engine.

That engine works on strings in the form in which JSON spells them: it counts the escape
`\n` as two characters, finds an `n` in it, cuts it apart, and sometimes forgets to spell it
again in its answer, so that a quote from an input would end a string of ours. Here every
such character becomes one that needs no escape, on the way in (inputs, and the literals of
modules), and becomes itself again on the way out. The stand-ins are Unicode noncharacters,
which no text exchanged between programs contains; an input that does is not evaluated.
"""

import json
import re

from catalog.digest import JsonObject
from policy.tokens import Kind, Token, UnreadableError, tokens

_CONTROLS = {code: chr(0xFDD0 + code) for code in range(32)}
_QUOTE, _BACKSLASH = "\U0001fffe", "\U0001ffff"
_AWAY = str.maketrans({**_CONTROLS, ord('"'): _QUOTE, ord("\\"): _BACKSLASH})
_BACK = str.maketrans(
    {
        **{stand_in: f"\\u{code:04x}" for code, stand_in in _CONTROLS.items()},
        _QUOTE: '\\"',
        _BACKSLASH: "\\\\",
    }
)
_STAND_INS = re.compile(f"[\ufdd0-\ufdef{_QUOTE}{_BACKSLASH}]")
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-f]{4}))')
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PATTERN_OF = "regex.match"


def is_speakable(text: str) -> bool:
    """Say whether a text is free of the noncharacters that stand for something here."""
    return _STAND_INS.search(text) is None


def term(document: JsonObject) -> str:
    """Return the input document as the engine is to read it.

    Raises:
        ValueError: when it has no JSON form, or holds a noncharacter that stands for something here.
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    if not is_speakable(text):
        raise ValueError("the input holds Unicode noncharacters")
    return _ESCAPE.sub(_stand_in, text) if "\\" in text else text


def source(text: str) -> str:
    """Return a module with its string literals spelled for the engine; lines stay where they are.

    A pattern is left as it is: its backslashes are not text but say what to match.
    """
    try:
        words = tuple(tokens(text))
    except UnreadableError:
        return text  # no module at all; the engine will say so
    changes = [
        (word, spelled)
        for index, word in enumerate(words)
        if word.kind in (Kind.STRING, Kind.RAW) and not _is_pattern(words, index)
        for spelled in (_literal(word),)
        if spelled != word.text
    ]
    for word, spelled in reversed(changes):
        text = text[: word.start] + spelled + text[word.end :]
    return text


def answer(text: str) -> str:
    """Return the engine's answer as JSON."""
    return text.translate(_BACK)


def _stand_in(match: re.Match[str]) -> str:
    letter, code = match.groups()
    character = chr(int(code, 16)) if code else _SHORT.get(letter, letter)
    return character.translate(_AWAY)


def _literal(word: Token) -> str:
    if word.kind is Kind.RAW:
        inner = word.text[1:-1]
        # A raw literal may run over lines; those must not change, or errors would name others.
        return word.text if "\n" in inner else f'"{inner.translate(_AWAY)}"'
    try:
        value = json.loads(word.text)
    except ValueError:
        return word.text
    return f'"{str(value).translate(_AWAY)}"'


def _is_pattern(words: tuple[Token, ...], index: int) -> bool:
    names = "".join(word.text for word in words[max(index - 4, 0) : index])
    return names.endswith(f"{_PATTERN_OF}(")
