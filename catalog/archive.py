"""Bundles out of archives that strangers packed: `.tar.gz` and `.zip`, read in memory alone.

Nothing is unpacked to a disk. What can be meant in an archive beside plain files and folders
is refused by name: links, devices, paths that lead elsewhere, names that come twice, names
and texts that are no UTF-8. Limits are kept while bytes are inflated, so that what would
unpack to gigabytes is stopped at megabytes. One folder around everything is taken off.
"""

import io
import stat
import zipfile
import zlib
from dataclasses import dataclass

from catalog.bundle import CONTRACT_FILE, MAX_BUNDLE_BYTES, MAX_FILE_BYTES, MAX_FILES, MAX_PATH
from catalog.errors import Finding, Invalid
from catalog.storable import storable_text
from catalog.ustar import Entry, Sort, TooMany, Unreadable, entries

MAX_PACKED = 4 * 1024 * 1024
MAX_UNPACKED = 4 * MAX_BUNDLE_BYTES
"""Of a tar file, whose heads and padding count too."""

MAX_ENTRIES = 1000
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_GZIP_WINDOW = 31
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_UTF8 = 0x800
_CACHE = "__pycache__"


@dataclass
class _Files:
    """What was read so far, and what may still come."""

    found: dict[str, str]
    seen: set[str]
    left: int = MAX_BUNDLE_BYTES

    def take(self, path: str, content: bytes) -> None:
        """Add a file."""
        if _CACHE in path.split("/"):
            return
        self.left -= len(content)
        if len(self.found) >= MAX_FILES or len(content) > MAX_FILE_BYTES or self.left < 0:
            raise _large(path)
        try:
            self.found[path] = content.decode("utf-8")
        except UnicodeDecodeError as error:
            message = "only UTF-8 text files are allowed"
            raise _refused(path, "not_text", message, "leave the file out") from error


def files_of_archive(content: bytes) -> dict[str, str]:
    """Return the files of an archive by path, without the one folder that may be around them.

    Raises:
        Invalid: `invalid_archive`.
    """
    if len(content) > MAX_PACKED:
        raise _refused("", "archive_too_large", "the archive is larger than 4 MiB", "pack only the bundle")
    if content.startswith(_GZIP):
        return _without_top(_of_tar(content))
    if content.startswith(_ZIP):
        return _without_top(_of_zip(content))
    raise _refused("", "archive_unknown", "this is neither a .tar.gz nor a .zip", "pack it as one of these")


def _of_tar(content: bytes) -> dict[str, str]:
    files = _Files({}, set())
    try:
        for entry in entries(_inflated(content), MAX_ENTRIES):
            path = _plain_path(_text(entry), files.seen)
            if entry.sort is Sort.FILE:
                if not path:
                    raise _path("")
                files.take(path, entry.content)
            elif entry.sort is not Sort.FOLDER:
                raise _special(path, is_link=entry.sort is Sort.LINK)
    except TooMany as error:
        raise _crowded() from error
    except Unreadable as error:
        raise _unreadable(str(error)) from error
    return files.found


def _inflated(content: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        inflated = inflater.decompress(content, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise _unreadable("it is no gzip that can be read") from error
    if len(inflated) > MAX_UNPACKED:
        raise _large("")
    if not inflater.eof or inflater.unused_data.strip(b"\0"):
        raise _unreadable("it ends too early, or something follows it")
    return inflated


def _text(entry: Entry) -> str:
    try:
        return entry.path.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _path(entry.path.decode("utf-8", "backslashreplace")) from error


def _of_zip(content: bytes) -> dict[str, str]:
    files = _Files({}, set())
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for number, member in enumerate(archive.infolist()):
                if number >= MAX_ENTRIES:
                    raise _crowded()
                _take_member(archive, member, files)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _unreadable("it is no zip that can be read") from error
    except (ValueError, OverflowError, OSError) as error:  # of offsets and sizes that cannot be
        raise _unreadable("it is no zip that can be read") from error
    return files.found


def _take_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, files: _Files) -> None:
    name = member.orig_filename  # the other one is cut at a NUL
    if not (name.isascii() or member.flag_bits & _UTF8):
        raise _path(name)  # written in a code page that is guesswork
    path = _plain_path(name, files.seen)
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _special(path, is_link=stat.S_ISLNK(mode))
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise _refused(path, "archive_method", "the file is encrypted, or packed oddly", "pack it plainly")
    if name.endswith("/"):
        return
    with archive.open(member) as stream:
        # One byte more than allowed tells; what the head says of its size is not relied on.
        files.take(path, stream.read(min(MAX_FILE_BYTES, files.left) + 1))


def _plain_path(name: str, seen: set[str]) -> str:
    """Return a path that leads nowhere but down; empty for the top itself."""
    path = name.removeprefix("./").removesuffix("/")
    if path == "." or not path:
        if name in ("./", "."):
            return ""
        raise _path(name)
    if "\\" in path or len(path) > MAX_PATH * 2:
        raise _path(name)
    if any(part in ("", ".", "..") or not part.isprintable() for part in path.split("/")):
        raise _path(name)
    if path in seen:
        message = "two entries have this name, and readers differ in which they take"
        raise _refused(path, "duplicate_path", message, "pack it anew")
    seen.add(path)
    return path


def _without_top(files: dict[str, str]) -> dict[str, str]:
    tops = {path.partition("/")[0] for path in files}
    if len(tops) != 1 or CONTRACT_FILE in files or not all("/" in path for path in files):
        return files
    return {path.partition("/")[2]: text for path, text in files.items()}


def _path(name: str) -> Invalid:
    message = "the path is absolute, leads out of the archive, or is not plain UTF-8"
    return _refused(name, "bad_path", message, "use letters, digits, dot, dash, underscore")


def _special(path: str, *, is_link: bool) -> Invalid:
    if is_link:
        return _refused(path, "link", "links are not allowed in a bundle", "pack the file")
    return _refused(path, "not_a_file", "only plain files and folders are allowed", "leave it out")


def _large(path: str) -> Invalid:
    message = "it unpacks to more than 200 files, 256 KiB in one, or 2 MiB in all"
    return _refused(path, "bundle_too_large", message, "pack only the bundle")


def _crowded() -> Invalid:
    return _refused("", "too_many_entries", f"it has more than {MAX_ENTRIES} entries", "pack only the bundle")


def _unreadable(message: str) -> Invalid:
    return _refused("", "archive_unreadable", message, "pack it anew")


def _refused(path: str, code: str, message: str, fix: str) -> Invalid:
    finding = Finding(storable_text(path[:MAX_PATH]), code, message, fix)
    return Invalid("invalid_archive", "The archive cannot be published.", findings=(finding,))
