"""What a regular expression costs to be made ready, as strangers write it in an expression.

The CEL library compiles a pattern each time it is used, and repetitions are written out for that:
`(a{100}){100}` is ten thousand. Runs over a text are linear and no concern. Asked by
`catalog.expression` alone; patterns in a way of writing that this does not know are refused
there rather than guessed at.
"""

import re

UNICODE_CLASS = 50
"""So much costs `\\w` and its like, which stand for hundreds of ranges."""

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARTS = re.compile(
    r"""(?P<wide>\\[pP]\{[^}]*\}|\\[pPwWdDsSbB])"""
    r"""|(?P<set>\[\^?(?:\\.|[^\[\]\\])+\])"""
    r"""|(?P<flag>\(\?i\))|(?P<open>\((?:\?i?:)?(?!\?))|(?P<close>\))"""
    r"""|\{\s*(?P<from>\d*)\s*(?:,\s*(?P<to>\d*)\s*)?\}"""
    r"""|(?P<bad>\[|\()|\\.|.""",
    re.DOTALL,
)
_WIDE = re.compile(r"\\[pPwWdDsS]")


def pattern_cost(text: str, *, is_raw: bool) -> int | None:
    """Return how many characters a pattern comes to with repetitions written out, None if nobody knows.

    Args:
        text: what stands between the quotes.
        is_raw: nothing in it is escaped.
    """
    if not is_raw and any(escaped not in "\\\"'" for escaped in _ESCAPED.findall(text)):
        return None
    groups = [[0, 0]]  # of each open group: all but the last thing in it, and that, which may be repeated
    for part in _PARTS.finditer(text if is_raw else _ESCAPED.sub(r"\1", text)):
        match part.lastgroup:
            case "bad":
                return None
            case "open":
                groups.append([0, 0])
            case "close":
                if len(groups) == 1:
                    return None
                _put(groups[-2], 1 + sum(groups.pop()))
            case "from" | "to":
                groups[-1][1] *= max(int(part["from"] or 0), int(part["to"] or 0), 1)
            case "wide":
                _put(groups[-1], UNICODE_CLASS)
            case "set":
                _put(groups[-1], len(part[0]) + UNICODE_CLASS * len(_WIDE.findall(part[0])))
            case _:
                _put(groups[-1], 1)
    return sum(groups[0]) if len(groups) == 1 else None


def _put(group: list[int], cost: int) -> None:
    group[0] += group[1]
    group[1] = cost
