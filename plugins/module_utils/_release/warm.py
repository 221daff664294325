# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keep-warm time of the slot that a deployment leaves: what is recorded of it on this host, and its timer.

Touches ``warm.json`` in the state directory, the link that lets a boot start the timer, and the timer itself; only with
the lock of the host held. The record decides, not the timer: without a record the timer does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._common import clock
from .._common.errors import StateError
from .._common.files import fsync_directory, link_atomic, read_state, write_state
from . import units
from .layout import Layout, make_directory
from .revision import SLOTS
from .systemd import Systemd

if TYPE_CHECKING:
    from .host import Host, View

SCHEMA = 1
TEMPLATE = "slipway-warm@.timer"
WAITING, WARM, COLD = "waiting", "warm", "cold"


@dataclass(frozen=True)
class Request:
    """What a deployment asks for.

    :param seconds: how long the slot that it leaves stays warm once no balancer leads requests to it.
    :param balancers: ``address:port`` of the agents of all balancers.
    """

    seconds: int
    balancers: tuple[str, ...]


@dataclass(frozen=True)
class Warm:
    """A slot that is kept warm.

    :param revision: what it held when this was recorded.
    :param token: fencing token of the deployment that leaves it.
    :param status: ``waiting`` until every balancer has settled on the other slot, ``warm`` while the time runs, then
        ``cold``.
    :param boot_id: the boot in which the time runs.
    :param deadline_ms: when it ends, as milliseconds of CLOCK_BOOTTIME.
    :param complaint: what keeps the slot from being stopped, or its time from beginning.
    """

    slot: str
    revision: str
    token: int
    seconds: int
    balancers: tuple[str, ...]
    status: str = WAITING
    boot_id: str = ""
    deadline_ms: int = 0
    complaint: str = ""

    def asks_the_same(self, other: Warm | None) -> bool:
        """Whether another record was made by the same request, however far that has come."""
        return other is not None and _asked(self) == _asked(other)


