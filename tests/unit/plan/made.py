# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as ``host_info`` reports it, which tests change one fact of."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import Inputs, validate
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build, revision_id

APPLICATIONS = ("app1", "app2")
BALANCERS = ("lb1", "lb2")
GROUPS = {
    "all": [*APPLICATIONS, *BALANCERS, "db1"],
    "application": list(APPLICATIONS),
    "balancers": list(BALANCERS),
}
PORTS = {"blue": 8081, "green": 8082}
WEB = {
    "name": "web",
    "kind": "http",
    "command": "python3 -m shop",
    "ports": PORTS,
    "health": {"ready": "/health/ready"},
    "memory_max": "256M",
}
MAILER = {"name": "mailer", "kind": "worker", "command": "python3 -m shop.mailer"}
CLOCK = {**MAILER, "name": "clock", "kind": "singleton"}
MIB = 1 << 20

Live = dict[str, Any]


def inputs_for(version: str = "1.1", **changes: Any) -> Inputs:
    """Accepted inputs; ``changes`` are variables without their prefix, and ``verb``."""
    verb = changes.pop("verb", "deploy")
    variables = {
        "slipway_app": "shop",
        "slipway_version": version,
        "slipway_artifact": "https://artifacts.example/shop.tar.gz",
        "slipway_components": copy.deepcopy([WEB, MAILER]),
        "slipway_ledger_host": "db1",
        **{f"slipway_{name}": value for name, value in changes.items()},
    }
    return validate(variables, GROUPS, verb=verb, base=Path("/"))


def document(version: str, **changes: Any) -> dict[str, Any]:
    """The revision document of a version."""
    inputs = inputs_for(version, **changes)
    return build(
        app=inputs.app,
        version=version,
        artifact_sha256=(version.encode().hex() * 64)[:64],
        components=inputs.components,
        config=inputs.config,
        schema_range=inputs.schema_range,
        user=inputs.user,
    )


def identifier(version: str, **changes: Any) -> str:
    """The revision of a version."""
    return revision_id(document(version, **changes))


def slot(
    name: str,
    version: str | None,
    status: str = "placed",
    *,
    running: bool = True,
    consuming: bool = False,
) -> dict[str, Any]:
    """A slot that holds ``version``, or nothing; its worker runs if it is ``consuming``."""
    if version is None:
        return {"revision": None, "version": None, "status": "empty", "running": False, "instances": {}}
    unit = f"slipway-shop-web@{name}.service"
    return {
        "revision": identifier(version),
        "version": version,
        "status": status,
        "running": running,
        "instances": {
            "web": {"unit": unit, "kind": "http", "running": running, "pid": 7, "port": PORTS[name]},
            "mailer": {"kind": "worker", "running": consuming, "pid": 8, "port": None},
        },
    }


def application(
    blue: str | None, green: str | None, kept: tuple[str, ...] = (), stable: str = "blue"
) -> dict[str, Any]:
    """An application host with these versions in its slots, and ``kept`` besides."""
    versions = {"blue": blue, "green": green}
    slots = {name: slot(name, version, consuming=name == stable) for name, version in versions.items()}
    held = {version for version in (blue, green, *kept) if version}
    return {
        "release": {
            "token": 4,
            "slots": slots,
            "revisions": [{"id": identifier(version), "version": version} for version in sorted(held)],
            "ports": {
                str(port): f"slipway-shop-web@{name}.service" if slots[name]["running"] else "free"
                for name, port in PORTS.items()
            },
            "free_bytes": 1000 * MIB,
            "memory_available": 1000 * MIB,
        }
    }


def balancer(stable: str = "blue") -> dict[str, Any]:
    """A balancer that sends everything to ``stable``."""
    percents = {"blue": 0, "green": 0, stable: 100}
    return {
        "balancer": {
            "recorded": {"stable": stable, "percents": percents, "lease": None, "generation": 7},
            "live": {},
            "consistent": True,
            "error": "",
            "instances": {f"{name}-{host}": {"usable": True} for name in PORTS for host in APPLICATIONS},
            "open": True,
            "token": 4,
        }
    }


