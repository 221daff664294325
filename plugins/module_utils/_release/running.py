# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop and hand over what is placed, and mark revisions as proven or slots as failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._common.errors import StateError, SystemFailure
from . import jobs, ready, units, warm
from .host import Host, Outcome, View, other_slot
from .order import after, in_turn
from .present import start
from .revision import SLOTS


@dataclass(frozen=True)
class Selection:
    """What to start or stop.

    :param components: names; empty for the default of the operation. A name that the slot's revision does not have is
        passed over and reported, because a handover names the components of both revisions.
    :param only_revision: do nothing unless the slot holds this revision.
    :param active_slot: the slot that takes the traffic, empty when none does.
    :param force: stop http components of the active slot, and let two revisions consume at once.
    :param keep_warm: how long the other slot stays warm, for a slot that is started.
    """

    slot: str
    components: Sequence[str] = ()
    only_revision: str = ""
    active_slot: str = ""
    force: bool = False
    keep_warm: warm.Request | None = None


def stopped(host: Host, selection: Selection, *, failed: bool = False) -> Outcome:
    """Stop components of a slot, all of them by default, and let no boot start them.

    :param failed: mark the slot as failed.
    :raises StateError: they take the traffic; nothing was changed.
    :raises SystemFailure: something of them still runs.
    """
    with host.acting():
        view = host.view(selection.slot)
        applies = selection.only_revision in ("", view.linked)
        names = _installed(view, selection.components) if applies else []
        marks = failed and applies and view.linked is not None and view.status != "failed"
        to_disable = [name for name in names if name in view.enabled]
        to_stop = [name for name in view.active_units() if name in names]
        outcome = _outcome(view, bool(to_disable or to_stop or marks), selection.components)
        keeping = warm.ended(host) if applies and not selection.components else None
        if outcome.changed:
            _refuse_stopping_traffic(host, selection, view, to_stop)
        if marks:
            outcome.after = {**outcome.before, "status": "failed"}
        if outcome.changed and not host.check:
            with host.journaled("stopped", slot=view.slot, revision=view.linked, units=names, failed=failed):
                if marks:
                    host.mark(view.slot, replace(view.record, revision=view.linked, status="failed"))
                _stop_units(host, view, to_disable, to_stop, outcome)
            view = host.view(selection.slot)
        if keeping and not host.check:
            warm.apply(host, keeping)
        outcome.instances = host.instances(view)
        return outcome


def started(host: Host, selection: Selection) -> Outcome:
    """Start components of a slot, its http components by default, and let a boot start them too.

    :raises StateError: the slot holds nothing that could be started, a port is taken, or the other slot still runs a
        component of which only one revision may run; nothing was changed.
    :raises SystemFailure: one of them does not run then.
    """
    with host.acting():
        views = host.views(dict.fromkeys(SLOTS, ()))
        view, other = views[selection.slot], views[other_slot(selection.slot)]
        components = _chosen(view, selection)
        with warm.use(host, selection.slot, selection.keep_warm) as keeping:
            outcome = _outcome(view, keeping.needed, selection.components)
            _start(host, selection, view, other, components, outcome)
        outcome.instances = host.instances(view if host.check else host.view(selection.slot))
        return outcome


def handover(host: Host, selection: Selection) -> Outcome:
    """Stop components in the other slot, see that they have stopped, then start them in this one.

    Components that may overlap are started first, so that somebody always does their work.

    :raises StateError: the slot holds nothing that could take over; nothing was changed.
    :raises SystemFailure: one of them still runs there, or does not run here then.
    """
    with host.acting():
        views = host.views(dict.fromkeys(SLOTS, ()))
        view, other = views[selection.slot], views[other_slot(selection.slot)]
        components = _chosen(view, selection, kinds=("worker", "singleton", "scheduled"))
        leaving = _handed_over(other, selection)
        with warm.use(host, selection.slot, selection.keep_warm) as keeping:
            outcome = _outcome(view, keeping.needed, selection.components)
            overlapping = _overlapping(components)
            exclusive = [item for item in components if item not in overlapping]
            _start(host, replace(selection, force=True), view, other, overlapping, outcome)
            to_disable = [name for name in leaving if name in other.enabled]
            to_stop = [name for name in other.active_units() if name in leaving]
            if to_disable or to_stop:
                outcome.changed = True
                if not host.check:
                    with host.journaled("handover", slot=view.slot, revision=view.linked, units=leaving):
                        _stop_units(host, other, to_disable, to_stop, outcome)
            _start(host, replace(selection, force=True), view, other, exclusive, outcome)
        outcome.instances = host.instances(view if host.check else host.view(selection.slot))
        return outcome


