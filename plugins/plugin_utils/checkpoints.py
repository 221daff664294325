# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions share that sign where an audit log ends: who acts, what a host says of its log, and the signature.

Writes below the directory of checkpoints, on the controller.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.note import Checkpoint
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept, Signer
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator

KEY_NAME = "slipway.release/audit"
HASH = re.compile(r"[0-9a-f]{64}")


def signer_of(key: str, name: str = "", passphrase: str = "") -> Signer | None:
    """Who signs.

    :param key: path of the private key; nobody signs without one.
    :raises InputError: the key cannot be read.
    """
    return Signer(Path(key).expanduser(), name or KEY_NAME, passphrase) if key else None


def initiator(variables: Mapping[str, Any]) -> dict[str, str]:
    """Who runs this, and from where that person is logged in to the controller."""
    source = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return {"user": operator(variables), **({"source_ip": source} if source else {})}


def told(origin: str, said: Any, size: str, *more: str) -> Checkpoint:
    """What a host says about its log, when it is whole numbers and a hash; a host may be anybody's by now.

    :param size: the name under which it says the number of records.
    :param more: names of other numbers that it has to say.
    :raises StateError: it is something else.
    """
    fields = said if isinstance(said, dict) else {}
    numbers = [fields.get(name) for name in (size, "segment", *more)]
    digest = fields.get("hash")
    whole = all(isinstance(it, int) and not isinstance(it, bool) and it >= 0 for it in numbers)
    if not whole or not isinstance(digest, str) or not HASH.fullmatch(digest):
        raise StateError(
            "what the host says about its log is no number and hash, so nothing is signed",
            where=origin,
            remedy="run audit_verify, and see whether the host was changed",
        )
    return Checkpoint(origin, fields[size], digest, fields["segment"])


def signed(signer: Signer | None, kept: Kept, checkpoint: Checkpoint) -> dict[str, str]:
    """Sign it and keep it; what the result says of that.

    :raises StateError: it contradicts what was signed before.
    """
    if signer is None or not checkpoint.size:
        return {}
    note = signer.signed(checkpoint)
    file = kept.keep(checkpoint, note)
    return {"checkpoint": note, "checkpoint_file": str(file), "public_key": signer.key.text()}


def with_kept(arguments: Mapping[str, Any], stream: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a module that proves the logs of a host, with what this controller knows of them.

    :raises SlipwayError: the name of the log or of a key is none.
    :raises OSError: the checkpoints cannot be read.
    """
    host = str(variables.get("inventory_hostname", "localhost"))
    origin = str(arguments.get("origin") or f"{host}/{stream}")
    kept = Kept(str(arguments.get("checkpoint_directory") or ""), origin)
    ledgers = [head for part in arguments.get("ledgers") or [] for head in part.get("heads", []) if _is_of(head, host)]
    return {
        **{name: value for name, value in arguments.items() if name != "ledgers"},
        "origin": origin,
        "checkpoints": [*(arguments.get("checkpoints") or []), *kept.newest()],
        "public_keys": [*(arguments.get("public_keys") or []), *kept.key_texts()],
        **({"heads": [*(arguments.get("heads") or []), *ledgers]} if ledgers else {}),
    }


def _is_of(head: Any, host: str) -> bool:
    return isinstance(head, Mapping) and head.get("host") == host
