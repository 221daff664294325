# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of change control. What stands in the mappings is read by the change gate's own rules. Touches nothing."""

from __future__ import annotations

from typing import Any

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_environment": {
        "type": "str",
        "default": "",
        "description": "Name of the environment that the inventory is of, such as C(production). Windows and approvals "
        "name it.",
    },
    "slipway_change_policy": {
        "type": "dict",
        "default": {},
        "no_log": True,
        "description": "When and by whom the application may be changed: windows, approvals, segregation of duties and "
        "overrides, as option C(policy) of module C(change_gate) takes it. Ignored by a rollback, which always passes.",
    },
    "slipway_change": {
        "type": "dict",
        "default": {},
        "description": "The change request: C(id), C(justification), C(risk), and the C(author) of what is deployed.",
    },
    "slipway_change_evidence": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the controller with signed approvals and overrides, C(<name>.json) and "
        "C(<name>.json.sig).",
    },
    "slipway_change_gates": {
        "type": "dict",
        "default": {},
        "description": "Name of what was checked before, such as C(unit_tests), to its verdict. What a compliance "
        "profile demands must be C(pass). Whoever sets it vouches for it.",
    },
    "slipway_change_at": {
        "type": "str",
        "default": "",
        "description": "Time for which C(--check) judges instead of now, such as C(2026-12-01T08:00) in the time zone "
        "of O(slipway_change_policy), or with an offset. Refused without C(--check).",
    },
    "slipway_change_to_sign": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the controller into which a deployment that is judged, also with C(--check), "
        "writes what its approvers sign, C(<app>.approval.json) and C(<app>.override.json).",
    },
    "slipway_inventory_region": {
        "type": "str",
        "default": "",
        "description": "Region that the hosts of the inventory are in, for the C(residency) of "
        "O(slipway_change_policy). Not for an inventory with O(slipway_regions), of which each is one.",
    },
    "slipway_compliance": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Compliance profiles that make O(slipway_change_policy) stricter: C(gdpr), C(hipaa), "
        "C(iso_27001), C(pci_dss), C(soc_2), C(sox), or paths of files with profiles of your own.",
    },
}