def proven(host: Host, selection: Selection) -> Outcome:
    """Mark the revision of a slot as one that finished a deployment.

    :raises StateError: the slot holds no revision that was placed to its end.
    """
    with host.acting():
        view = host.view(selection.slot)
        if view.linked is None or view.status != "placed":
            raise StateError(
                f"slot {view.slot} is {view.status}, there is nothing proven in it",
                where=f"slot {view.slot} of {host.layout.app}",
                remedy="place a revision first",
            )
        if selection.only_revision not in ("", view.linked):
            raise StateError(
                f"slot {view.slot} holds revision {view.linked}, not {selection.only_revision}",
                where=f"slot {view.slot} of {host.layout.app}",
                remedy="name the slot that took the deployment",
            )
        record = host.file.read()
        outcome = _outcome(view, record.proven[-1:] != (view.linked,), ())
        if outcome.changed and not host.check:
            with host.journaled("proven", slot=view.slot, revision=view.linked):
                host.file.write(record.with_proven(view.linked))
        outcome.instances = host.instances(view)
        return outcome


def _outcome(view: View, changed: bool, components: Sequence[str]) -> Outcome:
    known = {item["name"] for item in view.document["components"]} if view.document else set()
    return Outcome(
        slot=view.slot,
        changed=changed,
        revision=view.linked,
        before=view.summary(),
        after=view.summary(),
        extra={"passed_over": sorted(set(components) - known)},
    )


def _installed(view: View, components: Sequence[str]) -> list[str]:
    return sorted(name for name, text in view.installed.items() if not components or _belongs(text, components))


def _belongs(text: str, components: Collection[str]) -> bool:
    return units.component_of(text) in components


def _refuse_stopping_traffic(host: Host, selection: Selection, view: View, names: Sequence[str]) -> None:
    if selection.force or selection.slot != selection.active_slot or not view.document:
        return
    serving = {
        units.unit_name(host.layout.app, item["name"], view.slot)
        for item in view.document["components"]
        if item["kind"] == "http"
    }
    if serving & set(names):
        raise StateError(
            f"slot {view.slot} takes the traffic",
            where=f"slot {view.slot} of {host.layout.app}",
            remedy="move the traffic away first, or force it if the loss of requests is accepted",
        )


def _stop_units(host: Host, view: View, to_disable: Sequence[str], to_stop: Sequence[str], outcome: Outcome) -> None:
    """Stop units, runs of schedules after they had time to finish; called with the lock of the host held.

    :raises StaleTokenError: a newer deployment is in charge; nothing more was stopped.
    :raises SystemFailure: something of them still runs.
    """
    under_way = _under_way(host, view, to_stop)
    with outcome.step("stop"):
        host.fence.check()
        for name in to_disable:
            units.disable(host.layout, name)
        if under_way:
            host.systemd.stop([name for name in to_stop if name.endswith(".timer")], view.patience)
            jobs.let_finish(host.systemd, under_way, host.fence.check)
            host.fence.check()
        host.systemd.stop(to_stop, view.patience)
        running = [name for name, state in host.systemd.show(to_stop).items() if not state.stopped]
    if running:
        raise SystemFailure(
            f"{', '.join(running)} still runs after it was stopped",
            where="systemd",
            remedy=f"see 'systemctl status {running[0]}' on this host",
        )


def _under_way(host: Host, view: View, names: Sequence[str]) -> dict[str, int]:
    """Services of scheduled components among ``names``, which work now, to the seconds that they may go on."""
    scheduled = [item for item in (view.document or {"components": []})["components"] if item["kind"] == "scheduled"]
    services = {units.unit_name(host.layout.app, item["name"], view.slot): item["stop_timeout"] for item in scheduled}
    return {name: services[name] for name in names if name in services}


