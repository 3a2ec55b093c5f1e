"""An archive is the bundle that was packed into it, or it is refused; it never is anything else."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import ustar
from catalog.archive import MAX_ENTRIES, MAX_PACKED, MAX_UNPACKED, files_of_archive
from catalog.bundle import MAX_BUNDLE_BYTES, MAX_FILE_BYTES, MAX_FILES, bundle_from_files, read_files
from catalog.errors import Invalid
from tests.factories import contract_files

FILES = contract_files() | {"docs/README.md": "Größe: 日本\r\n", ".github/ci.yml": "on: push\n"}
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def tar(files: Mapping[str, bytes], format_: int = tarfile.PAX_FORMAT, top: str = "") -> bytes:
    """Return a .tar.gz of these files, with their folders."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=format_) as archive:
        if top:
            folder = tarfile.TarInfo(top)
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        for path, content in files.items():
            member = tarfile.TarInfo(f"{top}{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def odd_tar(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    """Return a .tar.gz of members as they are."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(content) if member.isreg() and content else None)
    return packed.getvalue()


def member(name: str, sort: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = sort, target
    return made


def zipped(files: Mapping[str, bytes], **changes: int) -> bytes:
    """Return a .zip of these files; changes are made to every member."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            info = zipfile.ZipInfo(path)
            info.compress_type = zipfile.ZIP_DEFLATED
            for name, value in changes.items():
                setattr(info, name, value)
            archive.writestr(info, content)
    return packed.getvalue()


def texts(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def refusal(content: bytes) -> tuple[str, str]:
    """Return place and code with which an archive is refused."""
    with pytest.raises(Invalid) as refused:
        files_of_archive(content)
    assert refused.value.code == "invalid_archive"
    [finding] = refused.value.findings
    assert finding.message
    assert finding.fix
    return finding.pointer, finding.code


# --- what was packed comes out ------------------------------------------------------------


@pytest.mark.parametrize("top", ["", "./", "service-1.0.0/", "./service/"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_tar_file_is_the_bundle_that_was_packed(format_: str, top: str) -> None:
    assert files_of_archive(tar(texts(FILES), FORMATS[format_], top)) == FILES


@pytest.mark.parametrize("top", ["", "./", "service-1.0.0/"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_zip_file_is_the_bundle_that_was_packed(method: int, top: str) -> None:
    packed = zipped({f"{top}{path}": text for path, text in texts(FILES).items()}, compress_type=method)
    assert files_of_archive(packed) == FILES


def test_the_digest_of_an_archive_is_that_of_the_folder(tmp_path: Path) -> None:
    for path, text in (FILES | {"__pycache__/x.pyc": "x"}).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(text.encode())
    digest = bundle_from_files(read_files(tmp_path)).digest
    packed = texts(FILES) | {"a/__pycache__/x.pyc": b"\xff", "__pycache__/y": b"\xff"}
    assert bundle_from_files(files_of_archive(tar(packed))).digest == digest
    assert bundle_from_files(files_of_archive(zipped(packed))).digest == digest


def test_only_one_folder_around_everything_is_taken_off() -> None:
    both = {"a/contract.yaml": b"x", "b/other": b"y"}
    assert set(files_of_archive(tar(both))) == set(both)
    assert set(files_of_archive(tar({"a/b/contract.yaml": b"x"}))) == {"b/contract.yaml"}
    assert set(files_of_archive(tar({"contract.yaml": b"x"}))) == {"contract.yaml"}
    assert files_of_archive(tar({})) == {}


paths = st.lists(st.text("abc.-_é", min_size=1, max_size=40), min_size=1, max_size=5).map("/".join)
plain = st.dictionaries(
    paths.filter(lambda path: not {".", ".."} & set(path.split("/"))), st.text(max_size=50), max_size=6
)


@settings(max_examples=60)
@given(plain, st.sampled_from(sorted(FORMATS)))
def test_whatever_is_packed_comes_out_of_every_format(files: dict[str, str], format_: str) -> None:
    files = {f"top/{path}": text for path, text in files.items()} | {"contract.yaml": "x"}
    assert files_of_archive(tar(texts(files), FORMATS[format_])) == files
    assert files_of_archive(zipped(texts(files))) == files


# --- what leads elsewhere -----------------------------------------------------------------

ELSEWHERE = {
    "above": "../evil",
    "above-from-within": "a/../../evil",
    "back-to-the-top": "a/../evil",
    "absolute": "/etc/passwd",
    "absolute-twice": "//etc/passwd",
    "dot": "a/./b",
    "empty-part": "a//b",
    "backslash": "..\\evil",
    "line-break": "a\nb",
    "right-to-left": "a\u202eb",
    "long": "x/" * 300 + "x",
}


@pytest.mark.parametrize("path", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    for content in (tar({path: b"x"}), zipped({path: b"x"})):
        assert refusal(content)[1] == "bad_path"


def test_a_folder_that_leads_elsewhere_is_refused() -> None:
    assert refusal(odd_tar(member("../evil", tarfile.DIRTYPE)))[1] == "bad_path"
    assert refusal(zipped({"../evil/": b""}))[1] == "bad_path"


def test_a_top_folder_does_not_hide_where_a_path_leads() -> None:
    assert refusal(tar({"top/contract.yaml": b"x", "top/../../evil": b"x"}))[1] == "bad_path"


@pytest.mark.parametrize("sort", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["soft", "hard"])
@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "contract.yaml"])
def test_a_link_is_refused_wherever_it_points(sort: bytes, target: str) -> None:
    assert refusal(odd_tar(member("a/link", sort, target))) == ("a/link", "link")


def test_a_link_in_a_zip_is_refused() -> None:
    assert refusal(zipped({"link": b"/etc/passwd"}, external_attr=0o120777 << 16)) == ("link", "link")


@pytest.mark.parametrize(
    "sort", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=["characters", "blocks", "pipe"]
)
def test_a_device_is_refused(sort: bytes) -> None:
    assert refusal(odd_tar(member("null", sort))) == ("null", "not_a_file")


@pytest.mark.parametrize("mode", [0o010666, 0o020666, 0o060666, 0o140666])
def test_a_device_in_a_zip_is_refused(mode: int) -> None:
    assert refusal(zipped({"null": b""}, external_attr=mode << 16)) == ("null", "not_a_file")


def test_a_name_that_comes_twice_is_refused() -> None:
    pairs = [("a", "a"), ("a", "./a"), ("./a", "a/")]
    for one, other in pairs:
        sorts = [tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE for name in (one, other)]
        assert refusal(odd_tar(member(one, sorts[0]), member(other, sorts[1]))) == ("a", "duplicate_path")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "good")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "evil")
    assert refusal(packed.getvalue()) == ("a", "duplicate_path")


def test_a_name_that_is_no_utf8_is_refused() -> None:
    raw = tarfile.TarInfo("a\udcff").tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    assert refusal(gzip.compress(raw + bytes(1024)))[1] == "bad_path"
    latin = zipped({"b": b"x"}).replace(b"b", b"\xe9")
    assert refusal(latin)[1] == "bad_path"
    claims_utf8 = zipped({"b": b"x", "é": b"x"}).replace("é".encode(), b"\xff\xfe")
    assert refusal(claims_utf8)[1] in ("bad_path", "archive_unreadable")


def test_a_name_that_is_cut_at_a_nul_is_refused() -> None:
    packed = zipped({"contract.yamlXevil": b"x"}).replace(b"yamlXevil", b"yaml\0evil")
    assert refusal(packed)[1] == "bad_path"


def test_what_is_no_text_is_refused() -> None:
    for content in (tar({"a": b"\xff\xfe"}), zipped({"a": b"\xff\xfe"})):
        assert refusal(content) == ("a", "not_text")


# --- bombs --------------------------------------------------------------------------------


def test_what_unpacks_to_too_much_is_stopped_on_the_way() -> None:
    zeros = gzip.compress(bytes(64 * MAX_UNPACKED))
    assert len(zeros) < MAX_PACKED
    assert refusal(zeros) == ("", "bundle_too_large")
    big = bytes(64 * MAX_BUNDLE_BYTES)
    assert refusal(zipped({"a": big})) == ("a", "bundle_too_large")
    assert refusal(tar({"a": b"x" * (MAX_FILE_BYTES + 1)})) == ("a", "bundle_too_large")


@pytest.mark.parametrize("sort", ["tar", "zip"])
def test_what_unpacks_to_too_much_takes_no_memory(sort: str) -> None:
    big = bytes(32 * MAX_UNPACKED)
    bomb = gzip.compress(big) if sort == "tar" else zipped({"a": big})
    del big
    tracemalloc.start()
    try:
        refusal(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_UNPACKED


def test_a_head_that_lies_about_a_size_gets_no_more_memory() -> None:
    content = bytes(8 * MAX_BUNDLE_BYTES)
    honest = zipped({"a": content})
    lying = honest.replace(struct.pack("<I", len(content)), struct.pack("<I", 1))
    assert lying != honest
    assert refusal(lying)[1] in ("bundle_too_large", "archive_unreadable")


def test_a_bomb_of_many_files_that_share_their_bytes_is_stopped() -> None:
    # Every entry of the directory points at the same packed bytes.
    content = b"x" * MAX_FILE_BYTES
    kernel, total = zlib.compress(content, 9)[2:-4], zlib.crc32(content)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, total,
                        len(kernel), MAX_FILE_BYTES, 1, 0) + b"a" + kernel  # fmt: skip
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, total,
                        len(kernel), MAX_FILE_BYTES, 1, 0, 0, 0, 0, 0, 0)  # fmt: skip
    names = [bytes([letter]) for letter in b"abcdefghijklmnop"]
    directory = b"".join(entry + name for name in names)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 16, 16, len(directory), len(local), 0)
    assert refusal(local + directory + end)[1] in ("bundle_too_large", "archive_unreadable")


def test_too_many_files_or_entries_are_refused() -> None:
    many = {f"f{number}": b"" for number in range(MAX_FILES + 1)}
    for content in (tar(many), zipped(many)):
        assert refusal(content)[1] == "bundle_too_large"
    folders = [member(f"d{number}", tarfile.DIRTYPE) for number in range(MAX_ENTRIES + 1)]
    assert refusal(odd_tar(*folders))[1] == "too_many_entries"
    assert refusal(zipped({f"d{number}/": b"" for number in range(MAX_ENTRIES + 1)}))[1] == "too_many_entries"
    whole = {f"f{number}": b"x" * MAX_FILE_BYTES for number in range(9)}
    for content in (tar(whole), zipped(whole)):
        assert refusal(content)[1] == "bundle_too_large"


def test_an_archive_that_is_large_as_it_is_is_not_even_opened() -> None:
    assert refusal(b"\x1f\x8b" + bytes(MAX_PACKED)) == ("", "archive_too_large")


def test_a_record_without_end_in_front_of_an_entry_keeps_nobody_busy() -> None:
    digits = b"1" * (1024 * 1024)
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, len(digits)
    raw = head.tobuf(tarfile.USTAR_FORMAT) + digits
    assert refusal(gzip.compress(raw + bytes(1024)))[1] == "archive_unreadable"


# --- what is no archive -------------------------------------------------------------------

HEAD = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
END = bytes(1024)


def raw_tar(sort: bytes, body: bytes, then: bytes = HEAD + END) -> bytes:
    """Return a .tar.gz that begins with an entry of a sort of its own."""
    head = tarfile.TarInfo("x")
    head.type, head.size = sort, len(body)
    padding = bytes(-len(body) % 512)
    return gzip.compress(head.tobuf(tarfile.USTAR_FORMAT) + body + padding + then)


def resized(field: bytes) -> bytes:
    """Return a .tar.gz whose head has another size, and a checksum that fits."""
    head = bytearray(HEAD)
    head[124:136] = field
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return gzip.compress(bytes(head) + END)


UNREADABLE: Mapping[str, bytes] = {
    "empty-gzip": gzip.compress(b""),
    "no-end": gzip.compress(HEAD),
    "no-tar": gzip.compress(b"x" * 2048),
    "cut": gzip.compress(HEAD + END)[:-5],
    "more-after": gzip.compress(HEAD + END) + b"x",
    "second-gzip": gzip.compress(HEAD + END) * 2,
    "damaged-head": gzip.compress(b"b" + HEAD[1:] + END),
    "within-an-entry": resized(b"00000077777\0"),
    "negative-size": resized(b"\xff" * 11 + b"\0"),
    "base-256-size": resized(b"\x80" + b"\0" * 10 + b"\1"),
    "size-of-letters": resized(b"zzzzzzzzzzz\0"),
    "size-of-nothing": resized(b"\0" * 12),
    "sparse": raw_tar(tarfile.GNUTYPE_SPARSE, b""),
    "long-link": raw_tar(tarfile.GNUTYPE_LONGLINK, b"a"),
    "volume": raw_tar(b"V", b""),
    "name-without-entry": raw_tar(tarfile.GNUTYPE_LONGNAME, b"a", END),
    "two-names": raw_tar(tarfile.GNUTYPE_LONGNAME, b"a", gzip.decompress(raw_tar(b"L", b"b"))),
    "name-for-all": raw_tar(tarfile.XGLTYPE, b"10 path=a\n"),
    "size-record": raw_tar(tarfile.XHDTYPE, b"10 size=9\n"),
    "sparse-record": raw_tar(tarfile.XHDTYPE, b"21 GNU.sparse.major=1\n"),
    "charset-record": raw_tar(tarfile.XHDTYPE, b"21 hdrcharset=BINARY\n"),
    "record-of-no-length": raw_tar(tarfile.XHDTYPE, b"0 path=a\n"),
    "record-too-long": raw_tar(tarfile.XHDTYPE, b"99 path=a\n"),
    "record-too-short": raw_tar(tarfile.XHDTYPE, b"5 path=a\n"),
    "record-of-letters": raw_tar(tarfile.XHDTYPE, b"aa path=a\n"),
    "record-of-minus": raw_tar(tarfile.XHDTYPE, b"-9 path=a\n"),
    "record-without-equals": raw_tar(tarfile.XHDTYPE, b"9 path_a\n"),
    "record-without-break": raw_tar(tarfile.XHDTYPE, b"9 path=ab"),
    "half-a-zip": zipped({"a": b"x"})[:-10],
    "zip-with-a-wrong-sum": zipped({"a": b"hello"}, compress_type=0).replace(b"hello", b"hallo"),
    "no-zip": b"PK" + bytes(100),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_plainly_is_refused(content: bytes) -> None:
    assert refusal(content) == ("", "archive_unreadable")


@pytest.mark.parametrize(
    "content", [b"", b"x", b"contract.yaml", HEAD + END], ids=["nothing", "x", "text", "tar"]
)
def test_what_is_no_archive_of_ours_is_refused(content: bytes) -> None:
    assert refusal(content) == ("", "archive_unknown")


@pytest.mark.parametrize(
    "change", [{"compress_type": zipfile.ZIP_LZMA}, {"compress_type": zipfile.ZIP_BZIP2}]
)
def test_a_zip_that_is_packed_oddly_is_refused(change: dict[str, int]) -> None:
    assert refusal(zipped({"a": b"x"}, **change)) == ("a", "archive_method")


def test_a_zip_with_a_password_is_refused() -> None:
    locked = bytearray(zipped({"a": b"x"}))
    locked[6] |= 1
    directory = locked.index(b"PK\x01\x02")
    locked[directory + 8] |= 1
    assert refusal(bytes(locked)) == ("a", "archive_method")


SMALL = {"top/contract.yaml": b"kind: Contract\n", "top/docs/README.md": b"# a\n"}
PACKED = {"tar": gzip.decompress(tar(SMALL)), "zip": zipped(SMALL)}


@settings(max_examples=300)
@given(st.sampled_from(sorted(PACKED)), st.data())
def test_a_damaged_archive_is_refused_or_read_and_nothing_else(sort: str, data: st.DataObject) -> None:
    content = bytearray(PACKED[sort])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    whole = gzip.compress(bytes(content)) if sort == "tar" else bytes(content)
    with suppress(Invalid):
        found = files_of_archive(whole)
        assert all(".." not in path.split("/") and not path.startswith("/") for path in found)


@given(st.binary(max_size=3000))
def test_bytes_of_nobody_are_refused(content: bytes) -> None:
    for start in (b"", b"PK", b"PK\x03\x04", b"\x1f\x8b"):
        refusal(start + content) if start or content[:2] not in (b"PK", b"\x1f\x8b") else None


@given(st.binary(max_size=2000))
def test_no_tar_file_breaks_its_reader(content: bytes) -> None:
    with suppress(ustar.Unreadable):
        list(ustar.entries(HEAD + content + END, 50))
