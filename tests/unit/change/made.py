# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Persons with real SSH keys, and a policy that knows them."""

from __future__ import annotations

import copy
import json
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._change.document import Document, namespace, template
from ansible_collections.slipway.release.plugins.module_utils._change.subject import Subject

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=timezone.utc)
PERSONS = ("eva", "otto", "dora", "carl", "dev", "ops")
SUBJECT = Subject(
    app="shop",
    operation="deploy",
    region="",
    artifact="a" * 64,
    commit="c0ffee",
    environment="production",
    inventory="b" * 64,
    migrations="",
    change="CR-17",
    justification="orders are lost",
    risk="low",
    author="dev@example.com",
)
POLICY: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "windows": [{"name": "period close", "kind": "deny", "last_days": 3}],
    "people": {name: [f"{name}@example.com"] for name in PERSONS},
    "groups": {
        "engineering_manager": ["eva"],
        "operations_lead": ["otto", "eva", "ops"],
        "dba": ["dora"],
        "finance": ["carl"],
        "operations": ["ops", "otto"],
    },
    "approvals": {"groups": ["engineering_manager", "operations_lead"], "ddl": ["dba"]},
    "override": {"groups": ["finance"]},
}


class Keys:
    """A key for each person, and the file of allowed signers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.allowed = directory / "allowed_signers"
        lines = []
        for name in (*PERSONS, "mallory"):
            self.make(name)
            if name != "mallory":
                lines.append(f"{name}@example.com {self.public(name)}")
        self.allowed.write_text("\n".join(lines) + "\n", encoding="ascii")

    def make(self, name: str) -> None:
        """A new key."""
        path = self.directory / name
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(words, check=True, capture_output=True)

    def public(self, name: str) -> str:
        """The public key, without its comment."""
        return " ".join((self.directory / f"{name}.pub").read_text(encoding="ascii").split()[:2])

    def signature(self, name: str, content: bytes, purpose: str) -> bytes:
        """Made by ``ssh-keygen -Y sign``."""
        words = ["ssh-keygen", "-q", "-Y", "sign", "-n", purpose, "-f", str(self.directory / name)]
        return subprocess.run(words, input=content, check=True, capture_output=True).stdout

    def policy(self, **changes: Any) -> dict[str, Any]:
        """The policy, with these keys."""
        made = {**copy.deepcopy(POLICY), **changes}
        made["approvals"] = {"allowed_signers": str(self.allowed), **made["approvals"]}
        return made

    def signed(
        self,
        name: str,
        /,
        group: str,
        *,
        kind: str = "approval",
        key: str = "",
        subject: Subject = SUBJECT,
        **says: Any,
    ) -> Document:
        """A document that somebody has filled in and signed.

        :param key: whose key signs, when it is not the signer's.
        """
        content = filled(kind, subject, name, group, **says)
        made = self.signature(key or name, content, namespace(kind))
        return Document(f"{kind}-{name}.json", content, made)


def filled(kind: str, subject: Subject, name: str, group: str, /, **says: Any) -> bytes:
    """The bytes that are signed."""
    more = {"justification": "customers wait", "ticket": "INC-4"} if kind == "override" else {}
    content = {
        **template(kind, subject),
        "signer": f"{name}@example.com",
        "group": group,
        "given": (NOW - timedelta(hours=1)).isoformat(),
        "expires": (NOW + timedelta(hours=8)).isoformat(),
        **more,
        **says,
    }
    return json.dumps(content, indent=1).encode("ascii")