def _chosen(view: View, selection: Selection, kinds: Sequence[str] = ("http",)) -> list[Mapping[str, Any]]:
    declared = view.document["components"] if view.document else []
    chosen = [
        item
        for item in declared
        if (item["name"] in selection.components if selection.components else item["kind"] in kinds)
    ]
    if (chosen or not selection.components) and view.status != "placed":
        raise StateError(
            f"slot {view.slot} is {view.status}",
            where=f"slot {view.slot}",
            remedy="place a revision in it with state=present first",
        )
    if selection.only_revision not in ("", view.linked):
        raise StateError(
            f"slot {view.slot} holds revision {view.linked}, not {selection.only_revision}",
            where=f"slot {view.slot}",
            remedy="place that revision with state=present first",
        )
    return chosen


def _handed_over(other: View, selection: Selection) -> list[str]:
    """Units of the other slot that must stop: the named components, or all that serve no requests."""
    if selection.components:
        return _installed(other, selection.components)
    declared = other.document["components"] if other.document else []
    http = {item["name"] for item in declared if item["kind"] == "http"}
    return sorted(name for name, text in other.installed.items() if units.component_of(text) not in http)


def _start(
    host: Host,
    selection: Selection,
    view: View,
    other: View,
    components: Sequence[Mapping[str, Any]],
    outcome: Outcome,
) -> None:
    names = [units.switch_unit(host.layout.app, item, view.slot) for item in components]
    to_enable = [name for name in names if name not in view.enabled]
    to_start = [name for name in names if name not in view.states or not view.states[name].running]
    if not to_enable and not to_start:
        return
    outcome.changed = True
    _refuse_missing_units(view, names)
    _refuse_two_consumers(host, selection, other, components)
    if to_start and view.document:
        host.refuse_taken_ports({"components": components}, view.slot, view.installed)
    if host.check:
        return
    with host.journaled("started", slot=view.slot, revision=view.linked, units=names), outcome.step("start"):
        host.fence.check()
        for name in to_enable:
            units.enable(host.layout, name)
        _start_in_turn(host, view, components, to_start)


def _start_in_turn(host: Host, view: View, components: Sequence[Mapping[str, Any]], to_start: Collection[str]) -> None:
    """Start components, each once all that it comes after is ready, and see those ready that others come after."""
    declared = view.document["components"] if view.document else []
    leading = {name for item in declared for name in after(item)}
    ready_ones: set[str] = set()

    def require_ready(names: set[str]) -> None:
        judged = [item for item in declared if item["name"] in names - ready_ones and _runs_here(host, view, item)]
        ready.require(host.layout.app, judged, view.slot)
        ready_ones.update(names)

    for group in in_turn(components, declared):
        starting = {units.switch_unit(host.layout.app, item, view.slot): item for item in group}
        starting = {unit: item for unit, item in starting.items() if unit in to_start}
        if starting:
            require_ready({name for item in starting.values() for name in after(item)})
            host.fence.check()
            start(host, list(starting), view.patience)
            require_ready({item["name"] for item in starting.values()} & leading)


def _runs_here(host: Host, view: View, component: Mapping[str, Any]) -> bool:
    """Whether a component is to run on this host: a singleton may do so on another one."""
    unit = units.switch_unit(host.layout.app, component, view.slot)
    return component["kind"] != "singleton" or units.enabled(host.layout, unit)


def _overlapping(components: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Components that may overlap, and come after none that may not."""
    exclusive = {item["name"] for item in components if not item["overlap"]}
    while True:
        held_up = {item["name"] for item in components if exclusive.intersection(after(item))}
        if held_up <= exclusive:
            return [item for item in components if item["name"] not in exclusive]
        exclusive |= held_up


def _refuse_missing_units(view: View, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in view.installed]
    if missing:
        raise StateError(
            f"unit {missing[0]} is missing",
            where=f"slot {view.slot}",
            remedy="place the revision again with state=present, which writes its units",
        )


def _refuse_two_consumers(
    host: Host, selection: Selection, other: View, components: Sequence[Mapping[str, Any]]
) -> None:
    for item in components:
        if item["kind"] == "http" or item["overlap"] or selection.force:
            continue
        running = [name for name in other.active_units() if _belongs(other.installed[name], (item["name"],))]
        if running:
            raise StateError(
                f"{running[0]} still runs, and two revisions of {item['name']} must not run at once",
                where=f"slot {other.slot} of {host.layout.app}",
                remedy="stop it there first, or declare overlap: true for the component",
            )
