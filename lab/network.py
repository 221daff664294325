# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's bridge, cables and routing guard.

Touches: one bridge a lab, one network namespace and one cable a machine, one nftables table a lab (partitions), and
one ``unreachable`` route for all labs, which keeps traffic to lab addresses on this machine when a bridge is away.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from typing import Any

from .commands import run, succeeds
from .errors import LabError
from .plan import BRIDGE_PREFIX, SUPERNET, Host, Plan

GUARD_METRIC = "4294967294"


def links() -> dict[str, dict[str, Any]]:
    """All network interfaces of this machine with their IPv4 addresses, by name."""
    found: list[dict[str, Any]] = json.loads(run(["ip", "-json", "-4", "-details", "address", "show"]) or "[]")
    every: list[dict[str, Any]] = json.loads(run(["ip", "-json", "link", "show"]) or "[]")
    result = {link["ifname"]: link for link in every if "ifname" in link}
    for link in found:
        if "ifname" in link:
            result[link["ifname"]] = link
    return result


def bridges() -> dict[str, tuple[str, int | None]]:
    """Lab name to (directory that owns the bridge, octet) for every lab bridge on this machine."""
    result: dict[str, tuple[str, int | None]] = {}
    for name, link in links().items():
        if name.startswith(BRIDGE_PREFIX):
            addresses = [address["local"] for address in link.get("addr_info", []) if address.get("family") == "inet"]
            octet = int(addresses[0].split(".")[2]) if addresses else None
            result[name[len(BRIDGE_PREFIX) :]] = (link.get("ifalias", ""), octet)
    return result


def refuse_foreign_networks() -> None:
    """Refuse to start when an address range of the labs is used by something that is no lab."""
    supernet = ipaddress.ip_network(SUPERNET)
    routes: list[dict[str, Any]] = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    for route in routes:
        device = str(route.get("dev", ""))
        destination = str(route.get("dst", "default"))
        is_guard = route.get("type") == "unreachable" and destination == SUPERNET
        if destination == "default" or device.startswith(BRIDGE_PREFIX) or is_guard:
            continue
        if ipaddress.ip_network(destination, strict=False).overlaps(supernet):
            raise LabError(
                f"the labs' addresses {SUPERNET} are in use on {device or 'this machine'} ({destination})",
                "take that route away while the lab runs",
            )


def add_guard() -> None:
    """Make lab addresses unreachable where no lab bridge leads to them, so that nothing leaves this machine."""
    run(["ip", "route", "replace", "unreachable", SUPERNET, "metric", GUARD_METRIC])


def add_bridge(plan: Plan) -> None:
    """Create the lab's bridge with the controller's address, or leave the one that is there."""
    owner = bridges().get(plan.name)
    if owner is None:
        commands = [
            f"link add {plan.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link set {plan.bridge} addrgenmode none",
            f"link set {plan.bridge} alias {plan.directory}",
            f"address add {plan.controller_address}/24 dev {plan.bridge}",
        ]
        run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
    run(["ip", "link", "set", plan.bridge, "up"])


def remove_bridge(bridge: str) -> None:
    """Remove the bridge when it is there."""
    run(["ip", "link", "delete", bridge], check=False)


def plug_in(plan: Plan, host: Host) -> None:
    """Give a machine a fresh network namespace with a cable into the bridge; its boot sets the address."""
    unplug(host)
    run(["ip", "netns", "add", host.namespace])
    outside = [
        f"link add {host.link} type veth peer name eth0 netns {host.namespace}",
        f"link set {host.link} addrgenmode none",
        f"link set {host.link} master {plan.bridge} up",
    ]
    inside = [
        "link set lo up",
        f"link set eth0 address {host.hardware_address}",
        "link set eth0 up",
    ]
    run(["ip", "-batch", "-"], stdin="\n".join(outside) + "\n")
    run(["ip", "-netns", host.namespace, "-batch", "-"], stdin="\n".join(inside) + "\n")


def unplug(host: Host) -> None:
    """Remove a machine's cable and namespace, whatever is left of them."""
    run(["ip", "link", "delete", host.link], check=False)
    run(["ip", "netns", "delete", host.namespace], check=False)


def namespaces(lab: str) -> list[str]:
    """The network namespaces of a lab."""
    names = [line.split()[0] for line in run(["ip", "netns", "list"]).splitlines() if line.strip()]
    return [name for name in names if name.rpartition("-")[0] == f"slipway-{lab}"]


def set_link(host: Host, state: str) -> None:
    """Pull a machine's cable out (``down``) or put it back (``up``)."""
    if not has_link(host):
        raise LabError(f"the machine {host.name} is off", f"python3 -m lab start --name {host.lab} {host.name}")
    run(["ip", "link", "set", host.link, state])


def has_link(host: Host) -> bool:
    """Tell whether the machine's cable is there."""
    return succeeds(["ip", "link", "show", host.link])


def partition_table(lab: str) -> str:
    return f"slipway_lab_{lab.replace('-', '_')}"


def set_partition(plan: Plan, pairs: Sequence[tuple[Host, Host]]) -> None:
    """Drop everything between the pairs of machines, and nothing else; no pairs means no partition."""
    table = f"bridge {partition_table(plan.name)}"
    run(["nft", "delete", "table", *table.split()], check=False)
    if not pairs:
        return
    rules = [
        f"  iifname {source.link} oifname {target.link} drop"
        for one, other in pairs
        for source, target in ((one, other), (other, one))
    ]
    lines = [f"table {table} {{", " chain forward {", "  type filter hook forward priority 0", *rules, " }", "}"]
    run(["nft", "-f", "-"], stdin="\n".join(lines) + "\n")
