# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes what a balancer does, safely: used by the module ``lb_switch`` and by the host's agent.

Touches what the balancer provider touches, and the fence and the journal in the balancer's state directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .._common import clock
from .._common.errors import InputError, SlipwayError, StateError, SystemFailure
from .._common.fence import Fence
from .._common.journal import Journal
from .admission import admission, departures
from .base import Balancer, Live
from .config import SLOTS, BalancerConfig
from .drain import refuse_endless
from .ready import unready
from .state import Lease, State, check_percents, whole
from .steps import Steps
from .watch import Watch, WatchRequest, load, returning, save


@dataclass(frozen=True)
class Change:
    """What is asked of a balancer; what is not named stays.

    :param percents: slot percents.
    :param servers: instance to ``ready``, ``drain`` or ``quarantine``.
    :param down: instance to whether the health watch finds it dead, which is believed (agent only).
    :param stable: the slot to fall back to.
    :param lease_seconds: arm the return of traffic in that many seconds, or re-arm it.
    :param return_to: slot percents to return to; all to the stable slot when omitted.
    :param override: lead matched requests to the slot that is not stable, as long as the lease runs; or no longer.
    :param settle: disarm the return of traffic; the stable slot must have all of it.
    :param return_expired: carry out the armed return if its time has come, otherwise change nothing (agent only).
    :param hold: disarm the return of traffic at percents that stay, because ``watch`` is armed in its place.
    :param watch: judge what has the traffic from now on, and return it; needs ``settle`` or ``hold``.
    :param give_back: return the traffic as this watch says if it still holds, otherwise change nothing (agent only).
    :param force: do not ask whether instances are ready, and settle at any percents.
    :param initial: begin with no recorded state, with all traffic to ``stable`` and no readiness asked.
    :param open: serve, or answer 503.
    :param drain: slots and instances that the caller will wait for; refused when they would still take traffic.
    """

    percents: dict[str, int] | None = None
    servers: dict[str, str] = field(default_factory=dict)
    down: dict[str, bool] = field(default_factory=dict)
    stable: str | None = None
    lease_seconds: int = 0
    return_to: dict[str, int] | None = None
    override: bool | None = None
    settle: bool = False
    return_expired: bool = False
    hold: bool = False
    watch: WatchRequest | None = None
    give_back: Watch | None = None
    force: bool = False
    initial: bool = False
    open: bool | None = None
    drain: tuple[str, ...] = ()

    def check(self, config: BalancerConfig, token: int) -> None:
        """Refuse what contradicts itself, before anything is touched.

        :raises InputError: an option has a value that cannot be used.
        """
        if self.percents is not None:
            check_percents(self.percents, "percents")
        if self.return_to is not None:
            check_percents(self.return_to, "return_to")
        for name in (*self.servers, *self.down):
            config.slot_of(name)
        if self.watch is not None:
            self.watch.check()
        _require(self.return_to is None or self.lease_seconds > 0 or self.hold, "return_to", "needs lease_seconds")
        _require(self.lease_seconds == 0 or token > 0, "lease_seconds", "needs the token of a deployment")
        _require(self.lease_seconds == 0 or not self.settle, "lease_seconds", "arms what settle disarms")
        _require(self.lease_seconds == 0 or not self.hold, "lease_seconds", "arms what hold disarms")
        _require(not (self.settle and self.hold), "hold", "and settle exclude each other")
        _require(self.watch is None or self.settle or self.hold, "watch", "needs settle or hold")
        _require(self.watch is None or token > 0, "watch", "needs the token of a deployment")
        _require(not (self.override and self.settle), "override", "is closed by settle")
        if self.override and not config.match:
            raise StateError(
                "this balancer matches no requests, so the override leads none anywhere",
                where=f"application {config.app}",
                remedy="set slipway_canary_match and run site.yml",
            )


@dataclass(frozen=True)
class Surroundings:
    """What ``switch`` learns from outside; tests put their own in."""

    now_ms: Callable[[], int] = lambda: int(clock.boottime() * 1000)
    boot_id: Callable[[], str] = clock.boot_id
    unready: Callable[[BalancerConfig, Iterable[str]], dict[str, str]] = unready


