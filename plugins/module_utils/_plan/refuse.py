# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: each function raises when the fleet must not be touched as it is. Touches nothing."""

from __future__ import annotations

import re
from typing import Any

from .._common.errors import InputError, LeaseError, StateError
from .._inputs.validate import Inputs
from .._ledger.whose import Whose
from .._watch.parse import DRIVER, needs_driver
from .fleet import OTHER, Fleet

SPACE_FACTOR = 3
BY_HAND = "give all of it to one stable slot with lb_switch, since no lease does that"
HELD = "as it began to park: its traffic is held where it is, and no lease returns it"
WAITING = ", or wait until the balancers have returned to their stable slot by themselves"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def live_lease(fleet: Fleet) -> None:
    """Another deployment is under way, or a step of the database."""
    lease = fleet.ledger.lease
    if lease and lease["live"]:
        whose = Whose(lease["deployment"], lease.get("purpose", ""))
        raise LeaseError(
            f"{whose} of {lease['holder']} holds the lease for {lease['remaining_seconds']} more seconds",
            where=f"ledger on {fleet.ledger.name}",
            remedy=whose.ended_by,
        )


def parked(fleet: Fleet) -> None:
    """A deployment is parked, and this is another one; where the watch has returned its traffic, it is over."""
    unfinished = fleet.ledger.unfinished
    if unfinished and unfinished.get("parked") and not fleet.has_returned(unfinished["deployment"]):
        raise StateError(
            f"deployment {unfinished['deployment']} of {unfinished['plan']['to']['version']} is parked at "
            f"{unfinished['parked']['stage']}, and this is another one",
            where=f"ledger on {fleet.ledger.name}",
            remedy="run the same deployment again to go on with it, or end it with abort.yml",
        )


def unsettled_unfinished(fleet: Fleet) -> None:
    """A deployment stopped half-way, and this is another one."""
    unfinished = fleet.ledger.unfinished
    if unfinished and not fleet.settled():
        version, verb = unfinished["plan"]["to"]["version"], unfinished["plan"]["verb"]
        held = bool(unfinished["plan"].get("parks")) and fleet.held(unfinished["plan"])
        waits = "" if held or unfinished["plan"].get("batches") else WAITING
        raise StateError(
            f"deployment {unfinished['deployment']} of {version} was left unfinished "
            + (HELD if held else "while traffic was moving"),
            where=f"ledger on {fleet.ledger.name}",
            remedy=f"run the same {verb} again to {'park' if held else 'resume'} it{_as_before(unfinished['plan'])}, "
            f"or end it with abort.yml{waits}",
        )


def _as_before(plan: dict[str, Any]) -> str:
    """A rollback is the same only with the same target, and that of a region's return nobody could guess."""
    if plan["verb"] != "rollback":
        return ""
    return f", with the slipway_rollback_to that it had (the return of a region had {plan['to']['revision']})"


def other_ledger(fleet: Fleet, inputs: Inputs) -> None:
    """The ledger is not the one that hosts have obeyed: it was lost or restored from a backup, or is another one."""
    if inputs.adopt_ledger:
        return
    where = f"ledger on {fleet.ledger.name}"
    remedy = "check slipway_ledger_host; to go on with this ledger set slipway_adopt_ledger=true and slipway_reason"
    others = fleet.obeying_another_ledger()
    if others:
        seen = "; ".join(f"{host} obeys {pinned}" for host, pinned in sorted(others.items()))
        raise StateError(f"it is {fleet.ledger.uuid or 'a new one'}, but {seen}", where=where, remedy=remedy)
    if fleet.highest_token > fleet.ledger.token:
        raise StateError(
            f"it has issued token {fleet.ledger.token}, hosts have seen {fleet.highest_token}: it was lost or restored",
            where=where,
            remedy=remedy,
        )


def unsettled_balancers(fleet: Fleet) -> None:
    """The balancers do not all send everything to one slot."""
    for balancer in fleet.balancers:
        if sum(balancer.percents.values()) != 100:
            raise StateError(
                f"its percents do not sum to 100: {_percents(balancer.percents)}",
                where=balancer.name,
                remedy="set them with lb_switch, then run again",
            )
        if not balancer.consistent:
            raise StateError(
                "it does not do what its state file says",
                where=balancer.name,
                remedy="see status.yml; run site.yml to converge it, then run again",
            )
    if fleet.settled():
        return
    seen = "; ".join(
        f"{item.name}: stable {item.stable}, {_percents(item.percents)}{', lease armed' if item.leased else ''}"
        for item in fleet.balancers
    )
    raise StateError(
        f"the balancers do not all send all traffic to one stable slot ({seen})",
        where="group balancers",
        remedy="resume the deployment that was left unfinished, or "
        + ("wait until its lease has run out" if any(item.leased for item in fleet.balancers) else BY_HAND)
        + ", then run again",
    )


def closed_balancers(fleet: Fleet) -> None:
    """A closed balancer answers 503, so that the gate of the public address would fail after the traffic has moved."""
    for balancer in fleet.balancers:
        if not balancer.open:
            raise StateError(
                "the balancer is closed and serves nothing",
                where=balancer.name,
                remedy="open it with lb_switch (open: true), or take it out of the inventory and run site.yml",
            )


