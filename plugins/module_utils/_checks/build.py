# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the checks of a deployment's gates from its plan, as ``health_gate`` takes them.

Touches nothing. Every check is an HTTP check, except smoke checks that are a command; readiness is what the
components' ``health.ready`` path answers. Listeners are for its option ``steady``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common.address import shown

PREVIEW, PUBLIC, BOTH = "preview", "public", "both"
WHERE = (PREVIEW, PUBLIC, BOTH)
OF_A_COMMAND: dict[str, int] = {"timeout": 30, "successes": 1, "failures": 1}


@dataclass(frozen=True)
class Patience:
    """How long a gate waits: seconds between attempts, consecutive successes wanted, seconds in all."""

    interval: int
    successes: int
    deadline: int

    def fields(self) -> dict[str, int]:
        """As fields of a check."""
        return {"interval": self.interval, "successes": self.successes, "deadline": self.deadline}


def instance_checks(plan: Mapping[str, Any], addresses: Mapping[str, str], patience: Patience) -> list[dict[str, Any]]:
    """Readiness of every instance in the plan's slot.

    :param addresses: application host to the address under which the one who checks reaches it.
    """
    return [
        _instance_check(component, plan["slot"], host, address, patience)
        for host, address in addresses.items()
        for component in _http_components(plan)
    ]


def instance_listeners(plan: Mapping[str, Any], addresses: Mapping[str, str]) -> list[dict[str, str]]:
    """Where every instance in the plan's slot listens.

    :param addresses: application host to the address under which the one who asks reaches it.
    """
    return [
        {"name": _instance(component, host), "address": _listener(component, plan["slot"], address)}
        for host, address in addresses.items()
        for component in _http_components(plan)
    ]


def leaving_checks(plan: Mapping[str, Any], addresses: Mapping[str, str], patience: Patience) -> list[dict[str, Any]]:
    """Readiness of what the plan's batches stop in the stable slot, as its own revision has it.

    :param addresses: application host to the address under which the one who checks reaches it.
    """
    return [
        _instance_check(component, plan["stable_slot"], host, address, patience)
        for host, address in addresses.items()
        for component in plan["leaving"][host]
    ]


def listener_checks(plan: Mapping[str, Any], port: int, host_header: str, patience: Patience) -> list[dict[str, Any]]:
    """Readiness through the balancer's own listener, asked from the balancer, answered by the plan's slot."""
    component = _http_components(plan)[0]
    return [
        {
            "name": f"{component['name']} through port {port}",
            "type": "http",
            "url": f"http://127.0.0.1:{port}{component['health']['ready']}",
            **_host(host_header),
            **patience.fields(),
        }
    ]


def smoke_checks(
    checks: Sequence[Mapping[str, Any]], port: int, host_header: str, where: str = BOTH
) -> list[dict[str, Any]]:
    """The operator's smoke checks: a ``path`` is asked through the listener on ``port``, a ``command`` is told of it.

    :param where: ``preview`` or ``public``, which leaves out the checks that are for the other one alone.
    """
    return [
        _smoke_check(number, check, port, host_header)
        for number, check in enumerate(checks, start=1)
        if BOTH in (where, check.get("where", BOTH)) or check["where"] == where
    ]


def _smoke_check(number: int, check: Mapping[str, Any], port: int, host_header: str) -> dict[str, Any]:
    address = f"http://127.0.0.1:{port}"
    given = {field: value for field, value in check.items() if field not in ("path", "command", "where")}
    if "command" in check:
        return {
            "name": f"smoke check {number}, command for port {port}",
            "type": "command",
            **OF_A_COMMAND,
            **given,
            "argv": shlex.split(check["command"]),
            "environment": {"SLIPWAY_URL": address, "SLIPWAY_HOST_HEADER": host_header},
        }
    return {
        "name": f"smoke check {number}, {shown(check['path'])} through port {port}",
        "type": "http",
        **_host(host_header),
        **given,
        "url": f"{address}{check['path']}",
    }


def _instance_check(
    component: Mapping[str, Any], slot: str, host: str, address: str, patience: Patience
) -> dict[str, Any]:
    return {
        "name": _instance(component, host),
        "type": "http",
        "url": f"http://{_listener(component, slot, address)}{component['health']['ready']}",
        **patience.fields(),
    }


def _instance(component: Mapping[str, Any], host: str) -> str:
    return f"{component['name']} on {host}"


def _listener(component: Mapping[str, Any], slot: str, address: str) -> str:
    return f"{address}:{component['ports'][slot]}"


def _host(header: str) -> dict[str, str]:
    return {"host": header} if header else {}


def _http_components(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [component for component in plan["revision"]["components"] if component["kind"] == "http"]
