"""`avow contract keygen` and `sign`: who stands for a bundle.

The key is read and used here, on the author's machine, and goes nowhere else: what is sent is the
envelope. The library behind it belongs to the extra `signing`, so its door is loaded by name, and
the other commands need it not.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.bundle import bundle_from_files
from catalog.clock import utc_now
from catalog.provenance import PAYLOAD_TYPE, statement_about
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.local import show, told_as_failure
from platform_api.cli.origins import files_at

PUBLIC = ".pub"


def keygen(
    context: typer.Context,
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the private key goes.", show_default=False)
    ],
) -> None:
    """Make a pair of keys: FILE to sign with, FILE.pub for those who verify."""
    public_file = out.with_name(out.name + PUBLIC)
    for file in (out, public_file):
        if os.path.lexists(file):
            fix = "a key that is in use cannot be made again; choose another name"
            raise Failure(ExitCode.CONFLICT, f"There is something at {file} already.", fix=fix)
    key = _door().new_private_key()
    _write(out, key.pem(), 0o600)
    _write(public_file, key.public.pem.encode("ascii"), 0o644)
    told = {"key_id": key.public.id, "private_key": str(out), "public_key": str(public_file)}
    lines = (
        f"key {key.public.id}",
        f"  sign with  {out}  (keep it to yourself)",
        f"  verify by  {public_file}  (AVOW_TRUSTED_KEYS of the server)",
    )
    show(context, told, lines)


def sign(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder or archive.")],
    *,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The signature's file; NAME-VERSION.sig.json unless said."
        ),
    ] = None,
) -> None:
    """Sign a bundle as it is now; publish it with --signature FILE."""
    with told_as_failure():
        whole = bundle_from_files(files_at(bundle))
        private = _door().private_key(_read(key))
    statement = statement_about(whole, utc_now())
    envelope = private.seal(statement.payload(), PAYLOAD_TYPE)
    file = out or Path(f"{statement.name}-{statement.version}.sig.json")
    if file.resolve().is_relative_to(bundle.resolve()):
        fix = "name a file elsewhere with --out"
        raise Failure(ExitCode.USAGE, "A signature within the bundle would change what it signs.", fix=fix)
    try:
        file.write_text(json.dumps(envelope, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise Failure(ExitCode.OTHER, f"{file} cannot be written: {error.strerror}.") from error
    told = {
        "name": statement.name,
        "version": statement.version,
        "digest": statement.digest,
        "signed_at": statement.signed_at.isoformat(),
        "key_id": private.public.id,
        "signature": str(file),
    }
    lines = (
        f"signed {statement.name} {statement.version}  {statement.digest}",
        f"  by key {private.public.id}",
        f"  avow publish {bundle} --signature {file}",
    )
    show(context, told, lines)


def _door() -> Any:
    try:
        return importlib.import_module("platform_api.signing")
    except ImportError as error:
        fix = "install the extra: pip install 'avow[signing]'"
        raise Failure(ExitCode.OTHER, "What signs is not installed.", fix=fix) from error


def _read(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{key} cannot be read: {error.strerror}.") from error


def _write(file: Path, content: bytes, mode: int) -> None:
    """Write a file that must not be there, readable for nobody else from the first moment."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    except OSError as error:
        raise Failure(ExitCode.OTHER, f"{file} cannot be written: {error.strerror}.") from error
