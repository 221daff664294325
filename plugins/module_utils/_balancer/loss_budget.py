# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request-loss budget of a traffic move: a meter runs through the balancer, and what exceeds the budget reverts.

Touches the network, with requests to this balancer's own public port, and what ``switch`` touches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._common.address import shown
from .._common.errors import InputError, SlipwayError, StateError
from .._meter.beside import MeterBeside
from .._meter.options import Options
from .._meter.verdict import FAIL, INSUFFICIENT, judge
from .config import SLOTS, BalancerConfig
from .state import State
from .switch import Change, Outcome

LONGEST_MOVE = 60
TIMEOUT = 5


@dataclass(frozen=True)
class LossBudget:
    """What a move may lose, and how that is measured. Seconds are whole.

    :param path: what is asked for, any answer but 2xx is lost.
    :param rate: requests a second, half of them on kept connections.
    :param before: seconds to measure before the move; what is lost then was not lost by it.
    :param after: seconds to measure after it.
    :param max_lost: requests lost by the move that are still within the budget.
    """

    path: str
    rate: int = 50
    before: int = 1
    after: int = 2
    max_lost: int = 0

    def check(self) -> None:
        """Refuse what cannot be measured.

        :raises InputError: a value out of range.
        """
        _require(self.path.startswith("/"), "path", f"{shown(self.path)!r} is no path", "begin it with /")
        _require(1 <= self.rate <= 1000, "rate", f"{self.rate} is out of range", "use 1 to 1000")
        for name in ("before", "after"):
            _require(0 <= getattr(self, name) <= 60, name, f"{getattr(self, name)} is out of range", "use 0 to 60")
        _require(self.max_lost >= 0, "max_lost", f"{self.max_lost} is negative", "use 0 or more")

    def options(self, config: BalancerConfig) -> Options:
        """The meter's options for this balancer's public port, as many users as the balancer can tell apart."""
        named = [name for name in config.server_names if name != "_"]
        sticky = config.sticky
        return Options(
            url=f"http://127.0.0.1:{config.port}{self.path}",
            host=named[0] if named else "",
            rate=self.rate,
            duration=self.before + self.after + LONGEST_MOVE,
            timeout=TIMEOUT,
            sticky=f"{sticky.by}:{sticky.name}" if sticky.name else "",
        )


def moved_within(
    budget: LossBudget, config: BalancerConfig, move: Callable[[Change], Outcome], change: Change
) -> tuple[Outcome, dict[str, Any]]:
    """Move the traffic while the meter runs; the outcome, and the evidence.

    :param move: carries out a change.
    :raises StateError: more was lost than the budget allows, and the traffic was moved back; a forced move stays.
    """
    budget.check()
    with MeterBeside(budget.options(config)) as meter:
        time.sleep(budget.before)
        began = time.monotonic()
        outcome = move(change)
        time.sleep(budget.after)
        summary = meter.summary(began, _gave_up(outcome))
    verdict, reason = judged(budget, summary)
    evidence = {"verdict": verdict, "reason": reason, "summary": summary}
    if verdict == FAIL and not change.force:
        raise Exceeded(evidence, _moved_back(move, change, outcome))
    return outcome, evidence


def judged(budget: LossBudget, summary: Mapping[str, Any]) -> tuple[str, str]:
    """Verdict and reason. Where requests were lost before the move began, none can be blamed on it.

    :param summary: of the meter, with its counts ``around`` the move.
    """
    before, since = summary["around"]["before"], summary["around"]["since"]
    if since["lost"] > budget.max_lost:
        found = f"{since['lost']} of {since['sent']} requests were lost since the move began"
        if before["lost"]:
            return INSUFFICIENT, f"{found}, but {before['lost']} of {before['sent']} were lost before it already"
        if budget.before and not before["ok"]:
            return INSUFFICIENT, f"{found}, but none was answered before it either"
    return judge({"total": {**summary["total"], **since}}, budget.max_lost)


def _gave_up(outcome: Outcome) -> list[str]:
    """Slots that did not gain traffic: a bad answer of theirs is their own."""
    if outcome.before is None:
        return []
    return [slot for slot in SLOTS if outcome.after.percents[slot] <= outcome.before.percents[slot]]


class Exceeded(StateError):
    """More was lost than allowed.

    :param evidence: what was measured.
    """

    def __init__(self, evidence: Mapping[str, Any], moved_back: str) -> None:
        super().__init__(
            f"the move exceeded the request-loss budget: {evidence['reason']}; {moved_back}",
            where="loss_budget",
            remedy="look for what was lost in loss.summary, or allow more with max_lost",
        )
        self.evidence = dict(evidence)

    def as_result(self) -> dict[str, Any]:
        """Keyword arguments for ``AnsibleModule.fail_json``, the evidence among them."""
        return {**super().as_result(), "loss": self.evidence}


def _moved_back(move: Callable[[Change], Outcome], change: Change, outcome: Outcome) -> str:
    if outcome.before is None or outcome.before.percents == outcome.after.percents:
        return "the percents were as before"
    try:
        move(back(change, outcome.before))
    except SlipwayError as exc:
        return f"the traffic could not be moved back: {exc.message()}"
    return "the traffic was moved back"


def back(change: Change, before: State) -> Change:
    """The change that undoes ``change``: percents, servers, stable slot, and what a lease returns the traffic to."""
    were = {name: before.servers.get(name, "ready") for name in change.servers}
    servers = {name: state for name, state in were.items() if state != change.servers[name]}
    undone = Change(percents=before.percents, stable=before.stable, servers=servers)
    if change.override and not before.override:
        undone = replace(undone, override=False)
    if not change.lease_seconds:
        return undone
    if before.lease is None and before.percents[before.stable] == 100:
        return replace(undone, settle=True)
    return_to = before.lease.return_to if before.lease else before.percents
    return replace(undone, lease_seconds=change.lease_seconds, return_to=return_to)


def _require(holds: bool, name: str, complaint: str, remedy: str) -> None:
    if not holds:
        raise InputError(complaint, where=f"loss_budget.{name}", remedy=remedy)
