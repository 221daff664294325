# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs checkpoints and tombstones, and keeps them. Runs on the controller only, where the private key is.

Needs cryptography, which ansible-core itself needs. Writes below the directory of checkpoints.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from .._common.errors import InputError, StateError, SystemFailure
from .._common.files import write_atomic
from . import note
from .note import Checkpoint, Key

DIRECTORY = "~/.slipway/audit"
NEWEST = 16
_LIBRARIES = (
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.serialization",
)
_SSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"


class Signer:
    """A private key with its name.

    :param path: of a key in PEM or in the form of OpenSSH.
    :raises InputError: it cannot be read, or is none of Ed25519.
    """

    def __init__(self, path: Path, name: str, passphrase: str = "") -> None:
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise _refused(path, f"the key cannot be read: {exc.strerror}") from exc
        private, public = _loaded(path, data, passphrase.encode("utf-8") or None)
        self._private = private
        self.key = Key(name, public)
        if Key.read(self.key.text()) != self.key:
            raise _refused(path, "the key's name has spaces or plus signs")

    def signed(self, checkpoint: Checkpoint) -> str:
        """The note."""
        text = checkpoint.text()
        signature = bytes(self._private.sign(text.encode("utf-8")))
        return f"{text}\n{note.signature_line(self.key, signature)}"


def _loaded(path: Path, data: bytes, password: bytes | None) -> tuple[Any, bytes]:
    """The private key, and the bytes of the public one."""
    try:
        exceptions, ed25519, serialization = (importlib.import_module(name) for name in _LIBRARIES)
    except ImportError as exc:
        raise SystemFailure(
            "the library cryptography is not installed on the controller",
            where="cryptography",
            remedy="install it for the Python of ansible-core, which needs it too",
        ) from exc
    ssh = data.lstrip().startswith(_SSH)
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    try:
        private = load(data, password)
    except exceptions.UnsupportedAlgorithm as exc:
        raise _refused(path, "the key's encryption is not supported here, write it as PEM") from exc
    except (ValueError, TypeError) as exc:
        raise _refused(path, "the key cannot be read with this passphrase, or is none") from exc
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise _refused(path, "the key is none of Ed25519")
    raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return private, bytes(private.public_key().public_bytes(*raw))


def _refused(path: Path, what: str) -> InputError:
    return InputError(what, where=f"signing_key: {path}", remedy="make one with 'openssl genpkey -algorithm ed25519'")


class Kept:
    """The notes of one log that this controller has signed, and the keys that it trusts.

    :param directory: of all logs; ``~/.slipway/audit`` when empty.
    """

    def __init__(self, directory: str, origin: str) -> None:
        self.top = Path(directory or DIRECTORY).expanduser()
        parts = note.check_origin(origin).split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise InputError(f"{origin!r} cannot be an origin", where="origin", remedy="use names between slashes")
        self.origin = origin
        self.directory = self.top.joinpath(*parts, "notes")

    def keys(self) -> list[Key]:
        """Public keys that were used here."""
        path = self.top / "public_keys"
        return [Key.read(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def key_texts(self) -> list[str]:
        """The same, as modules take them."""
        return [key.text() for key in self.keys()]

    def trust(self, key: Key) -> None:
        """Remember a key."""
        keys = self.keys()
        if key not in keys:
            self.top.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self.top / "public_keys", "".join(f"{it.text()}\n" for it in [*keys, key]).encode("utf-8"))

    def newest(self) -> list[str]:
        """The last notes, the newest one first."""
        paths = sorted(self.directory.glob("*.note"), reverse=True)[:NEWEST]
        return [path.read_text(encoding="utf-8") for path in paths]

    def last(self) -> Checkpoint | None:
        """What was signed last, when a key that is trusted has signed it."""
        notes = self.newest()
        return note.read(note.verified(notes[0], self.keys())) if notes else None

    def keep(self, checkpoint: Checkpoint, signed: str) -> Path:
        """Write a note; one that is there is evidence, and stays.

        :raises StateError: it contradicts what was signed before.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, last, known = self._path(checkpoint.size), self.last(), self.of(checkpoint.size)
        if (last and checkpoint.size < last.size) or (known and known.hash != checkpoint.hash):
            raise StateError(
                f"record {checkpoint.size} as the end of the log contradicts what was signed before",
                where=str(self.directory),
                remedy="run audit_verify, and keep a copy as evidence",
            )
        if known is None:
            write_atomic(path, signed.encode("utf-8"))
        return path

    def of(self, size: int) -> Checkpoint | None:
        """What was signed when the log had this many records."""
        path = self._path(size)
        return note.read(note.verified(path.read_text(encoding="utf-8"), self.keys())) if path.exists() else None

    def _path(self, size: int) -> Path:
        return self.directory / f"{size:016d}.note"
