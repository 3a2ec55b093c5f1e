"""Small secrets of this installation that live in files of the data folder, mode 600.

They are made when first needed, by whichever process comes first; of two that come at once
one wins and both use its file.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from catalog.errors import Invalid
from platform_api.settings import Settings

_KEY_FILE = "signing-key"
_KEY_BYTES = 32


def kept_key(settings: Settings) -> bytes:
    """Return the key that signs page tokens: the configured one, or the data folder's own."""
    configured = settings.signing_key.get_secret_value()
    if configured:
        return configured.encode("utf-8")
    return kept(settings.folder / _KEY_FILE, lambda: secrets.token_hex(_KEY_BYTES)).encode("ascii")


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return what a private file holds, made now if there is none yet.

    Raises:
        Invalid: `invalid_settings`, when others may read the file or it holds nothing.
    """
    with suppress(FileExistsError):
        _write(path, make())
    if path.stat().st_mode & 0o077:
        raise Invalid("invalid_settings", f"Others may read {path}.", fix=f"chmod 600 {path}")
    text = path.read_text("utf-8").strip()
    if not text:
        raise Invalid("invalid_settings", f"{path} is empty.", fix="remove it")
    return text


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    if path.exists():
        raise FileExistsError(path)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # refuses to replace
    finally:
        draft.unlink(missing_ok=True)
