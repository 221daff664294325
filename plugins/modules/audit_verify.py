#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that an audit log is what was written, or say where it is not. Writes nothing but the export."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_verify
short_description: Prove that an audit log is unaltered, or say where it is not
version_added: 0.1.0
description:
  - Reads a log of M(slipway.release.audit_emit) from its first record to its last, and reports records that were
    edited, are missing, stand in another order, were cut off, or are those of another history (forked), each with
    file, line and number.
  - A chain proves nothing about its own end. What no checkpoint covers is reported as C(unproven), which is neither
    right nor wrong.
  - The log is read block by block, so that its size does not matter, and may be written meanwhile.
  - The action of the same name gives the checkpoints and public keys that are kept on the controller. The module needs
    nothing but Python on the host.
  - A log that was copied elsewhere is verified in the same way.
options:
  stream:
    description: Name of the stream.
    type: str
    required: true
  directory:
    description: Directory of the streams, on the host.
    type: path
    default: /var/lib/slipway/audit
  origin:
    description: What checkpoints call this log. The action fills in C(<inventory_hostname>/<stream>).
    type: str
    default: ""
  checkpoints:
    description:
      - Signed checkpoints, beside those that are kept on the controller.
    type: list
    elements: str
    default: []
  public_keys:
    description:
      - Keys whose checkpoints and tombstones count, as C(name+id+base64). The action adds those that are kept on the
        controller.
    type: list
    elements: str
    default: []
  checkpoint_directory:
    description: Directory of checkpoints, on the controller; C(~/.slipway/audit) when empty.
    type: str
    default: ""
  fail_on:
    description:
      - V(broken) fails when anything is wrong. V(unproven) fails also when a part is not covered by a checkpoint. With
        V(never) it is the playbook that judges RV(verdict).
    type: str
    choices: [broken, unproven, never]
    default: broken
  export:
    description:
      - File on the host that is written with all records, when nothing is wrong with the log.
    type: path
  export_format:
    description:
      - V(csv) is a table with a column for each field. V(ocsf) is JSON Lines with an event of the class API Activity
        of OCSF for each record.
    type: str
    choices: [csv, ocsf]
    default: csv
  interrupted:
    description: Return what was begun and has not ended, RV(interrupted).
    type: bool
    default: false
  absent:
    description: Whether a log that is not there fails the task, or is RV(verdict) C(absent).
    type: str
    choices: [fail, pass]
    default: fail
  metrics_directory:
    description: Directory on the host in which the outcome is written as a text file for Prometheus; none when empty.
    type: str
    default: ""
attributes:
  check_mode:
    description: Verifies; neither the export nor the metrics are written.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: Nothing but the export and metrics is written, and these only from the log.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.audit_emit
"""

EXAMPLES = r"""
- name: Prove the log against the checkpoints of this controller
  slipway.release.audit_verify:
    stream: deployments
  become: true

- name: Give the quarter's log to the auditors
  slipway.release.audit_verify:
    stream: deployments
    fail_on: unproven
    export: /srv/audit/deployments.csv
  become: true
"""

RETURN = r"""
verdict:
  description:
    - C(intact) when all of it is proven, C(unproven) when nothing is wrong but a checkpoint does not cover all,
      C(broken) otherwise.
    - C(absent) when there is no such log, with O(absent=pass).
  returned: always
  type: str
  sample: intact
records:
  description: Number of records that are in their place.
  returned: always
  type: int
  sample: 1204
head:
  description: Where the log ends.
  returned: always
  type: dict
  sample: {segment: 2, seq: 1204, hash: 9f86d0…}
proven:
  description: Number of the last record that a checkpoint proves; 0 without any.
  returned: always
  type: int
  sample: 1204
counts:
  description: Number of findings by kind.
  returned: always
  type: dict
  sample: {edited: 0, missing: 0, reordered: 0, truncated: 0, forked: 0, unproven: 0}
findings:
  description: The first hundred findings, each with C(kind), C(file), C(line), C(seq) and C(message).
  returned: always
  type: list
  elements: dict
interrupted:
  description:
    - The first hundred acts and runs of a controller that were begun and have not ended, each with C(what), C(seq),
      C(time), C(operation), C(target), C(deployment) and C(token). They are under way, or were interrupted.
  returned: with O(interrupted=true)
  type: list
  elements: dict
