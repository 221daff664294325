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
extends_documentation_fragment: slipway.release.audit_log
options:
  stream:
    description: Name of the stream.
    type: str
    required: true
  fail_on:
    description:
      - V(broken) fails when anything is wrong. V(unproven) fails also when a part is not covered by a checkpoint. With
        V(never) it is the playbook that judges RV(verdict).
    type: str
    choices: [broken, unproven, never]
    default: broken
  export:
    description:
      - File on the host that is written with all records of the host's own log, when nothing is wrong with it.
    type: path
  export_format:
    description:
      - V(csv) is a table with a column for each field. V(ocsf) is JSON Lines with an event of the class API Activity
        of OCSF for each record.
    type: str
    choices: [csv, ocsf]
    default: csv
  interrupted:
    description: Return what was begun and has not ended, RV(interrupted), and what was done by itself, RV(returned).
    type: bool
    default: false
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
returned:
  description:
    - The last twenty times that an agent has returned the traffic by itself, since a lease ran out or a watch failed,
      each with C(time), C(seq), C(deployment), C(reason), and percents C(from) and C(to).
  returned: with O(interrupted=true)
  type: list
  elements: dict
accounts:
  description:
    - The logs that accounts of the host keep in their homes, each with C(account), C(directory), and what else is
      returned of the host's own. C(verdict) is C(unreadable) where one cannot be read, with C(message).
  returned: with O(accounts=true)
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
from ansible_collections.slipway.release.plugins.module_utils._audit.by_itself import Returns
from ansible_collections.slipway.release.plugins.module_utils._audit.export import FORMATS, Export
from ansible_collections.slipway.release.plugins.module_utils._audit.interrupted import Interrupted
from ansible_collections.slipway.release.plugins.module_utils._audit.places import reading_as_owner
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Record
from ansible_collections.slipway.release.plugins.module_utils._audit.sources import LOG, Source, sources, unreadable
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import (
    BROKEN,
    INTACT,
    UNPROVEN,
    Report,
    signed_tombstone,
    trusted,
    verify,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError

ABSENT = "absent"
UNREADABLE = "unreadable"
SOUND = (INTACT, UNPROVEN, ABSENT)
ARGUMENTS: dict[str, Any] = {
    "stream": {"type": "str", "required": True},
    "fail_on": {"type": "str", "choices": ["broken", "unproven", "never"], "default": "broken"},
    "export": {"type": "path"},
    "export_format": {"type": "str", "choices": list(FORMATS), "default": "csv"},
    "interrupted": {"type": "bool", "default": False},
    "metrics_directory": {"type": "str", "default": ""},
    **LOG,
}


def run(module: AnsibleModule) -> tuple[dict[str, Any], str]:
    """Verify; the result, and why the task fails, empty when it does not."""
    params = module.params
    found = sources(params["stream"], params)
    own = next((source for source in found if source.files.directory == Path(params["directory"])), None)
    result = _absent(params["interrupted"]) if own is None else _own(module, own)
    others = [_other(source, params) for source in found if source is not own]
    if params["accounts"]:
        result["accounts"] = others
    return result, next((_complaint(one) for one in (result, *others) if _fails(one, params["fail_on"])), "")


def _absent(interrupted: bool) -> dict[str, Any]:
    nothing: dict[str, Any] = {"changed": False, "verdict": ABSENT, "records": 0, "proven": 0, "findings": []}
    return {**nothing, **({"interrupted": [], "returned": []} if interrupted else {})}


def _own(module: AnsibleModule, source: Source) -> dict[str, Any]:
    """The host's own log, which may be exported."""
    params = module.params
    export = Export(Path(params["export"]), params["export_format"]) if _exports(module) else None
    try:
        result = _verified(source, interrupted=params["interrupted"], export=export)
        kept = export is not None and result["verdict"] != BROKEN
        if export and kept:
            export.keep()
    finally:
        if export:
            export.drop()
    return {"changed": kept, **result, **({"exported": export.records} if export and kept else {})}


def _other(source: Source, params: dict[str, Any]) -> dict[str, Any]:
    """A log in a home, which keeps nobody from seeing the others."""
    which = {"account": source.account, "directory": str(source.files.directory)}
    try:
        return {**which, **_verified(source, interrupted=params["interrupted"])}
    except SlipwayError as exc:
        message = exc.message()
    except OSError as exc:
        message = unreadable(exc, which).message()
    return {**which, **_absent(params["interrupted"]), "verdict": UNREADABLE, "message": message}


def _verified(source: Source, *, interrupted: bool, export: Export | None = None) -> dict[str, Any]:
    report = Report()
    anchors = trusted(source.checkpoints, source.keys, source.origin, report)
    tombstone = partial(signed_tombstone, source.files, source.keys, source.origin)
    opened, returns = (Interrupted(), Returns()) if interrupted else (None, None)
    with reading_as_owner(source.account):
        verify(source.files, anchors, report=report, tombstone=tombstone, consumer=_consumer(export, opened, returns))
    told = {"interrupted": opened.open(), "returned": returns.last()} if opened and returns else {}
    return {**report.as_result(), **told}


def _fails(one: dict[str, Any], fail_on: str) -> bool:
    if fail_on == "never":
        return False
    return one["verdict"] not in SOUND or (one["verdict"] == UNPROVEN and fail_on == UNPROVEN)


def _complaint(one: dict[str, Any]) -> str:
    if one["verdict"] == UNREADABLE:
        return str(one["message"])
    first = one["findings"][0]
    place = f"{first['file']}, line {first['line']}, record {first['seq']}"
    return f"{place}: {first['kind']}: {first['message']}. The log is {one['verdict']}."


def _consumer(*readers: Export | Interrupted | Returns | None) -> Callable[[Record], None] | None:
    takers = [it.take for it in readers if it]
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
        result, complaint = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    except OSError as exc:
        module.fail_json(**unreadable(exc, module.params).as_result())
    tell(module, result["verdict"])
    if complaint:
        module.fail_json(msg=complaint, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
