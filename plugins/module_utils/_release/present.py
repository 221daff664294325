# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Place a revision in a slot and start its http components.

The order keeps a slot consistent at every instant: while its link and units change, its status is ``placing``, none of
its units runs and none would be started by a boot. So whatever runs was started from one complete revision.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._common.errors import SlipwayError, StateError, SystemFailure
from .._common.files import fsync_directory, link_atomic
from . import units, warm
from .host import Host, Outcome, View, other_slot
from .layout import make_directory
from .record import SlotRecord
from .revision import revision_id
from .store import Source, require_account


@dataclass(frozen=True)
class Placing:
    """What is asked for.

    :param document: revision document.
    :param active_slot: the slot that takes the traffic, empty when none does.
    :param keep: how many of the newest revisions stay.
    :param protect: revisions that stay in any case.
    :param force: overwrite even the active slot.
    :param start: start the http components; otherwise what is placed waits to be started.
    :param keep_warm: how long the other slot stays warm once no requests are led to it any more; for ever by default.
    """

    slot: str
    document: Mapping[str, Any]
    source: Source = field(default_factory=Source)
    active_slot: str = ""
    keep: int = 5
    protect: Sequence[str] = ()
    force: bool = False
    start: bool = True
    keep_warm: warm.Request | None = None


@dataclass(frozen=True)
class _Work:
    """What there is to do."""

    identifier: str
    missing: bool
    replaces: bool
    restarts: bool
    write: dict[str, str]
    remove: list[str]
    stale: bool
    enable: list[str]
    start: list[str]
    prune: list[str]
    unneeded: bool

    @property
    def rewrites(self) -> bool:
        return bool(self.replaces or self.write or self.remove)

    @property
    def prunes(self) -> bool:
        return bool(self.prune) or self.unneeded

    @property
    def changes(self) -> bool:
        return bool(self.rewrites or self.stale or self.enable or self.start or self.prunes)


def present(host: Host, request: Placing) -> Outcome:
    """Place a revision; a revision that is placed and runs stays untouched.

    :raises StateError: the slot takes the traffic, a port is taken, or the host is not prepared; nothing was changed.
    :raises SystemFailure: a component does not start; the slot is stopped and marked failed.
    """
    rendered = units.render(request.document, request.slot, host.layout)
    with host.acting():
        view = host.view(request.slot, rendered)
        work = _work(host, request, view, rendered)
        _refuse(host, request, view, work, rendered)
        with warm.use(host, request.slot, request.keep_warm) as keeping:
            outcome = Outcome(
                slot=request.slot,
                changed=work.changes or keeping.needed,
                revision=work.identifier,
                before=view.summary(),
                after={"revision": work.identifier, "version": request.document["version"], "status": "placed"},
                pruned=work.prune,
                diff=_diff(view, work, request),
            )
            if work.changes and not host.check:
                _act(host, request, view, work, rendered, outcome)
                view = host.view(request.slot, rendered)
        if host.check:
            absent = not host.store.has_artifact(request.document["artifact"]["sha256"])
            outcome.extra = {"would_fetch": work.missing and absent}
        if not host.check or not work.replaces:
            outcome.instances = host.instances(view)
        return outcome


def _work(host: Host, request: Placing, view: View, rendered: Mapping[str, str]) -> _Work:
    identifier = revision_id(request.document)
    write = {name: text for name, text in rendered.items() if view.installed.get(name) != text}
    remove = sorted(set(view.installed) - set(rendered))
    replaces = view.linked != identifier or view.record.revision != identifier or view.status != "placed"
    keeps_serving = view.slot == request.active_slot and view.linked == identifier
    restarts = (replaces or bool(write) or bool(remove)) and not keeps_serving
    http = {
        units.unit_name(host.layout.app, item["name"], request.slot)
        for item in request.document["components"]
        if item["kind"] == "http"
    }
    http = http if request.start else set()
    wanted = http if restarts else http | (view.enabled & set(rendered))
    record = host.file.read().with_history(identifier) if replaces else host.file.read()
    linked = {identifier, host.layout.linked(other_slot(request.slot)) or identifier}
    prune = host.store.prunable(record, linked, request.keep, request.protect)
    unneeded = set(host.store.unneeded_artifacts(prune)) - {request.document["artifact"]["sha256"]}
    return _Work(
        identifier=identifier,
        missing=host.store.document(identifier) is None,
        replaces=replaces,
        restarts=restarts,
        write=write,
        remove=remove,
        stale=any(state.stale for state in view.states.values()),
        enable=sorted(wanted if restarts else wanted - view.enabled),
        start=sorted(name for name in wanted if restarts or not view.states[name].running),
        prune=prune,
        unneeded=bool(unneeded),
    )