exported:
  description: Number of records in the export.
  returned: when O(export) was written
  type: int
  sample: 1204
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._audit import metrics
from ansible_collections.slipway.release.plugins.module_utils._audit.export import FORMATS, Export
from ansible_collections.slipway.release.plugins.module_utils._audit.interrupted import Interrupted
from ansible_collections.slipway.release.plugins.module_utils._audit.note import Key
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Record
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import (
    BROKEN,
    INTACT,
    Report,
    signed_tombstone,
    trusted,
    verify,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    SlipwayError,
    StateError,
    SystemFailure,
)

ARGUMENTS: dict[str, Any] = {
    "stream": {"type": "str", "required": True},
    "directory": {"type": "path", "default": "/var/lib/slipway/audit"},
    "origin": {"type": "str", "default": ""},
    "checkpoints": {"type": "list", "elements": "str", "default": []},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "checkpoint_directory": {"type": "str", "default": ""},
    "fail_on": {"type": "str", "choices": ["broken", "unproven", "never"], "default": "broken"},
    "export": {"type": "path"},
    "export_format": {"type": "str", "choices": list(FORMATS), "default": "csv"},
    "interrupted": {"type": "bool", "default": False},
    "absent": {"type": "str", "choices": ["fail", "pass"], "default": "fail"},
    "metrics_directory": {"type": "str", "default": ""},
}


def run(module: AnsibleModule) -> tuple[dict[str, Any], bool]:
    """Verify; the result, and whether the task fails."""
    params = module.params
    files = Files(Path(params["directory"]), params["stream"])
    if not files.top.is_dir():
        if params["absent"] == "pass":
            nothing: dict[str, Any] = {"verdict": "absent", "records": 0, "proven": 0, "findings": []}
            return {"changed": False, **nothing, **({"interrupted": []} if params["interrupted"] else {})}, False
        raise StateError("there is no such log", where=str(files.top), remedy="correct stream or directory")
    origin = params["origin"] or params["stream"]
    keys = [Key.read(text) for text in params["public_keys"]]
    if params["checkpoints"] and not keys:
        raise InputError("checkpoints without public_keys prove nothing", where="public_keys", remedy="give the key")
    report = Report()
    anchors = trusted(params["checkpoints"], keys, origin, report)
    tombstone = partial(signed_tombstone, files, keys, origin)
    export = Export(Path(params["export"]), params["export_format"]) if _exports(module) else None
    interrupted = Interrupted() if params["interrupted"] else None
    try:
        verify(files, anchors, report=report, tombstone=tombstone, consumer=_consumer(export, interrupted))
        kept = export is not None and report.verdict != BROKEN
        if export and kept:
            export.keep()
    finally:
        if export:
            export.drop()
    verdict = report.verdict
    failed = (verdict == BROKEN and params["fail_on"] != "never") or (
        verdict != INTACT and params["fail_on"] == "unproven"
    )
    exported = {"exported": export.records} if export and kept else {}
    opened = {"interrupted": interrupted.open()} if interrupted else {}
    return {"changed": bool(exported), **report.as_result(), **opened, **exported}, failed


def _consumer(export: Export | None, interrupted: Interrupted | None) -> Callable[[Record], None] | None:
    takers = [it.take for it in (export, interrupted) if it]
    if len(takers) < 2:
        return takers[0] if takers else None

    def take(record: Record) -> None:
        for taker in takers:
            taker(record)

    return take


def _exports(module: AnsibleModule) -> bool:
    return bool(module.params["export"]) and not module.check_mode


def tell(module: AnsibleModule, verdict: str) -> None:
    """Write the metrics; what keeps that from being done is a warning."""
    directory = module.params["metrics_directory"]
    if not directory or module.check_mode:
        return
    try:
        metrics.write(directory, module.params["stream"], success=verdict != BROKEN, at=int(time.time()))
    except OSError as exc:
        module.warn(f"the metrics are not written to {directory}: {exc.strerror or exc}")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result, failed = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    except OSError as exc:
        failure = SystemFailure(
            f"the log cannot be read: {exc.strerror or exc}",
            where=str(exc.filename or module.params["directory"]),
            remedy="run it with become, and see that the export's directory is there",
        )
        module.fail_json(**failure.as_result())
    tell(module, result["verdict"])
    if failed:
        first = result["findings"][0]
        place = f"{first['file']}, line {first['line']}, record {first['seq']}"
        module.fail_json(msg=f"{place}: {first['kind']}: {first['message']}. The log is {result['verdict']}.", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
