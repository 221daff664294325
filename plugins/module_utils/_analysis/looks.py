# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source: the statistical judge, which is shown what another source has seen since the look before.

Touches what that source touches. Every measurement is one look. Its name is the step and a number, which goes on over
the slices of the step; what was seen at the looks of all steps of one deployment is the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._common.errors import InputError, SlipwayError
from .._gate.options import Options
from .._judge.declare import read_number
from .._judge.judge import FAIL, PASS, Judgement, Look, Policy, State, judge, judgement
from .compared import Compared, read_compare
from .model import FAILURE, INCONCLUSIVE, NO_DATA, SUCCESS, Capabilities, JudgedSource, Moment, Reading, Source
from .sides import CANARY, STABLE, Sides
from .web import OF_A_SERVER
from .words import said

OF_THE_SOURCE = ("app", "log", "socket", "master_socket", *OF_A_SERVER, "spacing")

Sources = Mapping[str, Callable[[Options, Sides, Sequence[Compared]], JudgedSource]]


class Looks(Source):
    """The judgements on one canary.

    :param source: has the numbers of both sides.
    :param state: the looks of this deployment so far.
    :param step: what the names of its looks begin with.
    :param deployment: what the record belongs to.
    :param made: looks in this step so far.
    """

    capabilities = Capabilities(differences=True, resumable=True, judges=True)

    def __init__(
        self,
        source: JudgedSource,
        policy: Policy,
        state: State,
        *,
        step: str = "",
        deployment: str = "",
        made: int = 0,
    ) -> None:
        self.source = source
        self.policy = policy
        self.state = state
        self.step = step
        self.deployment = deployment
        self.made = made

    @classmethod
    def from_options(cls, options: Options, sides: Sides, sources: Sources) -> Looks:
        """Read ``from``, what that source takes, and what is judged by; the sides are both needed."""
        if set(sides.slots) != {STABLE, CANARY}:
            raise options.refuse("slots", "do not name both sides", "name stable and canary, such as blue and green")
        kind = options.choice("from", tuple(sources))
        position = options.mapping("position")
        apart = options.apart(*OF_THE_SOURCE, position=position.get("source"))
        compared = read_compare(options)
        source = sources[kind](apart, sides, compared)
        apart.done(f"a judge from {kind}")
        for one in compared:
            one.asked.done(f"what a judge from {kind} compares")
        policy = _policy(options, compared)
        deployment = options.text("deployment", "")
        return cls(
            source,
            policy,
            _state(options, policy, deployment),
            step=options.text("step", ""),
            deployment=deployment,
            made=_made(options, position),
        )

    def target(self) -> str:
        return self.source.target()

    def resumed(self) -> bool:
        return self.source.resumed()

    def begin(self, moment: Moment) -> None:
        self.source.begin(moment)

    def seconds(self) -> tuple[int, int]:
        return self.source.seconds()

    def measure(self, moment: Moment) -> Reading:
        data, note = self.source.seen(moment)
        name = ", ".join(part for part in (self.step, f"look {self.made + 1}") if part)
        self.state, found = judge(self.policy, self.state, Look(name, data))
        self.source.judged()
        self.made += 1
        return Reading({"result": _evidence(found)}, note=note, verdict=_verdict(found), detail=said(found, self.state))

    def position(self) -> dict[str, Any]:
        return {"source": self.source.position(), "looks": self.made}

    def record(self) -> dict[str, Any]:
        return {**self.state.as_json(), "deployment": self.deployment}


def _verdict(found: Judgement) -> str:
    if found.verdict in (PASS, FAIL):
        return SUCCESS if found.verdict == PASS else FAILURE
    return NO_DATA if all(metric.reason == "no data" for metric in found.metrics) else INCONCLUSIVE


def _evidence(found: Judgement) -> dict[str, Any]:
    """The judgement but for the e-values of earlier looks, which stand beside those."""
    content = found.as_json()
    metrics = [{name: value for name, value in one.items() if name != "each_look"} for one in content["metrics"]]
    return {**content, "metrics": metrics}


def _policy(options: Options, compared: Sequence[Compared]) -> Policy:
    numbers = {
        field: read_number(options.text(field), f"{options.where}.{field}")
        for field in ("level", "power")
        if options.given(field)
    }
    try:
        return Policy(tuple(one.metric for one in compared), **numbers)
    except InputError as exc:
        raise InputError(f"{exc.what}, in {exc.where}", where=options.where, remedy=exc.remedy) from exc


def _state(options: Options, policy: Policy, deployment: str) -> State:
    """The looks so far; none when the record is of another deployment. Judged here, so that no look waits for it."""
    record = options.mapping("record")
    if not record or record.get("deployment") != deployment:
        return State.new(policy)
    try:
        state = State.from_json(record)
        judgement(policy, state)
    except SlipwayError as exc:
        raise InputError(exc.what, where=f"{options.where}.record", remedy=exc.remedy) from exc
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
        raise options.refuse("record", "is none of this metric", "give what an earlier analysis returned") from exc
    return state


def _made(options: Options, position: Mapping[str, Any]) -> int:
    made = position.get("looks", 0)
    if not isinstance(made, int) or made < 0:
        raise options.refuse("position", "is none of this source", "give what an earlier analysis returned")
    return made
