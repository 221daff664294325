# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Returns the traffic because of a watch, and records and tells it.

Changes the balancer through ``switch``, which asks the other slot first whether it is ready; writes
``watch_outcome.json``, the journal and the audit log, and removes ``watch.json`` once everything was told. A process
that is killed goes on where it was when it starts again: hooks may run twice.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .._agent.log import Log
from .._agent.notify import notify
from .._audit.by_itself import Trail
from .._balancer.base import Balancer
from .._balancer.switch import Change, Surroundings, switch
from .._balancer.watch import SCHEMA, Watch, load, load_outcome, outcome_file, watch_file
from .._common.errors import SlipwayError
from .._common.fence import Fence
from .._common.files import write_state
from .._common.journal import Journal
from .parse import Hook

RETURNING, RETURNED, FOLLOWED = "returning", "returned", "followed"
ENDED, OVERTAKEN = "ended", "overtaken"
TOPIC = "watch"


class Returning:
    """What becomes of one watch at its end."""

    def __init__(
        self, balancer: Balancer, watch: Watch, hooks: Sequence[Hook], log: Log, surroundings: Surroundings
    ) -> None:
        self.balancer = balancer
        self.watch = watch
        self.hooks = hooks
        self.log = log
        self.surroundings = surroundings
        self.trail = Trail(balancer.directory, lambda text: log.warning("audit", text))
        self._intended: dict[str, Any] = {}
        self._told: dict[str, Any] = {}

    def give_back(self, evidence: Mapping[str, Any], *, peer: str = "") -> bool:
        """Return the traffic; ``False`` when that is not possible now, or not wanted any more.

        :param evidence: ``verdict``, ``metric``, ``reason`` and ``samples`` that decided.
        :param peer: the balancer that is followed; that one tells others of it.
        """
        decided = self._intend({**evidence, "peer": peer})
        try:
            change = Change(give_back=self.watch)
            outcome = switch(self.balancer, Fence(self.balancer.directory, 0), change, surroundings=self.surroundings)
        except SlipwayError as exc:
            self._record({**decided, "result": RETURNING, "refused": exc.message()})
            self.log.warning(TOPIC, f"{evidence['reason']}; the traffic cannot return: {exc.message()}")
            return False
        if not outcome.changed:
            self._record({**decided, "result": OVERTAKEN})
            return False
        self._returned(decided, peer)
        return True

    def completed(self) -> bool:
        """Whether a return was under way when this process began, or was not told yet; then that is made up for."""
        outcome = load_outcome(self.balancer.directory) or {}
        if outcome.get("token") != self.watch.token or not self.watch.has_returned(self.balancer.recorded()):
            return False
        if outcome["result"] == RETURNING and Fence(self.balancer.directory, 0).barred() >= self.watch.token:
            kept = {name: outcome[name] for name in ("verdict", "metric", "reason", "samples", "decided", "peer")}
            self._returned(kept, outcome["peer"])
            return True
        if outcome["result"] in (RETURNED, FOLLOWED):
            self._tell(outcome)
            return True
        return False

    def end(self, verdict: str, reason: str) -> None:
        """The time is over, and the traffic stays."""
        self._record({"result": ENDED, "verdict": verdict, "metric": "", "reason": reason, "samples": [], "peer": ""})
        self.log.info(TOPIC, f"the watch of deployment {self.watch.request.deployment} is over: {reason}")
        self._forget()

    def drop(self) -> None:
        """A later run has changed the traffic, so the watch is no more."""
        fence = Fence(self.balancer.directory, 0)
        with fence.held():
            armed = load(self.balancer.directory)
            if armed is None or armed.holds(self.balancer.recorded(), fence.seen()):
                return
            watch_file(self.balancer.directory).unlink(missing_ok=True)
        self.log.info(TOPIC, f"the watch of deployment {armed.request.deployment} ended with a later change")

    def _intend(self, evidence: dict[str, Any]) -> dict[str, Any]:
        """Record what is about to be done, once, so that another process can complete it; with the time of that."""
        if {**self._intended, **evidence} != self._intended:
            self._intended = {**evidence, "decided": _now()}
            self._record({**self._intended, "result": RETURNING})
        return self._intended

    def _returned(self, decided: Mapping[str, Any], peer: str) -> None:
        result = FOLLOWED if peer else RETURNED
        moved = {"from": self.watch.percents, "to": dict(self.watch.request.return_to), "reason": decided["reason"]}
        request = self.watch.request
        self.trail.returned(self.balancer.config.app, self.watch.token, moved, deployment=request.deployment)
        done = {**decided, "result": result, "returned": _now(), "percents": dict(self.watch.request.return_to)}
        self.log.warning(
            TOPIC,
            f"the traffic of deployment {self.watch.request.deployment} has returned to slot {self.watch.stable}"
            f"{f' as on {peer}' if peer else ''}: {decided['reason']}",
        )
        self._record(done)
        self._tell({**done, "hooks": []})

    def _tell(self, outcome: Mapping[str, Any]) -> None:
        """Run the hooks, unless the balancer that is followed does."""
        told = [] if outcome["result"] == FOLLOWED else [self._run(hook, str(outcome["reason"])) for hook in self.hooks]
        known = {key: value for key, value in outcome.items() if key not in ("schema", "hooks")}
        self._record({**known, "hooks": told})
        self._forget()

    def _run(self, hook: Hook, reason: str) -> dict[str, str]:
        notify("WATCHDOG=1")
        facts = {**self.watch.request.facts, "reason": " ".join(f"{platform.node()}: {reason}".split())}
        done = hook.action.run(facts, hook.timeout)
        if not done.ok:
            self.log.warning(TOPIC, f"hook {hook.name}: {done.message()}")
        return {"name": hook.name, "verdict": "pass" if done.ok else "fail", "message": done.message()}

    def _forget(self) -> None:
        fence = Fence(self.balancer.directory, 0)
        with fence.held():
            if load(self.balancer.directory) == self.watch:
                watch_file(self.balancer.directory).unlink(missing_ok=True)

    def _record(self, outcome: Mapping[str, Any]) -> None:
        request = self.watch.request
        whose = {"app": self.balancer.config.app, "deployment": request.deployment, "token": self.watch.token}
        content = {**whose, "slot": request.slot, "watched": self.watch.percents, "hooks": [], **outcome}
        write_state(outcome_file(self.balancer.directory), SCHEMA, {**content, "at": _now()}, mode=0o600)
        summary = {key: content.get(key) for key in ("deployment", "result", "verdict", "metric", "reason", "refused")}
        if summary != self._told:
            self._told = summary
            Journal(self.balancer.directory).append("watch", self.watch.token, **summary)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
