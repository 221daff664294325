# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint counts when a trusted key has signed these very bytes; everything else is refused."""

from __future__ import annotations

import base64
import random
import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import ed25519, note
from ansible_collections.slipway.release.plugins.module_utils._audit.note import Checkpoint, Key
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept, Signer
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import FORKED, Report, trusted
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Section 7.1 of RFC 8032: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
            "1cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
            "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
            "984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
ORIGIN = "db1/deployments"


def pem(private: object) -> bytes:
    """A private key without passphrase."""
    made: bytes = private.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A new key."""
    (tmp_path / "key.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
    return Signer(tmp_path / "key.pem", "slipway.release/audit")


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_rfc_8032(public: str, message: str, signature: str) -> None:
    raw = bytes.fromhex(signature)
    assert ed25519.verified(bytes.fromhex(public), bytes.fromhex(message), raw)
    assert not ed25519.verified(bytes.fromhex(public), bytes.fromhex(message) + b"x", raw)
    more = (int.from_bytes(raw[32:], "little") + ed25519._L).to_bytes(32, "little")
    assert not ed25519.verified(bytes.fromhex(public), bytes.fromhex(message), raw[:32] + more)


def test_what_the_library_signs_is_verified_and_no_bit_may_differ() -> None:
    made = random.Random(3)
    for _round in range(10):
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        message = made.randbytes(made.randrange(100))
        signature = private.sign(message)
        assert ed25519.verified(public, message, signature)
        flipped = bytearray(signature)
        flipped[made.randrange(64)] ^= 1 << made.randrange(8)
        assert not ed25519.verified(public, message, bytes(flipped))


@pytest.mark.parametrize("order", [b"\1" + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_key_of_small_order_has_signed_nothing(order: bytes) -> None:
    assert not ed25519.verified(order, b"anything", b"\1" + bytes(63))


def test_a_checkpoint_is_a_note_of_c2sp(signer: Signer) -> None:
    text = signer.signed(Checkpoint(ORIGIN, 7, "ab" * 32, 2))
    body, _empty, signatures = text.partition("\n\n")
    assert body.split("\n")[:3] == [ORIGIN, "7", base64.b64encode(b"\xab" * 32).decode()]
    name, encoded = signatures.rstrip("\n").removeprefix("— ").split(" ")
    assert (name, base64.b64decode(encoded)[:4]) == ("slipway.release/audit", signer.key.identity())
    assert note.read(note.verified(text, [signer.key])) == Checkpoint(ORIGIN, 7, "ab" * 32, 2)


def test_a_key_of_the_go_checksum_database_is_read() -> None:
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert Key.read(text).text() == text
    with pytest.raises(InputError):
        Key.read(text.replace("033de0ae", "033de0af"))


def test_no_change_of_a_note_goes_unnoticed(signer: Signer) -> None:
    text = signer.signed(Checkpoint(ORIGIN, 7, "ab" * 32, 2))
    made = random.Random(4)
    for _round in range(60):
        raw = bytearray(text.encode())
        raw[made.randrange(len(raw))] ^= 1 << made.randrange(7)
        changed = raw.decode("utf-8", "replace")
        with pytest.raises(StateError):
            note.read(note.verified(changed, [signer.key]))


def test_another_key_of_the_same_name_does_not_count(signer: Signer, tmp_path: Path) -> None:
    text = signer.signed(Checkpoint(ORIGIN, 7, "ab" * 32, 2))
    (tmp_path / "other.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
    with pytest.raises(StateError, match="no key that is trusted"):
        note.verified(text, [Signer(tmp_path / "other.pem", signer.key.name).key])


def test_a_signed_text_that_is_no_checkpoint_is_refused(signer: Signer) -> None:
    for text in ("a\n1\n", f"{ORIGIN}\n07\nq6s=\n{note.CHAIN}\nsegment 1\n", "\n"):
        with pytest.raises(StateError):
            note.read(text)


def test_checkpoints_that_contradict_each_other_are_a_fork(signer: Signer) -> None:
    report = Report()
    notes = [signer.signed(Checkpoint(ORIGIN, 7, text * 32, 1)) for text in ("ab", "cd")]
    trusted(notes, [signer.key], ORIGIN, report)
    assert report.counts[FORKED] == 1
    with pytest.raises(StateError, match="not of"):
        trusted(notes, [signer.key], "db2/deployments", report)


def test_a_key_of_openssh_will_do(tmp_path: Path) -> None:
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    found = Signer(path, "ops")
    public = base64.b64decode((tmp_path / "id.pub").read_text().split()[1])
    assert public.endswith(found.key.public)


def test_a_key_with_a_passphrase_needs_it(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    encryption = serialization.BestAvailableEncryption(b"horse battery")
    path = tmp_path / "key.pem"
    path.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    assert Signer(path, "ops", "horse battery").key.public == private.public_key().public_bytes_raw()
    for wrong in ("", "wrong"):
        with pytest.raises(InputError, match="passphrase"):
            Signer(path, "ops", wrong)


def test_other_keys_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ec.pem").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    for name, content in (("ec.pem", None), ("none.pem", b"none"), ("gone.pem", None)):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="key"):
            Signer(tmp_path / name, "ops")


def test_the_newest_note_of_each_origin_is_found(signer: Signer, tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "kept"), ORIGIN)
    assert kept.last() is None
    kept.trust(signer.key)
    for size in (9, 10, 123):
        checkpoint = Checkpoint(ORIGIN, size, "ab" * 32, 1)
        kept.keep(checkpoint, signer.signed(checkpoint))
    last = kept.last()
    assert last and last.size == 123
    assert Kept(str(tmp_path / "kept"), "db2/deployments").last() is None


@pytest.mark.parametrize("origin", ["", "a b", "../x", "a//b", "a+b"])
def test_an_origin_is_no_path_to_elsewhere(tmp_path: Path, origin: str) -> None:
    with pytest.raises(InputError):
        Kept(str(tmp_path), origin)