class WarmFile:
    """``warm.json`` in the state directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "warm.json"

    def read(self) -> Warm | None:
        """The record; ``None`` where no slot is kept warm for a time.

        :raises StateError: the file cannot be read.
        """
        content = read_state(self.path, SCHEMA)
        if content is None:
            return None
        try:
            return Warm(**{**_without_schema(content), "balancers": tuple(content["balancers"])})
        except (KeyError, TypeError) as exc:
            raise StateError(
                f"the record of the keep-warm time cannot be read: {exc}",
                where=str(self.path),
                remedy="remove the file; the slot then stays as it is until the next deployment",
            ) from exc

    def write(self, warm: Warm) -> None:
        """Replace the record."""
        write_state(self.path, SCHEMA, {**asdict(warm), "balancers": list(warm.balancers)})

    def remove(self) -> None:
        """Remove the record."""
        if self.path.exists():
            self.path.unlink()
            fsync_directory(self.path.parent)


@dataclass(frozen=True)
class Change:
    """What a use of a slot makes of the record, and whether the timer has to be brought to it."""

    before: Warm | None
    after: Warm | None
    timer_differs: bool = False

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after or self.timer_differs

    def split(self, used: str) -> tuple[Change, Change]:
        """What comes before ``used`` is used, which is the end of its own time, and what comes after that."""
        between = None if self.before and self.before.slot == used else self.before
        return Change(self.before, between), Change(between, self.after, self.timer_differs)


def timer_name(app: str) -> str:
    """The timer of an application."""
    return TEMPLATE.replace("@", f"@{app}")


def installed(layout: Layout) -> bool:
    """Whether this host has what ends a keep-warm time."""
    return (layout.units / TEMPLATE).exists()


def change(host: Host, used: str, request: Request | None) -> Change:
    """What is to become of the record when a slot is used: it ends for that slot, and may begin for the other one.

    :param used: the slot that is filled, started, or takes over.
    :param request: keep the other slot warm for a time.
    :raises StateError: this host has nothing that would end the time; nothing was changed.
    """
    before = host.warm.read()
    if request is None:
        after = before if before and before.slot != used else None
        return Change(before, after)
    if not installed(host.layout):
        raise StateError(
            f"{TEMPLATE} is not installed, so that nobody would end the keep-warm time",
            where=str(host.layout.units),
            remedy="run site.yml with slipway_keep_warm set, which installs it",
        )
    wanted = _wanted(host, host.view(SLOTS[1 - SLOTS.index(used)]), request)
    after = before if before and (wanted is None or wanted.asks_the_same(before)) and before.slot != used else wanted
    lasting = after is not None and after.status != COLD
    return Change(before, after, timer_differs=lasting and not _armed(host.layout, host.systemd))


@contextmanager
def use(host: Host, used: str, request: Request | None) -> Iterator[Change]:
    """Use a slot: its own time ends before, and that of the other one begins only once nothing has failed."""
    wanted = change(host, used, request)
    first, then = wanted.split(used)
    if not host.check:
        apply(host, first)
    yield wanted
    if not host.check:
        apply(host, then)


def apply(host: Host, wanted: Change) -> None:
    """Bring record and timer to it, the record first, since that decides."""
    if not wanted.needed:
        return
    make_directory(host.layout.state)
    content = {"slot": wanted.after.slot, "seconds": wanted.after.seconds} if wanted.after else {}
    with host.journaled("keep_warm", **content):
        host.fence.check()
        if wanted.after is None:
            host.warm.remove()
            disarm(host.layout, host.systemd)
        else:
            host.warm.write(wanted.after)
            _arm(host.layout, host.systemd)


def disarm(layout: Layout, systemd: Systemd) -> None:
    """Stop the timer, and let no boot start it."""
    link = _link(layout)
    if link.is_symlink():
        link.unlink()
        fsync_directory(link.parent)
    if systemd.show([timer_name(layout.app)])[timer_name(layout.app)].running:
        systemd.stop([timer_name(layout.app)], 0)


def ended(host: Host) -> Change:
    """The end of the record: a deployment that stops all of its slot has failed, and the other one stays in charge."""
    return Change(host.warm.read(), None)


def described(layout: Layout, slot: str, linked: str | None) -> dict[str, Any] | None:
    """What an operator may know of the keep-warm time of a slot; ``None`` where it has none."""
    warm = WarmFile(layout.state).read()
    if warm is None or warm.slot != slot or warm.revision != linked:
        return None
    running = warm.status == WARM and warm.boot_id == clock.boot_id()
    left = warm.deadline_ms / 1000 - clock.boottime()
    return {
        "status": warm.status,
        "seconds": warm.seconds,
        "until": int(time.time() + left) if running else None,
        "complaint": warm.complaint,
    }


def _wanted(host: Host, left: View, request: Request) -> Warm | None:
    """The record for the slot that is left; nothing where nothing in it answers requests."""
    if left.status != "placed" or left.linked is None or not living(host.layout, left):
        return None
    token = host.fence.token or host.fence.seen()
    return Warm(left.slot, left.linked, token, request.seconds, request.balancers)


def living(layout: Layout, view: View) -> list[str]:
    """Installed units of a slot that answer requests, and run, are still ending, or would start with a boot."""
    declared = view.document["components"] if view.document else []
    names = [units.unit_name(layout.app, item["name"], view.slot) for item in declared if item["kind"] == "http"]
    known = [name for name in names if name in view.installed]
    return [name for name in known if name in view.enabled or not view.states[name].stopped]


def _arm(layout: Layout, systemd: Systemd) -> None:
    name, link = timer_name(layout.app), _link(layout)
    if not link.is_symlink():
        make_directory(link.parent)
        link_atomic(link, str(layout.units / TEMPLATE))
    state = systemd.show([name])[name]
    if state.stale or state.load == "not-found":
        systemd.daemon_reload()
    if not state.running:
        systemd.start([name])


def _armed(layout: Layout, systemd: Systemd) -> bool:
    name = timer_name(layout.app)
    return _link(layout).is_symlink() and systemd.show([name])[name].running


def _link(layout: Layout) -> Path:
    return layout.units / units.WANTS["timer"] / timer_name(layout.app)


def _asked(warm: Warm) -> tuple[Any, ...]:
    return (warm.slot, warm.revision, warm.token, warm.seconds, warm.balancers)


def _without_schema(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "schema"}
