"""The entries of a tar file, of the few sorts that packing a folder makes.

The format has grown for forty years, and a reader of all of it has done so too: sparse files,
numbers in base 256, records that change what the next head means. The standard library's can be
kept busy for hours by one such record in versions of Python that we run on. This one knows plain
files, folders, long names as GNU and POSIX write them, and what git puts in front; it names
links and devices, and refuses the rest. It works on bytes that were inflated within a limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

BLOCK = 512
_CHECKSUM = slice(148, 156)
_MAGICS = (b"ustar\x0000", b"ustar  \x00")
_IGNORED = (b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname", b"comment")
_IGNORED_VENDORS = (b"LIBARCHIVE.", b"SCHILY.")


class Sort(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, its path as it is written."""

    path: bytes
    sort: Sort
    content: bytes


class Unreadable(ValueError):
    """It is no tar file, or uses a part of the format that is not read here."""


class TooMany(Unreadable):
    """It has more entries than anybody wants to look at."""


_SORTS = {
    b"\0": Sort.FILE,
    b"0": Sort.FILE,
    b"5": Sort.FOLDER,
    b"1": Sort.LINK,
    b"2": Sort.LINK,
    b"3": Sort.DEVICE,
    b"4": Sort.DEVICE,
    b"6": Sort.DEVICE,
}


def entries(content: bytes, limit: int) -> Iterator[Entry]:
    """Yield the entries of a tar file up to its end mark.

    Args:
        limit: how many heads it may have.

    Raises:
        Unreadable: from the iterator, at the first thing that cannot be read; `TooMany` beyond the limit.
    """
    place, long_path = 0, b""
    for _ in range(limit):
        head = content[place : place + BLOCK]
        if len(head) == BLOCK and not head.strip(b"\0"):
            if long_path:
                raise Unreadable("a long name has no entry")
            return
        _check(head)
        size = _number(head[124:136])
        body = content[place + BLOCK : place + BLOCK + size]
        if len(body) != size:
            raise Unreadable("it ends within an entry")
        place += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
        flag = head[156:157]
        if flag in (b"x", b"g", b"L"):
            if long_path:
                raise Unreadable("an entry has two names")
            long_path = _long_path(flag, body)
            continue
        if flag not in _SORTS:
            raise Unreadable("it holds an entry of a sort that is not known here")
        yield Entry(long_path or _short_path(head), _SORTS[flag], body)
        long_path = b""
    raise TooMany(f"it has more than {limit} entries")


def _check(head: bytes) -> None:
    if len(head) < BLOCK:
        raise Unreadable("it has no end")
    if head[257:265] not in _MAGICS:
        raise Unreadable("it is no tar file")
    blank = head[: _CHECKSUM.start] + b" " * 8 + head[_CHECKSUM.stop :]
    if sum(blank) != _number(head[_CHECKSUM]):
        raise Unreadable("a head of it is damaged")


def _number(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise Unreadable("a number in it is none")
    return int(digits, 8)


def _short_path(head: bytes) -> bytes:
    name = head[:100].partition(b"\0")[0]
    prefix = head[345:500].partition(b"\0")[0] if head[257:265] == _MAGICS[0] else b""
    return prefix + b"/" + name if prefix else name


def _long_path(flag: bytes, body: bytes) -> bytes:
    """Return the name that stands in front of an entry; empty when it says something else."""
    if flag == b"L":
        return body.rstrip(b"\0")
    records = dict(_records(body))
    path = records.pop(b"path", b"")
    if path and flag == b"g":
        raise Unreadable("a name is given to every entry")
    for key in records:
        if key not in _IGNORED and not key.startswith(_IGNORED_VENDORS):
            raise Unreadable("it says something about an entry that is not known here")
    return path


def _records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what extended heads say: `length key=value`, each with a line break."""
    place = 0
    while place < len(body):
        digits = body[place : place + 8].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = body[place + len(digits) + 1 : place + length]
        key, equals, value = record[:-1].partition(b"=")
        if len(record) != length - len(digits) - 1 or not equals or record[-1:] != b"\n":
            raise Unreadable("what it says about an entry cannot be read")
        yield key, value
        place += length
