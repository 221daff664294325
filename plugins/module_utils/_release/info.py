# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application host says about its slots, revisions, ports and room. Reads only, and takes no lock."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import units, warm
from .fetch import free_bytes
from .host import Host, View
from .ports import owners
from .record import Record
from .revision import SLOTS

MEMINFO = Path("/proc/meminfo")


def info(host: Host, ports: Collection[int] = ()) -> dict[str, Any]:
    """The state of one application on this host; of one that was never placed, empty slots.

    :param ports: ports to report on, besides those of the revisions in the slots.
    """
    record = host.file.read()
    views = host.views(dict.fromkeys(SLOTS, ()))
    known = {
        port
        for view in views.values()
        if view.document
        for component in view.document["components"]
        for port in component["ports"].values()
    }
    usage = owners({*known, *ports})
    return {
        "token": host.fence.seen(),
        "ledger": host.fence.pinned(),
        "slots": {slot: _slot(host, view) for slot, view in views.items()},
        "revisions": _revisions(host, record),
        "ports": {str(port): "free" if owner is None else str(owner) for port, owner in usage.items()},
        "free_bytes": free_bytes(host.layout.home),
        "memory_available": memory_available(),
        "can_keep_warm": warm.installed(host.layout),
    }


def memory_available(meminfo: Path = MEMINFO) -> int:
    """Bytes that new processes can have without swapping."""
    lines = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
    return next((int(fields[1]) * 1024 for fields in lines if fields[0] == "MemAvailable:"), 0)


def _slot(host: Host, view: View) -> dict[str, Any]:
    instances = host.instances(view)
    serving = [item["running"] for item in instances.values() if item["kind"] == "http"]
    anything = serving or [item["running"] for item in instances.values()]
    return {
        **view.summary(),
        "running": bool(anything) and all(anything),
        "instances": instances,
        "drift": _drift(host, view),
        "warm": warm.described(host.layout, view.slot, view.linked),
    }


def _drift(host: Host, view: View) -> list[str]:
    """What differs from what was placed; nothing is said about a slot that is not placed."""
    if view.linked is None or view.status != "placed":
        return []
    drift = [] if host.store.intact(view.linked) else [f"the manifest of revision {view.linked} was changed"]
    for name, recorded in sorted(view.record.units.items()):
        if name not in view.installed:
            drift.append(f"unit {name} is missing")
        elif units.text_digest(view.installed[name]) != recorded:
            drift.append(f"unit {name} was changed")
        elif view.states[name].stale:
            drift.append(f"unit {name} was changed and not loaded since")
    drift += [f"unit {name} was added" for name in sorted(set(view.installed) - set(view.record.units))]
    return drift


def _revisions(host: Host, record: Record) -> list[dict[str, Any]]:
    """Kept revisions, the newest first."""
    order = {identifier: number for number, identifier in enumerate(record.history)}
    kept = sorted(host.store.identifiers(), key=lambda item: (order.get(item, -1), item), reverse=True)
    documents = ((identifier, host.store.document(identifier)) for identifier in kept)
    return [
        {
            "id": identifier,
            "version": document["version"],
            "sha256": document["artifact"]["sha256"],
            "schema_range": document["schema_range"],
            "proven": identifier in record.proven,
            "document": document,
        }
        for identifier, document in documents
        if document
    ]
