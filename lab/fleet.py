# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of the lab: up, down, reset, poweroff, start, link and status of whole labs.

Touches what ``network``, ``machine``, ``access`` and ``root`` touch, ``.cache/lab/<lab>/lab.json`` and locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import access, limits, machine, network, root
from .commands import require
from .errors import LabError
from .plan import (
    CACHE,
    DEFAULT_HOSTS,
    NAME_PATTERN,
    Host,
    Plan,
    bridge_name,
    check_name,
    choose_octet,
    lab_directory,
    ordered_hosts,
)

SCHEMA = 1
ALL_LABS = Path("/run/lock/slipway-lab")
ROOT_LOCK = "root image"
PROGRAMS = ("ip", "nsenter", "ssh", "ssh-keygen", "systemd-nspawn", "unshare")


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock of this checkout, a lab's or the root's, against other runs of this program."""
    (CACHE / "locks").mkdir(parents=True, exist_ok=True)
    with holding(CACHE / "locks" / name):
        yield


@contextlib.contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold the lock of one file."""
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def load(name: str) -> Plan:
    """The lab as it was last brought up."""
    record = read_record(check_name(name))
    if record is None:
        raise LabError(f"there is no lab {name}", f"python3 -m lab up --name {name}")
    return record


def read_record(name: str) -> Plan | None:
    """The recorded lab, or None."""
    try:
        record = json.loads((lab_directory(name) / "lab.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if record.get("schema") != SCHEMA:
        raise LabError(f"the lab {name} was made by another version", f"python3 -m lab down --name {name}")
    return Plan(name, record["octet"], ordered_hosts(record["hosts"]))


def write_record(plan: Plan) -> None:
    plan.directory.mkdir(parents=True, exist_ok=True)
    record = {"schema": SCHEMA, "octet": plan.octet, "hosts": list(plan.host_names)}
    unfinished = plan.directory / "lab.json.new"
    unfinished.write_text(json.dumps(record) + "\n", encoding="utf-8")
    unfinished.replace(plan.directory / "lab.json")


def claim(name: str, host_names: Iterable[str]) -> Plan:
    """Settle the lab's network, which must be nobody else's, and create its bridge."""
    with holding(ALL_LABS):
        network.refuse_foreign_networks()
        existing = network.bridges()
        owner, octet = existing.get(name, ("", None))
        if owner and owner != str(lab_directory(name)):
            raise LabError(
                f"a lab {name} of another checkout is running ({owner})",
                f"take it down there, or: python3 -m lab down --name {name} --foreign",
            )
        before = read_record(name)
        if octet is None:
            taken = {other for _owner, other in existing.values() if other is not None}
            keeps = before is not None and before.octet not in taken
            octet = before.octet if before is not None and keeps else choose_octet(name, taken)
            network.remove_bridge(bridge_name(name))
        plan = Plan(name, octet, ordered_hosts([*host_names, *(before.host_names if before else ())]))
        network.add_guard()
        network.add_bridge(plan)
        write_record(plan)
    return plan


def up(name: str, host_names: Iterable[str] = DEFAULT_HOSTS) -> Plan:
    """Bring the lab up: all its machines run, connected, and let users in. Does nothing when they do."""
    require(*PROGRAMS)
    machine.hierarchies()
    check_name(name)
    wanted = ordered_hosts(host_names)
    base = ensure_root()
    with locked(name):
        plan = claim(name, wanted)
        public_key = access.write(plan, base)
        limits.require_inotify(sum(machine.leader(host) is None for host in plan.hosts))
        in_parallel(plan.hosts, lambda host: run_machine(plan, host, base, public_key))
    return plan


def ensure_root() -> Path:
    """The root of today's recipe, built when it is not there; other runs wait meanwhile."""
    with locked(ROOT_LOCK):
        return root.ensure()


def run_machine(plan: Plan, host: Host, base: Path, public_key: str) -> None:
    """Make sure that one machine runs and its cable is in."""
    has_disk = machine.disk_is_current(host, base, public_key)
    if has_disk and machine.leader(host) is not None and network.has_link(host):
        network.set_link(host, "up")
        return
    machine.kill(host)
    if not has_disk:
        machine.make_disk(plan, host, base, public_key)
    disk = machine.disk_directory(host, base)
    network.plug_in(plan, host)
    process = machine.boot(host, base, disk)
    machine.wait_until_ready(host, disk, process)


def in_parallel(hosts: Iterable[Host], action: Callable[[Host], None]) -> None:
    """Do the action for all machines at once and raise the first error after all have ended."""
    everything = list(hosts)
    with ThreadPoolExecutor(max_workers=max(1, len(everything))) as pool:
        for future in [pool.submit(action, host) for host in everything]:
            future.result()


def start(name: str, host_name: str) -> None:
    """Switch a machine on again, with the disk it had."""
    with locked(name):
        plan = load(name)
        base = ensure_root()
        limits.require_inotify(1)
        run_machine(plan, plan.host(host_name), base, access.write(plan, base))


def poweroff(name: str, host_name: str) -> None:
    """Pull a machine's plug. Its disk stays."""
    with locked(name):
        host = load(name).host(host_name)
        machine.kill(host)
        network.unplug(host)


def reset(name: str, host_names: Iterable[str] = ()) -> Plan:
    """Give machines fresh disks, all when none is named, and boot them; key, addresses and inventory stay."""
    with locked(name):
        plan = load(name)
        network.set_partition(plan, [])
        in_parallel([plan.host(host) for host in host_names] or plan.hosts, remove_machine)
    return up(name, plan.host_names)


def remove_machine(host: Host) -> None:
    """Kill a machine and remove everything it had."""
    machine.kill(host)
    network.unplug(host)
    machine.remove_disk(host)


def down(name: str, foreign: bool = False) -> None:
    """Remove the lab with everything it left, also after a crash; the shared root and the routing guard stay."""
    check_name(name)
    with locked(name):
        owner = network.bridges().get(name, ("", None))[0]
        if owner and owner != str(lab_directory(name)) and not foreign:
            raise LabError(f"the lab {name} belongs to another checkout ({owner})", "add --foreign to take it down")
        plan = leftovers(name)
        in_parallel(plan.hosts, remove_machine)
        network.set_partition(plan, [])
        network.remove_bridge(plan.bridge)
        for hierarchy in machine.hierarchies():
            machine.remove_group(hierarchy / "slipway-lab" / name)
        for directory in (lab_directory(name), machine.FALLBACK_DISKS / name):
            if directory.is_dir():
                shutil.rmtree(directory)


def leftovers(name: str) -> Plan:
    """A plan with every machine of which the record, a process, a namespace or a file is left."""
    record = None
    with contextlib.suppress(LabError):
        record = read_record(name)
    found = set(record.host_names) if record else set()
    found |= {namespace.rpartition("-")[2] for namespace in network.namespaces(name)}
    places = [hierarchy / "slipway-lab" / name for hierarchy in machine.hierarchies()]
    for directory in [*places, lab_directory(name) / "machines"]:
        if directory.is_dir():
            found |= {entry.name for entry in directory.iterdir() if entry.is_dir()}
    octet = network.bridges().get(name, ("", None))[1]
    if octet is None:
        octet = record.octet if record else 0
    return Plan(name, octet, ordered_hosts(found))


def names() -> list[str]:
    """All labs that are recorded here or run on this machine."""
    recorded = {path.parent.name for path in CACHE.glob("*/lab.json")}
    running = {path.name for hierarchy in machine.hierarchies() for path in (hierarchy / "slipway-lab").glob("*/")}
    return sorted(name for name in recorded | running | set(network.bridges()) if NAME_PATTERN.match(name))


def partition(name: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Cut the connection between the pairs of machines, replacing earlier partitions."""
    require("nft")
    plan = load(name)
    network.set_partition(plan, [(plan.host(one), plan.host(other)) for one, other in pairs])


def status(name: str) -> list[tuple[str, str, str]]:
    """Machine, address and state (``running``, ``unplugged`` or ``off``) for each machine of the lab."""
    plan = load(name)
    found = network.links()
    rows = []
    for host in plan.hosts:
        state = "off"
        if machine.leader(host) is not None:
            state = "running" if found.get(host.link, {}).get("operstate") == "UP" else "unplugged"
        rows.append((host.name, host.address, state))
    return rows
