# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a run in the audit log: the ledger host's log gets the heads of the other logs, and is signed.

Writes below the directory of checkpoints, on the controller. What cannot be signed is a warning: the run has ended as
it has, and its traffic is where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import LAST_OF_A_RUN
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept, Signer
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.plugin_utils import heads
from ansible_collections.slipway.release.plugins.plugin_utils.audited import Audits, settings_of
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import signed, signer_of, told


class Ending:
    """One call of the ledger, which may be the last one of its run.

    :ivar arguments: of the module, with what it needs to write and to compare.
    """

    def __init__(self, action: Audits, variables: Mapping[str, Any], arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.warnings: list[str] = []
        self.kept: Kept | None = None
        self.signer: Signer | None = None
        option = arguments.get("audit")
        if not option or arguments.get("command") not in LAST_OF_A_RUN or action._task.check_mode:
            return
        more: dict[str, Any] = {"heads": self._heads()}
        origin = f"{action.acting_host(variables)}/{option['stream']}"
        try:
            more.update(self._compared(settings_of(action._templar, variables), origin))
        except (SlipwayError, AnsibleError, OSError, ValueError, TypeError, AttributeError) as exc:
            self.signer = None
            self._warn(exc)
        self.arguments = {**arguments, "audit": {**option, **more}}

    def signed(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result of the module, once the end of the log is signed."""
        end = result.get("audit")
        made: dict[str, str] = {}
        if isinstance(end, dict) and self.kept is not None:
            made = self._sign(end, self.kept)
        told_too = [*result.get("warnings", []), *self.warnings]
        return {
            **result,
            **({"audit": {**end, **made}} if isinstance(end, dict) and made else {}),
            **({"warnings": told_too} if told_too else {}),
        }

    def _heads(self) -> list[dict[str, Any]]:
        """Where the other logs of this run end, as far as it has seen it."""
        try:
            found, left_out = heads.noted()
        except (OSError, ValueError, KeyError, TypeError) as exc:
            self.warnings.append(f"the ledger's log does not say where the other audit logs end: {exc}")
            return []
        if left_out:
            self.warnings.append(f"the ledger's log does not say of {left_out} audit logs where they end: too many")
        return found

    def _compared(self, settings: Mapping[str, Any], origin: str) -> dict[str, Any]:
        """What the host compares its log with before it is signed."""
        self.signer = signer_of(str(settings.get("signing_key") or ""))
        if self.signer is None:
            return {}
        kept = Kept(str(settings.get("checkpoint_directory") or ""), origin)
        kept.trust(self.signer.key)
        last = kept.last()
        self.kept = kept
        return {
            "origin": origin,
            "public_keys": kept.key_texts(),
            **({"anchor": asdict(last)} if last else {}),
        }

    def _sign(self, end: dict[str, Any], kept: Kept) -> dict[str, str]:
        if end.get("discontinued"):
            self.warnings.append(
                f"the audit log of {kept.origin} does not continue what was signed before, so nothing is signed: "
                f"{end['discontinued']}. Remedy: run audit_verify.yml and keep a copy as evidence."
            )
            return {}
        try:
            return signed(self.signer, kept, told(kept.origin, end, "seq"))
        except (SlipwayError, OSError) as exc:
            self._warn(exc)
            return {}

    def _warn(self, exc: Exception) -> None:
        reason = exc.message() if isinstance(exc, SlipwayError) else str(exc)
        self.warnings.append(f"the end of the audit log is not signed: {reason}")