def proven(version: str, *, good: bool = True) -> dict[str, Any]:
    """A revision in the ledger's history."""
    return {"revision": identifier(version), "version": version, "good": good, "document": document(version)}


def ledger(*versions: dict[str, Any]) -> dict[str, Any]:
    """A ledger in which these have been active, the latest last."""
    return {
        "ledger": {
            "uuid": "u",
            "token": 4,
            "lease": None,
            "unfinished": None,
            "state": {"active": None, "proven": list(versions), "left_out": [], "deployments": []},
        }
    }


def fleet_of(
    blue: str | None,
    green: str | None,
    *,
    stable: str = "blue",
    kept: tuple[str, ...] = (),
    history: tuple[dict[str, Any], ...] | None = None,
) -> dict[str, Any]:
    """Live state of a settled fleet."""
    active = {"blue": blue, "green": green}[stable]
    if history is None:
        history = (proven(active),) if active else ()
    return {
        **{host: application(blue, green, kept, stable) for host in APPLICATIONS},
        **{host: balancer(stable) for host in BALANCERS},
        "db1": ledger(*history),
    }


def split(live: dict[str, Any]) -> None:
    """Each balancer gives the spare slot a tenth."""
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["percents"] = {"blue": 90, "green": 10}


def live_lease(live: dict[str, Any]) -> None:
    """A deployment holds the lease."""
    live["db1"]["ledger"]["lease"] = {
        "token": 4,
        "deployment": "20261121T073000Z-4be1c2",
        "holder": "ann@pc",
        "live": True,
        "remaining_seconds": 44,
    }


def held_lease(live: dict[str, Any]) -> None:
    """A step of the database holds the lease."""
    live_lease(live)
    live["db1"]["ledger"]["lease"]["purpose"] = "contract"


def leave_unfinished(live: dict[str, Any], planned: Planned) -> None:
    """The plan has begun and has not ended."""
    live["db1"]["ledger"]["unfinished"] = {
        "deployment": "d1",
        "digest": planned.digest,
        "began": "2026-11-21T07:30:00Z",
        "committed": ["place"],
        "plan": planned.plan,
    }


def deploy(version: str, live: Live, **changes: Any) -> Planned:
    size = changes.pop("artifact_bytes", 0)
    return plan(inputs_for(version, **changes), document(version, **changes), live, artifact_bytes=size)


def rollback(live: Live, to: str = "previous", **changes: Any) -> Planned:
    return plan(inputs_for(verb="rollback", rollback_to=to, **changes), None, live)


def named(version: str) -> dict[str, str]:
    return {"revision": identifier(version), "version": version}


def consuming(live: Live, host: str, in_slot: str, name: str, running: bool, kind: str = "worker") -> None:
    instances = live[host]["release"]["slots"][in_slot]["instances"]
    instances[name] = {"kind": kind, "running": running, "port": None}


def with_clock(**running: bool) -> Live:
    """A fleet that has deployed a singleton, which runs where it is said."""
    live = fleet_of(None, None)
    made = document("1.0", components=[WEB, MAILER, CLOCK])
    for host in APPLICATIONS:
        live[host] = fleet_of("1.0", None)[host]
        live[host]["release"]["slots"]["blue"]["revision"] = identifier("1.0", components=[WEB, MAILER, CLOCK])
        consuming(live, host, "blue", "clock", running.get(host, False), "singleton")
    live["db1"]["ledger"]["state"]["proven"] = [
        {**proven("1.0"), "revision": identifier("1.0", components=[WEB, MAILER, CLOCK]), "document": made}
    ]
    return live


def lost(live: Live, host: str) -> None:
    live[host] = {"unreachable": True, "msg": "timed out"}


def armed(live: Live) -> None:
    live["lb1"]["balancer"]["recorded"]["lease"] = {"token": 4}
