# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One application on this host: what is seen of a slot, and the frame in which it is changed.

Every change happens under the fence and the lock of systemd's children, and leaves an intent and an outcome in the
journal.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common.errors import SlipwayError, StateError
from .._common.fence import Fence
from .._common.journal import Journal
from . import jobs, units
from .layout import Layout
from .order import ranks, seconds_to_end
from .ports import Owner, owners
from .record import Record, RecordFile, SlotRecord
from .revision import SLOTS, STOP_TIMEOUT
from .store import Store, remove
from .systemd import Systemd, UnitState
from .warm import WarmFile


@dataclass(frozen=True)
class View:
    """What is seen of a slot."""

    slot: str
    linked: str | None
    document: dict[str, Any] | None
    record: SlotRecord
    installed: dict[str, str]
    states: dict[str, UnitState]
    enabled: frozenset[str]

    def summary(self) -> dict[str, Any]:
        """Revision, version and status."""
        return {
            "revision": self.linked,
            "version": self.document["version"] if self.document else None,
            "status": self.status,
        }

    @property
    def status(self) -> str:
        """``empty``, ``placing``, ``placed`` or ``failed``."""
        if self.record.status == "empty" or self.record.revision == self.linked:
            return self.record.status
        return "placing"

    @property
    def patience(self) -> int:
        """Seconds that the components may take to stop."""
        return max(STOP_TIMEOUT, seconds_to_end(self.document["components"] if self.document else []))

    def active_units(self) -> list[str]:
        """Installed units that run, or would by themselves, in the order in which they are to be stopped.

        Timers first, so that none starts a service again, then what comes after others. systemd is told in that order,
        and by the units lets each end before it stops what they come after.
        """
        names = [name for name in self.installed if not self.states[name].stopped]
        order = ranks(self.document["components"]) if self.document else {}
        later = {name: order.get(units.component_of(self.installed[name]), 0) for name in names}
        return sorted(names, key=lambda name: (not name.endswith(".timer"), -later[name], name))


@dataclass
class Outcome:
    """What a change came to."""

    slot: str
    changed: bool = False
    revision: str | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    pruned: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    diff: list[dict[str, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step."""
        start = time.monotonic_ns()
        yield
        self.steps.append({"name": name, "elapsed_us": (time.monotonic_ns() - start) // 1000})

    def as_result(self) -> dict[str, Any]:
        """The result of the module, the diff aside."""
        return {
            "changed": self.changed,
            "slot": self.slot,
            "revision": self.revision,
            "before": self.before,
            "after": self.after,
            "pruned": self.pruned,
            "steps": self.steps,
            "instances": self.instances,
            **self.extra,
        }


class Host:
    """One application on this host.

    :param token: fencing token of the deployment that acts.
    :param check: nothing is changed, only foretold.
    :param fence: with the token of the deployment that acts; one that only looks by default.
    """

    def __init__(
        self,
        layout: Layout,
        token: int = 0,
        *,
        check: bool = False,
        systemd: Systemd | None = None,
        fence: Fence | None = None,
    ) -> None:
        self.layout = layout
        self.check = check
        self.fence = fence or Fence(layout.state, token)
        self.store = Store(layout)
        self.file = RecordFile(layout.state)
        self.warm = WarmFile(layout.state)
        self.systemd = systemd or Systemd(layout.state / "children")
        self.journal = Journal(layout.state)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Hold what keeps every other writer of this host away, and remove what killed ones left.

        In check mode only the token is looked at.
        """
        if self.check:
            self.fence.check()
            yield
            return
        with self.fence.held(), self.systemd.held():
            for path in self.leftovers():
                remove(path)
            yield

    def leftovers(self) -> list[Path]:
        """What killed runs left half made or half removed."""
        return [*self.store.leftovers(), *units.leftovers(self.layout)]

    @contextmanager
    def journaled(self, action: str, **content: Any) -> Iterator[None]:
        """Write an intent before, and an outcome after."""
        token = self.fence.token or self.fence.seen()
        self.journal.append("intent", token, action=action, **content)
        try:
            yield
        except SlipwayError as exc:
            self.journal.append("outcome", token, **{"action": action, **content, "failed": exc.message()})
            raise
        self.journal.append("outcome", token, action=action, **content)

    def view(self, slot: str, wanted: Iterable[str] = ()) -> View:
        """See a slot.

        :param wanted: units that the slot shall have, seen besides those it has.
        """
        return self.views({slot: wanted})[slot]

    def views(self, slots: Mapping[str, Iterable[str]]) -> dict[str, View]:
        """See several slots, asking systemd once."""
        record = self.file.read()
        installed = {slot: units.installed(self.layout, slot) for slot in slots}
        names = {slot: {*installed[slot], *wanted} for slot, wanted in slots.items()}
        states = self.systemd.show(name for group in names.values() for name in group)
        return {slot: self._view(slot, record, installed[slot], names[slot], states) for slot in slots}

    def _view(
        self, slot: str, record: Record, installed: dict[str, str], names: set[str], states: Mapping[str, UnitState]
    ) -> View:
        linked = self.layout.linked(slot)
        return View(
            slot=slot,
            linked=linked,
            document=self.store.document(linked) if linked else None,
            record=record.slots[slot],
            installed=installed,
            states={name: states[name] for name in names},
            enabled=frozenset(name for name in names if units.enabled(self.layout, name)),
        )

    def mark(self, slot: str, record: SlotRecord) -> None:
        """Record the state of a slot."""
        self.file.write(self.file.read().with_slot(slot, record))

    def instances(self, view: View) -> dict[str, dict[str, Any]]:
        """Unit, state, process and port of each component of the revision in a slot."""
        if not view.document:
            return {}
        return {item["name"]: self._instance(item, view) for item in view.document["components"]}

    def _instance(self, component: Mapping[str, Any], view: View) -> dict[str, Any]:
        unit = units.switch_unit(self.layout.app, component, view.slot)
        service = view.states.get(units.unit_name(self.layout.app, component["name"], view.slot), UnitState())
        state = view.states.get(unit, UnitState())
        return {
            "unit": unit,
            "kind": component["kind"],
            "state": state.active,
            "running": state.running,
            "pid": service.pid,
            "port": component["ports"].get(view.slot),
            "enabled": unit in view.enabled,
            "restarts": service.restarts,
            **(
                jobs.described(self.layout.app, component, view.slot, view.states)
                if component["kind"] == "scheduled"
                else {}
            ),
        }

    def refuse_taken_ports(self, document: Mapping[str, Any], slot: str, own: Iterable[str]) -> None:
        """Refuse to start where somebody else listens.

        :param own: units of this slot, which may listen there.
        :raises StateError: a port is taken; it names the port and the process.
        """
        ports = {item["ports"][slot]: item["name"] for item in document["components"] if item["ports"]}
        ours = set(own)
        for port, owner in owners(ports).items():
            if owner is not None and owner.unit not in ours:
                raise StateError(
                    f"port {port} of component {ports[port]} is already in use by {_described(owner)}",
                    where=f"slipway_components[{ports[port]}].ports.{slot}",
                    remedy="stop that process, or give the component another port",
                )


def other_slot(slot: str) -> str:
    """The slot that is not ``slot``."""
    return SLOTS[1 - SLOTS.index(slot)]


def _described(owner: Owner) -> str:
    return f"{owner}, unit {owner.unit}" if owner.unit and owner.unit not in str(owner) else str(owner)