def unable_to_watch(fleet: Fleet, inputs: Inputs) -> None:
    """A balancer keeps no watch, or cannot ask the source of a metric, so that its watch would never hear of it."""
    metrics = [str(metric["name"]) for metric in inputs.analysis if needs_driver(metric)]
    for balancer in fleet.balancers:
        if balancer.watch and not balancer.watch["kept"]:
            raise StateError(
                f"it would watch nothing while the deployment is parked or after the run: {balancer.watch['unkept']}",
                where=balancer.name,
                remedy="run site.yml, which installs and starts it",
            )
        if metrics and balancer.watch and DRIVER not in balancer.watch["can_ask"]:
            raise StateError(
                f"it cannot ask for {', '.join(metrics)} while the deployment is parked or after the run: "
                f"{DRIVER} is not installed",
                where=balancer.name,
                remedy=f"install python3-{DRIVER} there, or leave the metric out; with slipway_watch set to "
                "{seconds: 0} a deployment that does not park needs neither",
            )


def unable_to_keep_warm(fleet: Fleet) -> None:
    """An application host has nothing that would end the keep-warm time of the slot that is left."""
    for host in fleet.applications:
        if not host.can_keep_warm:
            raise StateError(
                "nothing on it would stop the old slot once slipway_keep_warm is over",
                where=host.name,
                remedy="run site.yml with slipway_keep_warm set, which installs that, or set slipway_keep_warm to 0",
            )


def unregistered_hosts(fleet: Fleet, inputs: Inputs) -> None:
    """A balancer does not know exactly the application hosts of the inventory."""
    wanted = {f"{slot}-{host}" for slot in OTHER for host in inputs.application_hosts}
    for balancer in fleet.balancers:
        for names, what in (
            (wanted - balancer.instances, "it does not know"),
            (balancer.instances - wanted, "it still has instances that are not in the inventory:"),
        ):
            if names:
                raise StateError(
                    f"{what} {', '.join(sorted(names))}",
                    where=balancer.name,
                    remedy="run site.yml, which registers the application hosts with the balancers",
                )


def other_match(fleet: Fleet, inputs: Inputs) -> None:
    """A balancer takes other requests for those of testers and user segments."""
    for balancer in fleet.balancers:
        if balancer.match != inputs.canary_match:
            raise StateError(
                "it does not match the requests that slipway_canary_match names",
                where=balancer.name,
                remedy="run site.yml, which writes them into the balancers",
            )


def ports(fleet: Fleet, app: str, components: list[dict[str, Any]], slot: str) -> None:
    """A port belongs to the other slot, or to a program that is not ours."""
    for component in components:
        units = {f"slipway-{app}-{component['name']}@{name}.service": name for name in OTHER}
        for name, port in (component["ports"] or {}).items():
            for host in fleet.applications:
                process = host.ports.get(port, "free")
                owner = units.get(process) or host.slot_of_port(port)
                where = f"slipway_components, ports.{name} of {component['name']}"
                if owner == OTHER[name]:
                    raise InputError(
                        f"port {port} of slot {name} belongs to slot {owner} on {host.name}",
                        where=where,
                        remedy="the slot names are swapped: give each slot the port it has had",
                    )
                if name == slot and owner is None and process != "free":
                    raise InputError(
                        f"port {port} is in use on {host.name} by {process}",
                        where=where,
                        remedy="stop that program, or choose another port and run site.yml",
                    )


def lack_of_memory(fleet: Fleet, components: list[dict[str, Any]], place: dict[str, bool], slot: str) -> None:
    """A host cannot run two slots at once."""
    memory = sum(memory_bytes(item["memory_max"]) or 0 for item in components if item["kind"] == "http")
    for host in fleet.applications:
        if not place[host.name]:
            continue
        available = host.memory_available
        if available is not None and not host.slots[slot].running and memory > available:
            raise StateError(
                f"{available >> 20} MiB of memory are available, slot {slot} may need {memory >> 20} MiB",
                where=host.name,
                remedy="free memory, lower memory_max in slipway_components, or use slipway_rollout rolling",
            )


def full_disk(fleet: Fleet, place: dict[str, bool], size: int) -> None:
    """A host cannot hold the release."""
    for host in fleet.applications:
        free = host.free_bytes
        if place[host.name] and free is not None and free < size * SPACE_FACTOR:
            raise StateError(
                f"{free >> 20} MiB of disk are free, placing the release needs {size * SPACE_FACTOR >> 20} MiB",
                where=host.name,
                remedy="free space on the host, or lower slipway_keep_revisions",
            )


def schema_misfit(document: dict[str, Any], active: dict[str, Any] | None) -> None:
    """No database schema version fits both the revision and the active one."""
    wanted, current = document.get("schema_range"), (active or {}).get("schema_range")
    if not wanted or not current:
        return
    if wanted["max"] < current["min"] or wanted["min"] > current["max"]:
        raise StateError(
            f"version {document['version']} works with database schema {wanted['min']} to {wanted['max']}, the active "
            f"one with {current['min']} to {current['max']}",
            where="slipway_schema_range",
            remedy="choose a version whose range overlaps with that of the active one",
        )


def memory_bytes(text: str) -> int | None:
    """Bytes of a systemd memory size; ``None`` where it cannot be known here."""
    match = re.fullmatch(r"(\d+)([KMGT]?)", text)
    return int(match.group(1)) * UNITS[match.group(2)] if match else None


def _percents(percents: dict[str, int]) -> str:
    return ", ".join(f"{slot} {percent} %" for slot, percent in sorted(percents.items()))