@dataclass
class Outcome:
    """What a switch found and did.

    :param before: the state recorded before; ``None`` on a new balancer.
    :param after: the state asked for, which is the recorded one now, unless only checked.
    :param live: what the running process did at the end; ``None`` where it could not be read in check mode.
    :param verified: the running process was read back and does what ``after`` asks for.
    :param time: wall time of this host when that was so; empty when nothing was changed.
    """

    changed: bool
    before: State | None
    after: State
    live: Live | None
    verified: bool
    steps: list[dict[str, Any]]
    time: str = ""

    def moved(self) -> dict[str, Any]:
        """What the audit log says of it."""
        before = {} if self.before is None else {"from": self.before.percents}
        return {**before, "to": self.after.percents, "generation": self.after.generation}

    def to_dict(self) -> dict[str, Any]:
        """The values that the module returns."""
        return {
            "changed": self.changed,
            "before": None if self.before is None else self.before.to_dict(),
            "after": self.after.to_dict(),
            "live": None if self.live is None else self.live.to_dict(),
            "verified": self.verified,
            "generation": self.after.generation,
            "time": self.time,
            "steps": self.steps,
        }


def switch(
    balancer: Balancer,
    fence: Fence,
    change: Change,
    *,
    check: bool = False,
    surroundings: Surroundings | None = None,
) -> Outcome:
    """Bring a balancer to what ``change`` asks for, and read it back from the running process.

    :param fence: in ``balancer.directory``, with the token of the deployment, or 0 for the host's agent.
    :param check: find out everything and change nothing.
    :raises StaleTokenError: a newer deployment has acted on this host.
    :raises StateError: an instance that would gain traffic is not ready, or no ready server would be left.
    :raises SystemFailure: the balancer does not run, or does not do what was asked.
    """
    change.check(balancer.config, fence.token)
    work = _Switch(balancer, fence, change, surroundings or Surroundings())
    if check:
        fence.check()
        return work.checked()
    with fence.held():
        return work.done()


class _Switch:
    def __init__(self, balancer: Balancer, fence: Fence, change: Change, surroundings: Surroundings) -> None:
        self.balancer = balancer
        self.config = balancer.config
        self.fence = fence
        self.change = change
        self.surroundings = surroundings
        self.steps = Steps()
        self.before: State | None = None
        self.live: Live | None = None

    def checked(self) -> Outcome:
        after, changed = self._decide()
        changed = changed or self._opens_or_closes() or self._to_arm(after) is not None
        verified = not changed and self.live is not None
        return Outcome(changed, self.before, after, self.live, verified, self.steps.done)

    def done(self) -> Outcome:
        after, changed = self._decide()
        armed = self._to_arm(after)
        if armed is not None:
            self.fence.check()
            save(self.balancer.directory, armed)
        if changed:
            self._act(after)
        changed = changed or armed is not None
        if self._opens_or_closes():
            self._open_or_close()
            changed = True
        time = clock.utc() if changed else ""
        return Outcome(changed, self.before, after, self.live, True, self.steps.done, time)

    def _decide(self) -> tuple[State, bool]:
        """The state to reach, and whether something must be done for it."""
        with self.steps.step("read"):
            self._read()
        recorded = self._recorded()
        if self.change.give_back and not self.change.give_back.holds(recorded, self.fence.seen()):
            return recorded, False
        wanted = wanted_state(self.config, recorded, self.change, self.fence.token, self.surroundings)
        with self.steps.step("ready"):
            wanted = self._admit_only_ready(recorded, wanted)
        wanted.check(self.config)
        refuse_endless(self.config, wanted, self.change.drain)
        if not self._differs(wanted):
            return wanted, False
        newest = max(recorded.generation, self.live.generation if self.live else 0)
        return replace(wanted, generation=newest + 1, token=max(self.fence.token, recorded.token)), True

    def _read(self) -> None:
        self.before = self.balancer.recorded()
        try:
            self.live = self.balancer.live()
        except StateError:
            self.live = None

    def _recorded(self) -> State:
        if self.before is not None:
            return self.before.fitted(self.config)
        if not self.change.initial:
            raise StateError(
                "this balancer has no recorded state",
                where=str(self.balancer.directory),
                remedy="run site.yml, which sets the balancer up",
            )
        return State.initial(self.config.app, self.change.stable or SLOTS[0])

    def _to_arm(self, after: State) -> Watch | None:
        """The watch to record; ``None`` where none is asked for, or this very one was armed before."""
        request = self.change.watch
        if request is None:
            return None
        armed = load(self.balancer.directory)
        if armed and armed.request == request and armed.holds(after, self.fence.token):
            return None
        return Watch.armed(request, after, self.surroundings.now_ms(), self.surroundings.boot_id())

    def _differs(self, wanted: State) -> bool:
        if self.before is None or self.live is None:
            return True
        if self.change.watch and self.before.token != self.fence.token:
            return True
        same = replace(wanted, generation=self.before.generation, token=self.before.token) == self.before
        return not same or not self.balancer.agrees(self.before, self.live)

    def _admit_only_ready(self, recorded: State, wanted: State) -> State:
        if self.change.force or self.before is None:
            return wanted
        falling_back_to = wanted.stable if self.change.give_back else recorded.stable
        before = replace(recorded, stable=falling_back_to)
        admitted = admission(self.config, before, self.live, wanted, self.change.servers)
        asked = [name for name in admitted.asked if name not in self.change.down]
        leaving = departures(self.config, recorded, wanted)
        others = {name for departure in leaving for name in departure.leaving + departure.staying}.difference(asked)
        complaints = self.surroundings.unready(self.config, [*asked, *sorted(others)])
        unready_asked = {name: complaint for name, complaint in complaints.items() if name in asked}
        admitted.refuse(unready_asked)
        for departure in leaving:
            departure.refuse(complaints)
        down = set(wanted.down) - set(asked)
        if not self.balancer.capabilities.native_health:
            down |= set(unready_asked)
        return replace(wanted, down=tuple(down))

    def _act(self, after: State) -> None:
        journal = Journal(self.balancer.directory)
        self.fence.check()
        journal.append("intent", self.fence.token, before=_dict(self.before), after=after.to_dict(), **self._why())
        if self.change.give_back:
            self.fence.bar_token(self.change.give_back.token)
        try:
            with self.steps.step("apply"):
                self.balancer.apply(after)
            with self.steps.step("verify"):
                self.live = self.balancer.live()
                self._refuse_difference(after, self.live)
        except SlipwayError as exc:
            journal.append("outcome", self.fence.token, generation=after.generation, failed=exc.message())
            raise
        journal.append("outcome", self.fence.token, generation=after.generation, live=self.live.to_dict())

    def _why(self) -> dict[str, str]:
        watch = self.change.give_back
        return {"why": f"the watch of deployment {watch.request.deployment}"} if watch else {}

    def _refuse_difference(self, after: State, live: Live) -> None:
        if not self.balancer.agrees(after, live):
            raise SystemFailure(
                f"the balancer does {live.to_dict()} instead of {after.routing()}, generation {after.generation}",
                where=f"{self.config.kind} of application {self.config.app}",
                remedy="run lb_switch again; if that fails too, run site.yml, which sets the balancer up again",
            )

    def _opens_or_closes(self) -> bool:
        return self.change.open is not None and (self.live is None or self.live.open != self.change.open)

    def _open_or_close(self) -> None:
        self.fence.check()
        with self.steps.step("open" if self.change.open else "close"):
            if self.change.open:
                self.balancer.open()
            else:
                self.balancer.close()
            self.live = self.balancer.live()
        if self.live.open != self.change.open:
            raise SystemFailure(
                f"the balancer is {'open' if self.live.open else 'closed'} all the same",
                where=str(self.balancer.open_file),
                remedy="let the balancer's user read that directory (mode 0755)",
            )


