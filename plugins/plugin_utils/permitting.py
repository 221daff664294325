# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What permits a change is the same on every host with whose variables it is asked for. Touches nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import Inputs
from jinja2 import TemplateError

# What needs a permission, and the variables that say whose. They are asked for on localhost and on other hosts.
PERMITTED = ("deploy", "migrate", "flags")
PERMITTING = ("slipway_change_policy", "slipway_compliance", "slipway_checklist")


def refuse_scattered(hostvars: Mapping[str, Mapping[str, Any]], found: Iterable[Inputs]) -> None:
    """Refuse what would be asked for here and not there, and so would let something pass.

    :param found: the inputs of the fleet, or of each region.
    :raises InputError: a host has another policy, or other profiles or another checklist, than localhost.
    """
    if "localhost" not in hostvars:
        return
    hosts = sorted({host for one in found for host in _asked_on(one)})
    for name in PERMITTING:
        here = _value_of(hostvars["localhost"], name)
        differing = [host for host in hosts if host in hostvars and _value_of(hostvars[host], name) != here]
        if differing:
            raise InputError(
                f"{', '.join(differing)} and localhost, where it is asked for too, do not have the same",
                where=name,
                remedy="put it into the variables of group all, and nowhere else",
            )


def _asked_on(inputs: Inputs) -> list[str]:
    """Hosts with whose variables a permission is asked for."""
    return [*inputs.application_hosts, *inputs.balancer_hosts, inputs.ledger_host, *inputs.flags_hosts]


def _value_of(variables: Mapping[str, Any], name: str) -> str:
    """What a host has, for comparison; that it has nothing, or cannot be told, is a value too."""
    try:
        return json.dumps(variables.get(name) or None, default=str, sort_keys=True)
    except (AnsibleError, TemplateError) as exc:
        return str(exc)