def _refuse(host: Host, request: Placing, view: View, work: _Work, rendered: Mapping[str, str]) -> None:
    if request.slot == request.active_slot and view.linked not in (None, work.identifier) and not request.force:
        raise StateError(
            f"slot {request.slot} takes the traffic and holds revision {view.linked}",
            where=f"slot {request.slot} of {host.layout.app}",
            remedy="place the revision in the other slot, or force it if the loss of requests is accepted",
        )
    if work.missing and host.layout.revision(work.identifier).exists():
        raise StateError(
            "the revision has lost its manifest",
            where=str(host.layout.revision(work.identifier)),
            remedy="remove this directory if no slot links to it, then run again",
        )
    if not work.missing and not host.store.intact(work.identifier):
        raise StateError(
            "the manifest of the revision has been changed",
            where=str(host.layout.revision(work.identifier)),
            remedy="find out who changed it; remove the directory once no slot links to it, then run again",
        )
    if work.changes and not host.check:
        require_account(request.document)
    if work.changes:
        units.refuse_foreign(host.layout, list(work.write), view.installed)
    if work.start:
        host.refuse_taken_ports(request.document, request.slot, {*view.installed, *rendered})


def _act(host: Host, request: Placing, view: View, work: _Work, rendered: Mapping[str, str], outcome: Outcome) -> None:
    make_directory(host.layout.state)
    with host.journaled("present", slot=request.slot, revision=work.identifier, replaced=view.linked):
        if work.missing:
            with outcome.step("unpack"):
                host.store.add(work.identifier, request.document, request.source)
        digests = {name: units.text_digest(text) for name, text in rendered.items()}
        placing = SlotRecord(work.identifier, "placing", digests)
        if work.rewrites:
            host.fence.check()
            host.mark(request.slot, placing)
        if work.restarts:
            _empty(host, view, outcome)
        _fill(host, request.slot, view, work, outcome)
        _start(host, view, work, placing, outcome)
        if work.rewrites:
            _settle(host, request.slot, placing)
        if work.prunes:
            with outcome.step("prune"):
                host.fence.check()
                host.store.prune(work.prune)
                host.file.write(host.file.read().without(set(work.prune)))


def _empty(host: Host, view: View, outcome: Outcome) -> None:
    with outcome.step("stop"):
        host.fence.check()
        for name in sorted(view.enabled):
            units.disable(host.layout, name)
        host.systemd.stop(view.active_units(), view.patience)


def _fill(host: Host, slot: str, view: View, work: _Work, outcome: Outcome) -> None:
    with outcome.step("link"):
        host.fence.check()
        if view.linked != work.identifier:
            make_directory(host.layout.slots)
            link_atomic(host.layout.slot(slot), f"../revisions/{work.identifier}")
        for name, text in sorted(work.write.items()):
            units.write(host.layout, name, text)
        for name in work.remove:
            units.remove(host.layout, name)
        if work.remove:
            fsync_directory(host.layout.units)
    if work.write or work.remove or work.stale:
        with outcome.step("daemon-reload"):
            host.systemd.daemon_reload()


def _start(host: Host, view: View, work: _Work, placing: SlotRecord, outcome: Outcome) -> None:
    with outcome.step("start"):
        host.fence.check()
        for name in work.enable:
            units.enable(host.layout, name)
        if not work.start:
            return
        try:
            start(host, work.start, view.patience)
        except SlipwayError:
            if work.restarts:
                for name in work.enable:
                    units.disable(host.layout, name)
                host.systemd.stop(work.start, host.view(view.slot).patience)
                host.mark(view.slot, replace(placing, status="failed"))
            raise


def start(host: Host, names: Sequence[str], patience: int) -> None:
    """Start units and see that they run.

    :param patience: seconds that those which are still ending may take before.
    :raises SystemFailure: one of them does not.
    """
    answer = host.systemd.start(names, patience)
    failed = {name: state for name, state in host.systemd.show(names).items() if not state.running}
    if failed:
        name, state = sorted(failed.items())[0]
        raise SystemFailure(
            f"{', '.join(sorted(failed))} did not start (result {state.result or state.active})",
            where=os.uname().nodename,
            remedy=f"see 'journalctl -u {name}' on this host; then correct the command or the release",
        )
    if answer.status:
        raise SystemFailure(
            f"systemctl start failed: {answer.errors or answer.status}",
            where="systemd",
            remedy="see 'systemctl status' on this host, then run again",
        )


def _settle(host: Host, slot: str, placing: SlotRecord) -> None:
    record = host.file.read().with_slot(slot, replace(placing, status="placed"))
    host.file.write(record.with_history(str(placing.revision)))


def _diff(view: View, work: _Work, request: Placing) -> list[dict[str, str]]:
    """The slot before and after, and the units that change; nothing of it is secret."""
    found = []
    if work.replaces:
        after = {"revision": work.identifier, "version": request.document["version"], "status": "placed"}
        found.append(_difference(f"slot {view.slot}", _lines(view.summary()), _lines(after)))
    for name, text in sorted(work.write.items()):
        found.append(_difference(name, view.installed.get(name, ""), text))
    found += [_difference(name, view.installed[name], "") for name in work.remove]
    return found


def _difference(name: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": name, "after_header": name, "before": before, "after": after}


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{key}: {value if value is not None else '-'}\n" for key, value in values.items())