def wanted_state(
    config: BalancerConfig, recorded: State, change: Change, token: int, surroundings: Surroundings
) -> State:
    """The state that ``change`` makes of ``recorded``, before readiness is asked; generation and token aside.

    :raises InputError: the change cannot be made from this state.
    """
    if change.give_back:
        return replace(recorded, **returning(change.give_back))
    percents = change.percents or recorded.percents
    stable = recorded.stable if change.initial else change.stable or recorded.stable
    lease = recorded.lease
    override = recorded.override if change.override is None else change.override
    if change.return_expired and lease and lease.expired(surroundings.now_ms(), surroundings.boot_id()):
        percents, lease, override = lease.return_to, None, False
    if change.lease_seconds:
        deadline = surroundings.now_ms() + change.lease_seconds * 1000
        lease = Lease(token, deadline, surroundings.boot_id(), change.return_to or whole(stable))
    elif change.settle:
        _require(
            change.force or percents[stable] == 100,
            "settle",
            f"would leave the stable slot {stable} with {percents[stable]} % and nobody to return the traffic",
        )
        lease, override = None, False
    elif change.hold:
        _require(
            change.watch is not None or percents == (change.return_to or whole(stable)),
            "hold",
            f"would leave percents of {percents} with nobody to return the traffic; arm a watch",
        )
        lease, override = None, override and change.watch is not None
    elif change.percents is not None and lease and token > lease.token:
        lease, override = None, False
    _require(not change.override or lease is not None, "override", "needs lease_seconds, which it ends with")
    down = {name for name in recorded.down if change.down.get(name, True)}
    down |= {name for name, dead in change.down.items() if dead}
    return replace(
        recorded,
        percents=percents,
        stable=stable,
        lease=lease,
        override=override,
        servers={**recorded.servers, **change.servers},
        down=tuple(down),
    )


def _dict(state: State | None) -> dict[str, Any] | None:
    return None if state is None else state.to_dict()


def _require(holds: bool, option: str, complaint: str) -> None:
    if not holds:
        raise InputError(f"{option} {complaint}", where=option, remedy=f"correct {option}")
