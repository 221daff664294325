# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed notes: the text format of checkpoints and tombstones (C2SP signed-note and tlog-checkpoint). Touches nothing.

A checkpoint has the lines origin, number of records, and base64 of a hash. The hash is that of the last record of the
chain, and no root of a Merkle tree: an extension line says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .._common.errors import InputError, StateError
from . import ed25519

CHAIN = "slipway.release/audit chain v1"
TOMBSTONE = "/tombstone"
_ALGORITHM = b"\x01"
_SIGNATURE = "— "
_NAME = re.compile(r"[^\s+]+")
_ORIGIN = re.compile(r"[^\s+\x00-\x1f]+")


@dataclass(frozen=True)
class Checkpoint:
    """What is signed: that a stream had this hash when it had this many records.

    :ivar segment: the number of the segment in which the record is.
    """

    origin: str
    size: int
    hash: str
    segment: int

    def text(self) -> str:
        """The lines that are signed."""
        root = base64.b64encode(bytes.fromhex(self.hash)).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\n{CHAIN}\nsegment {self.segment}\n"


def read(text: str) -> Checkpoint:
    """The checkpoint of a text whose signature was checked.

    :raises StateError: it is none.
    """
    lines = text.split("\n")
    try:
        origin, size, root, chain, segment, end = lines
        word, _space, number = segment.partition(" ")
        found = Checkpoint(origin, int(size), base64.b64decode(root, validate=True).hex(), int(number))
        if chain != CHAIN or word != "segment" or end or found.text() != text or len(found.hash) != 64:
            raise ValueError(text)
    except ValueError:
        raise StateError(
            "the note is no checkpoint of an audit log", where=lines[0][:100], remedy="give the one that was signed"
        ) from None
    return found


def check_origin(origin: str) -> str:
    """The origin, when a note can have it.

    :raises InputError: it has spaces or plus signs.
    """
    if not _ORIGIN.fullmatch(origin):
        raise InputError(f"{origin!r} cannot be an origin", where="origin", remedy="leave out spaces and plus signs")
    return origin


@dataclass(frozen=True)
class Key:
    """A public key by its name, in the form ``name+id+base64`` of C2SP."""

    name: str
    public: bytes

    def identity(self) -> bytes:
        """Four bytes by which a signature says whose it is."""
        return hashlib.sha256(self.name.encode("utf-8") + b"\n" + _ALGORITHM + self.public).digest()[:4]

    def text(self) -> str:
        """As it is given to those who verify."""
        encoded = base64.b64encode(_ALGORITHM + self.public).decode("ascii")
        return f"{self.name}+{self.identity().hex()}+{encoded}"

    @classmethod
    def read(cls, text: str) -> Key:
        """The reverse of ``text``.

        :raises InputError: it is no such key.
        """
        name, _plus, rest = text.strip().partition("+")
        identity, _plus, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
            found = cls(name, raw[1:])
            if (
                len(raw) != 33
                or raw[:1] != _ALGORITHM
                or found.identity().hex() != identity
                or not _NAME.fullmatch(name)
            ):
                raise ValueError(text)
        except (ValueError, binascii.Error):
            raise InputError(
                "is no public key of a signed note, or was altered",
                where=f"public_keys: {name[:60]}",
                remedy="write it as audit_emit returns it: name+id+base64",
            ) from None
        return found


def signature_line(key: Key, signature: bytes) -> str:
    """The line that follows the text and an empty line."""
    return f"{_SIGNATURE}{key.name} {base64.b64encode(key.identity() + signature).decode('ascii')}\n"


def verified(note: str, keys: Sequence[Key]) -> str:
    """The text of a note that one of these keys has signed.

    :raises StateError: none has.
    """
    text, found, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.split("\n") if found else ():
        name, _space, encoded = line[len(_SIGNATURE) :].partition(" ")
        if line.startswith(_SIGNATURE) and _signed(text, name, encoded, keys):
            return text
    raise StateError(
        "no key that is trusted has signed the note",
        where=note.split("\n", 1)[0][:100],
        remedy="give the public key that belongs to it; if you did, the note was forged or altered",
    )


def _signed(text: str, name: str, encoded: str, keys: Sequence[Key]) -> bool:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return False
    return any(
        key.name == name and key.identity() == raw[:4] and ed25519.verified(key.public, text.encode("utf-8"), raw[4:])
        for key in keys
    )
