# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes to an audit log through its module, and signs checkpoints and tombstones with a key of the controller.

Writes below the directory of checkpoints, on the controller.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ansible.module_utils.common.validation import check_type_dict, check_type_list
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.release.plugins.module_utils._audit.note import TOMBSTONE, Checkpoint
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError, StateError
from ansible_collections.slipway.release.plugins.module_utils._common.files import write_atomic
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._compliance.retention import term
from ansible_collections.slipway.release.plugins.plugin_utils.audited import goes_back
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import initiator, signed, signer_of, told
from ansible_collections.slipway.release.plugins.plugin_utils.redaction import of_profiles, profiles_of, usable

MODULE = "slipway.release.audit_emit"
OF_THE_CONTROLLER = ("signing_key", "signing_passphrase", "key_name", "checkpoint_directory")


class ActionModule(ActionBase):
    """Runs on the host that has the log."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and sign where the log ends."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        mine = {name: str(arguments.pop(name, "") or "") for name in OF_THE_CONTROLLER}
        host = variables.get("inventory_hostname", "localhost")
        arguments["origin"] = arguments.get("origin") or f"{host}/{arguments.get('stream', '')}"
        try:
            return self._run(arguments, mine, variables)
        except SlipwayError as exc:
            return {"failed": True, **exc.as_result()}
        except OSError as exc:
            return {"failed": True, "msg": f"{exc.filename}: the checkpoint cannot be kept: {exc.strerror}."}

    def _run(self, arguments: dict[str, Any], mine: dict[str, str], variables: dict[str, Any]) -> dict[str, Any]:
        arguments["redaction"] = self._redaction(arguments.get("redaction"), variables)
        if arguments.get("command") == "expire":
            arguments.update(self._term(arguments, variables))
        kept = Kept(mine["checkpoint_directory"], arguments["origin"])
        signer = signer_of(mine["signing_key"], mine["key_name"], mine["signing_passphrase"])
        if signer and not self._task.check_mode:
            kept.trust(signer.key)
        arguments["public_keys"] = kept.key_texts()
        arguments["context"] = {"initiator": initiator(variables), **(arguments.get("context") or {})}
        last = kept.last()
        if last:
            arguments["anchor"] = asdict(last)
        sinks = arguments.get("sinks") or []
        cursor = kept.directory.parent / "printed.json"
        if any(isinstance(it, dict) and it.get("type") == "stdout" for it in sinks) and cursor.exists():
            arguments["printed"] = json.loads(cursor.read_text(encoding="utf-8"))
        result = self._module(arguments, variables)
        expires = arguments.get("command") == "expire" and "due" in result and "discontinued" not in result
        if expires and not self._task.check_mode:
            if signer is None:
                raise InputError(
                    "segments expire only with a tombstone that is signed", where="signing_key", remedy="give the key"
                )
            arguments["tombstone"] = signer.signed(_tombstone(kept, result["due"]))
            result = self._module(arguments, variables)
        result.pop("due", None)
        if result.get("failed") or result.get("unreachable") or self._task.check_mode:
            return result
        head = told(arguments["origin"], result.get("head"), "seq")
        if result.get("printed"):
            told(arguments["origin"], result["printed"], "seq", "offset")
        self._print(result, cursor)
        if "discontinued" in result:
            where = result.pop("discontinued")
            msg = (
                f"{where}. The log does not continue what was signed before; the events are written, nothing is signed."
            )
            return {**result, "failed": True, "msg": f"{msg} Remedy: run audit_verify and keep a copy as evidence."}
        return {**result, **signed(signer, kept, head)}

    def _redaction(self, given: Any, variables: dict[str, Any]) -> dict[str, Any]:
        """The option, with what the compliance profiles of the run hide."""
        try:
            rules = dict(check_type_dict(given or {}))
            paths = {name: check_type_list(rules.get(name) or []) for name in ("mask", "hash")}
        except TypeError as exc:
            raise InputError(str(exc), where="redaction", remedy="write a mapping with lists of paths") from exc
        has_key = bool(usable(rules.get("key")))
        found = of_profiles(self._templar, variables, has_key=has_key, back=goes_back(variables))
        return {**rules, "mask": [*paths["mask"], *found.mask], "hash": [*paths["hash"], *found.hashed]}

    def _term(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, int]:
        """How long the log is kept, by the task and by the compliance profiles of the run."""
        where = "retention_days"
        try:
            days = int(arguments.get(where) or 0)
        except (TypeError, ValueError) as exc:
            raise InputError("it is no whole number", where=where, remedy="write a number of days") from exc
        found = term(load(profiles_of(self._templar, variables)), days, where)
        if days > found.days:
            Display().warning(f"the audit log goes after {found.days} days, not {days}: a compliance profile says so")
        most = {"at_most_days": found.at_most} if found.at_most else {}
        return {where: found.days, **most}

    def _update_module_args(
        self,
        module_name: str,
        module_args: dict[str, Any],
        task_vars: dict[str, Any],
        ignore_unknown_opts: bool = False,
    ) -> None:
        """Ansible writes a module's arguments into the system log of the host, before the module can hide anything."""
        super()._update_module_args(module_name, module_args, task_vars, ignore_unknown_opts=ignore_unknown_opts)
        module_args["_ansible_no_log"] = True

    def _module(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The result without the arguments, which have what is redacted in the log."""
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        result.pop("invocation", None)
        return result

    def _print(self, result: dict[str, Any], cursor: Path) -> None:
        """Print what the sink stdout has to get, and only then remember that."""
        printed = result.pop("printed", None)
        for line in result.pop("lines", ()):
            Display().display(line)
        if printed:
            cursor.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(cursor, json.dumps(printed).encode("utf-8"), mode=0o600)


def _tombstone(kept: Kept, due: Any) -> Checkpoint:
    """The tombstone that a host asks for: of this log, and of nothing that was never signed or was signed otherwise."""
    wanted = told(kept.origin, due, "size")
    last, known = kept.last(), kept.of(wanted.size)
    if (last and wanted.size > last.size) or (known and known.hash != wanted.hash):
        raise StateError(
            f"the host wants a tombstone of record {wanted.size}, which is not what was signed before",
            where=kept.origin,
            remedy="sign a checkpoint first; if there is one, run audit_verify and keep a copy as evidence",
        )
    return replace(wanted, origin=kept.origin + TOMBSTONE)
