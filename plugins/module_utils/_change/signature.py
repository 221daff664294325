# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached signatures by SSH keys, as ``ssh-keygen -Y sign`` makes them: who has signed these bytes, for which purpose.

Runs ssh-keygen on the controller, and writes the signature below its temporary directory meanwhile.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .._common.errors import SystemFailure
from .._common.process import Finished, TimeoutExpired, run

TIMEOUT = 20
_KEY = re.compile(r"key (SHA256:[A-Za-z0-9+/=]+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Signed:
    """What a signature is worth.

    :param refusal: why it does not count; empty where it does.
    :param key: fingerprint of the key that has made it.
    """

    refusal: str = ""
    key: str = ""


@dataclass(frozen=True)
class Signers:
    """Whose signatures count.

    :param allowed: file of allowed signers, as ssh-keygen(1) describes it.
    :param revoked: file of revoked keys; empty for none.
    """

    allowed: Path
    revoked: str = ""

    def verified(self, content: bytes, signature: bytes, *, signer: str, namespace: str, at: datetime) -> Signed:
        """Whether the signature is one of the signer over these bytes, and by which key.

        :param namespace: the purpose that the signature was made for.
        :param at: the instant at which the signer's key must be valid.
        :raises SystemFailure: ssh-keygen, or a file that it needs, is missing.
        """
        allowed, revoking = os.path.expanduser(self.allowed), os.path.expanduser(self.revoked)
        for path in filter(None, (allowed, revoking)):
            _refuse_missing(Path(path))
        with tempfile.TemporaryDirectory(prefix="slipway-signature-") as directory, tempfile.TemporaryFile() as given:
            made = Path(directory) / "signature"
            made.write_bytes(signature)
            given.write(content)
            given.flush()
            given.seek(0)
            # ssh-keygen takes times for those of this computer's zone.
            words = ["-n", namespace, "-I", signer, "-O", f"verify-time={at.astimezone():%Y%m%d%H%M%S}"]
            revoked = ["-r", revoking] if revoking else []
            done = _run(["-Y", "verify", "-f", allowed, *words, *revoked, "-s", str(made)], given.fileno())
        key = _KEY.search(done.stdout)
        if done.returncode == 0 and key:
            return Signed(key=key[1])
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = said[0].strip() if said else "no reason given"
        return Signed(refusal=f"the signature is not one of {signer} for {namespace} ({reason})")


def _refuse_missing(path: Path) -> None:
    try:
        problem = "" if path.is_file() else "there is no such file"
    except OSError as exc:
        problem = f"it cannot be read: {exc.strerror}"
    if problem:
        raise SystemFailure(problem, where=str(path), remedy="correct slipway_change_policy.approvals")


def _run(arguments: list[str], given: int) -> Finished:
    try:
        return run(["ssh-keygen", *arguments], timeout=TIMEOUT, given=given)
    except FileNotFoundError as exc:
        raise SystemFailure(
            "it is not installed, so no signature can be verified",
            where="ssh-keygen on the controller",
            remedy="install OpenSSH's client, 8.9 or newer",
        ) from exc
    except TimeoutExpired as exc:
        raise SystemFailure(
            f"it did not end within {TIMEOUT} s",
            where="ssh-keygen on the controller",
            remedy="run it by hand to see why",
        ) from exc
