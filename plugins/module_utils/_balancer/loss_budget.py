# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request-loss budget of a traffic move: a meter runs through the balancer, and what exceeds the budget reverts.

Touches the network, with requests to this balancer's own public port, and what ``switch`` touches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError, SlipwayError, StateError
from .._meter.beside import MeterBeside
from .._meter.options import Options
from .._meter.verdict import FAIL, judge
from .config import BalancerConfig
from .switch import Change, Outcome

LONGEST_MOVE = 60
TIMEOUT = 5


@dataclass(frozen=True)
class LossBudget:
    """What a move may lose, and how that is measured. Seconds are whole.

    :param path: what is asked for, any answer but 2xx is lost.
    :param rate: requests a second, half of them on kept connections.
    :param before: seconds to measure before the move.
    :param after: seconds to measure after it.
    :param max_lost: lost requests that are still within the budget.
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
        _require(self.path.startswith("/"), "path", f"{self.path!r} is no path", "begin it with /")
        _require(1 <= self.rate <= 1000, "rate", f"{self.rate} is out of range", "use 1 to 1000")
        for name in ("before", "after"):
            _require(0 <= getattr(self, name) <= 60, name, f"{getattr(self, name)} is out of range", "use 0 to 60")
        _require(self.max_lost >= 0, "max_lost", f"{self.max_lost} is negative", "use 0 or more")

    def options(self, config: BalancerConfig) -> Options:
        """The meter's options for this balancer's public port."""
        named = [name for name in config.server_names if name != "_"]
        return Options(
            url=f"http://127.0.0.1:{config.port}{self.path}",
            host=named[0] if named else "",
            rate=self.rate,
            duration=self.before + self.after + LONGEST_MOVE,
            timeout=TIMEOUT,
        )


def moved_within(
    budget: LossBudget, config: BalancerConfig, move: Callable[[Change], Outcome], change: Change
) -> tuple[Outcome, dict[str, Any]]:
    """Move the traffic while the meter runs; the outcome, and the evidence.

    :param move: carries out a change.
    :raises StateError: more was lost than the budget allows, and the traffic was moved back.
    """
    budget.check()
    with MeterBeside(budget.options(config)) as meter:
        time.sleep(budget.before)
        outcome = move(change)
        time.sleep(budget.after)
        summary = meter.summary()
    verdict, reason = judge(summary, budget.max_lost)
    evidence = {"verdict": verdict, "reason": reason, "summary": summary}
    if verdict == FAIL:
        raise Exceeded(evidence, _moved_back(move, outcome))
    return outcome, evidence


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


def _moved_back(move: Callable[[Change], Outcome], outcome: Outcome) -> str:
    if outcome.before is None or outcome.before.percents == outcome.after.percents:
        return "the percents were as before"
    try:
        move(Change(percents=outcome.before.percents))
    except SlipwayError as exc:
        return f"the traffic could not be moved back: {exc.message()}"
    return "the traffic was moved back"


def _require(holds: bool, name: str, complaint: str, remedy: str) -> None:
    if not holds:
        raise InputError(complaint, where=f"loss_budget.{name}", remedy=remedy)
