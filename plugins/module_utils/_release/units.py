# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd units of the components, one file for each component and slot.

``render`` is pure. ``installed`` reads the unit directory, ``write``, ``remove``, ``enable`` and ``disable`` change it.
A unit's text depends on the slot and the declaration of the component, not on the version: placing another version with
the same declaration needs no daemon-reload, and a slot link and its units cannot contradict each other in between.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common.errors import StateError
from .._common.files import fsync_directory, write_atomic
from .layout import Layout, make_directory
from .order import after

PRIVILEGED_PORTS = 1024
WANTS = {"service": "multi-user.target.wants", "timer": "timers.target.wants"}

_OWNER = re.compile(r"^\[X-Slipway\]\nApp=(?P<app>.+)\nComponent=(?P<component>.+)\nSlot=(?P<slot>.+)$", re.MULTILINE)

_HARDENING = """\
UMask=0027
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""


def unit_name(app: str, component: str, slot: str, suffix: str = "service") -> str:
    """Name of a component's unit in a slot."""
    return f"slipway-{app}-{component}@{slot}.{suffix}"


def switch_unit(app: str, component: Mapping[str, Any], slot: str) -> str:
    """The unit that is started and enabled for a component: its service, or the timer of a scheduled one."""
    return unit_name(app, component["name"], slot, "timer" if component["kind"] == "scheduled" else "service")


def render(document: Mapping[str, Any], slot: str, layout: Layout) -> dict[str, str]:
    """Text of every unit of a revision in a slot, by unit name."""
    units: dict[str, str] = {}
    for component in document["components"]:
        units[unit_name(layout.app, component["name"], slot)] = _service(document, component, slot, layout)
        if component["kind"] == "scheduled":
            units[unit_name(layout.app, component["name"], slot, "timer")] = _timer(component, slot, layout)
    return units


def installed(layout: Layout, slot: str) -> dict[str, str]:
    """Text of every unit that lies in the unit directory for this application and slot."""
    found = {}
    for suffix in WANTS:
        for path in layout.units.glob(f"slipway-{layout.app}-*@{slot}.{suffix}"):
            text = path.read_text(encoding="utf-8", errors="replace")
            if _owner(text) == (layout.app, slot):
                found[path.name] = text
    return found


def component_of(text: str) -> str:
    """The component that a unit belongs to."""
    found = _OWNER.search(text)
    return found["component"] if found else ""


def refuse_foreign(layout: Layout, names: list[str], owned: Mapping[str, str]) -> None:
    """Refuse to overwrite a unit file that slipway did not write for this application.

    :raises StateError: there is one.
    """
    for name in names:
        if name not in owned and (layout.units / name).exists():
            raise StateError(
                f"the unit {name} exists and does not belong to application {layout.app}",
                where=str(layout.units / name),
                remedy="rename the component or the application, or remove the unit file",
            )


def text_digest(text: str) -> str:
    """What is recorded of a unit's text, to see later whether somebody changed it."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write(layout: Layout, name: str, text: str) -> None:
    """Write a unit file."""
    write_atomic(layout.units / name, text.encode("utf-8"))


def remove(layout: Layout, name: str) -> None:
    """Remove a unit file."""
    (layout.units / name).unlink(missing_ok=True)


def enabled(layout: Layout, name: str) -> bool:
    """Whether a boot starts the unit."""
    return _wants(layout, name).is_symlink()


def enable(layout: Layout, name: str) -> None:
    """Let a boot start the unit."""
    link = _wants(layout, name)
    if not link.is_symlink():
        make_directory(link.parent)
        os.symlink(layout.units / name, link)
        fsync_directory(link.parent)


def disable(layout: Layout, name: str) -> None:
    """Let a boot not start the unit."""
    link = _wants(layout, name)
    if link.is_symlink():
        link.unlink()
        fsync_directory(link.parent)


def leftovers(layout: Layout) -> list[Path]:
    """What killed runs left half written in the unit directory."""
    return list(layout.units.glob(f".slipway-{layout.app}-*"))


def _wants(layout: Layout, name: str) -> Path:
    return layout.units / WANTS[name.rsplit(".", 1)[1]] / name


def _owner(text: str) -> tuple[str, str] | None:
    found = _OWNER.search(text)
    return (found["app"], found["slot"]) if found else None


def _head(what: str, component: Mapping[str, Any], slot: str, layout: Layout) -> str:
    return (
        "# Written by slipway.release; a change here is reported as drift and overwritten.\n"
        f"[X-Slipway]\nApp={layout.app}\nComponent={component['name']}\nSlot={slot}\n\n"
        f"[Unit]\nDescription={layout.app} {component['name']} in slot {slot}{what}\n"
    )


def _service(document: Mapping[str, Any], component: Mapping[str, Any], slot: str, layout: Layout) -> str:
    link = layout.slot(slot)
    lines = [
        " ".join(["After=network-online.target", *_earlier(component, slot, layout)]),
        "Wants=network-online.target",
        "StartLimitIntervalSec=60",
        "StartLimitBurst=10",
        "",
        "[Service]",
        f"Type={'oneshot' if component['kind'] == 'scheduled' else 'exec'}",
        f"User={document['user']}",
        f"WorkingDirectory={link}/release",
        f"Environment=SLOT={slot}" + (f" PORT={component['ports'][slot]}" if component["ports"] else ""),
        f"EnvironmentFile={link}/environment",
    ]
    if component["environment"]:
        lines.append(f"EnvironmentFile={link}/environment.{component['name']}")
    lines += [f"LoadCredential={name}:{link}/secrets/{name}" for name in sorted(document["secrets"])]
    lines += [f"ExecStart={_command(component['command'], link)}", f"SyslogIdentifier={layout.app}-{component['name']}"]
    if component["kind"] != "scheduled":
        lines += ["Restart=on-failure", "RestartSec=1"]
    lines += ["KillSignal=SIGTERM", f"TimeoutStopSec={component['stop_timeout']}"]
    if component["memory_max"]:
        lines.append(f"MemoryMax={component['memory_max']}")
    lines += [f"StateDirectory=slipway-{layout.app}", "StateDirectoryMode=0750"]
    if document["shared_directories"]:
        lines.append(f"ReadWritePaths={layout.shared}")
    lines += _capabilities(component["ports"].get(slot, PRIVILEGED_PORTS))
    install = "" if component["kind"] == "scheduled" else "\n[Install]\nWantedBy=multi-user.target\n"
    return _head("", component, slot, layout) + "\n".join(lines) + "\n" + _HARDENING + install


def _earlier(component: Mapping[str, Any], slot: str, layout: Layout) -> list[str]:
    """Units that a boot starts before this one, and a shutdown stops after it."""
    return [unit_name(layout.app, name, slot) for name in after(component)]


def _capabilities(port: int) -> list[str]:
    if port >= PRIVILEGED_PORTS:
        return ["CapabilityBoundingSet="]
    return ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]


def _command(command: str, link: Path) -> str:
    program = command.split(maxsplit=1)[0]
    inside = "/" in program and program[0] not in "/\"'"
    return (f"{link}/release/{command}" if inside else command).replace("%", "%%")


def _timer(component: Mapping[str, Any], slot: str, layout: Layout) -> str:
    return (
        _head(", schedule", component, slot, layout)
        + "".join(f"After={name}\n" for name in _earlier(component, slot, layout))
        + f"\n[Timer]\nOnCalendar={component['schedule']}\nAccuracySec=1s\n"
        + f"Unit={unit_name(layout.app, component['name'], slot)}\n"
        + "\n[Install]\nWantedBy=timers.target\n"
    )
