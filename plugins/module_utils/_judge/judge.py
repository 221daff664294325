# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: from the state before a look, and the look, to the state after it and the verdict. Touches nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .._common.canonical import digest
from .._common.errors import InputError, StateError
from .base import Metric, Record
from .numbers import exact_text, exp_text
from .process import since_any_look, with_credit

SCHEMA = 1
PASS = "pass"
FAIL = "fail"
INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class Policy:
    """What is judged, and how often the judge may be wrong.

    :param metrics: what is compared.
    :param level: most that the probability of a ``fail`` may be when no metric is beyond its margin, over all the
        metrics and all the looks of a rollout together.
    :param power: least that the probability of not saying ``pass`` must be when a metric is at its harm.
    """

    metrics: tuple[Metric, ...]
    level: Fraction = Fraction(1, 100)
    power: Fraction = Fraction(95, 100)

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) != len(names):
            raise InputError(
                "an analysis needs at least one metric, and each its own name",
                where="the metrics of the analysis",
                remedy="give every metric a name of its own",
            )
        if not 0 < self.level < 1 or not 0 < self.power < 1:
            raise InputError(
                "level and power must be between 0 and 1",
                where="the policy of the analysis",
                remedy="state them as in level 0.01 and power 0.95",
            )

    def declaration(self) -> dict[str, Any]:
        """What was declared, as JSON."""
        return {
            "level": exact_text(self.level),
            "power": exact_text(self.power),
            "metrics": [metric.declaration() for metric in self.metrics],
        }

    @property
    def share(self) -> Fraction:
        """The level of one metric (Bonferroni)."""
        return self.level / len(self.metrics)


@dataclass(frozen=True)
class State:
    """The looks of one rollout so far: all that is needed to go on.

    :param policy: digest of the declaration that they were judged by.
    :param looks: name and records of each look, the first one first.
    """

    policy: str
    looks: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def new(cls, policy: Policy) -> State:
        """Before the first look."""
        return cls(digest(policy.declaration()))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> State:
        """Read what ``as_json`` gave.

        :raises StateError: it was written by a newer program.
        """
        found = content.get("schema")
        if not isinstance(found, int) or not 1 <= found <= SCHEMA:
            raise StateError(
                f"the state of the analysis has schema {found}, this collection understands up to {SCHEMA}",
                where="the state of the analysis",
                remedy="upgrade slipway.release on the controller",
            )
        return cls(content["policy"], tuple(content["looks"]))

    def as_json(self) -> dict[str, Any]:
        """As JSON without floats."""
        return {"schema": SCHEMA, "policy": self.policy, "looks": [dict(look) for look in self.looks]}


@dataclass(frozen=True)
class Look:
    """What was seen since the look before.

    :param name: names this look within the rollout; a name that was judged before is not judged again.
    :param data: metric name to its data; a metric without data is left out.
    """

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class MetricVerdict:
    """The verdict on one metric, and every number it rests on, as JSON without floats."""

    name: str
    verdict: str
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "verdict": self.verdict, "reason": self.reason, **self.evidence}


@dataclass(frozen=True)
class Judgement:
    """The verdict after a look."""

    verdict: str
    look: str
    looks: int
    policy: Policy
    metrics: tuple[MetricVerdict, ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON without floats."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "look": self.look,
            "looks": self.looks,
            "declared": self.policy.declaration(),
            "metrics": [metric.as_json() for metric in self.metrics],
        }


@dataclass(frozen=True)
class Weighed:
    """A metric's evidence after the last look, as logarithms.

    :param harm: the largest so far: who has been refuted stays refuted.
    :param safety: now.
    :param each_look: both of every look alone.
    """

    harm: float
    safety: float
    each_look: tuple[tuple[float, float], ...]


def judge(policy: Policy, state: State, look: Look) -> tuple[State, Judgement]:
    """Judge a look. The same look again changes nothing and gives the verdict as it stands.

    :raises InputError: the look names a metric that was not declared, or gives other data under a name that was judged.
    :raises StateError: the state belongs to another policy.
    """
    after = recorded(policy, state, look)
    return after, judgement(policy, after)


def recorded(policy: Policy, state: State, look: Look) -> State:
    """The state with the look added."""
    _refuse_other_policy(policy, state)
    entry = {"name": look.name, "metrics": _records(policy, look)}
    for earlier in state.looks:
        if earlier["name"] == look.name:
            if digest(earlier) != digest(entry):
                raise InputError(
                    f"look {look.name} was judged before, with other data",
                    where=f"look {look.name}",
                    remedy="give new data under a new name",
                )
            return state
    return State(state.policy, (*state.looks, entry))


def judgement(policy: Policy, state: State) -> Judgement:
    """The verdict on the looks so far."""
    _refuse_other_policy(policy, state)
    metrics = tuple(_judged(policy, metric, _history(metric, state)) for metric in policy.metrics)
    name = state.looks[-1]["name"] if state.looks else ""
    return Judgement(overall([metric.verdict for metric in metrics]), name, len(state.looks), policy, metrics)


def verdict(policy: Policy, state: State) -> str:
    """The word alone, without its evidence."""
    return overall([_word(policy, metric, _history(metric, state)) for metric in policy.metrics])


def overall(verdicts: Sequence[str]) -> str:
    """The worst verdict; ``insufficient`` of none."""
    if FAIL in verdicts:
        return FAIL
    return PASS if verdicts and all(one == PASS for one in verdicts) else INSUFFICIENT


def _refuse_other_policy(policy: Policy, state: State) -> None:
    if state.policy != digest(policy.declaration()):
        raise StateError(
            "the metrics, level or power were changed since the first look",
            where="the state of the analysis",
            remedy="judge this rollout to its end as it was declared, or begin a new deployment",
        )


def _records(policy: Policy, look: Look) -> dict[str, Any]:
    metrics = {metric.name: metric for metric in policy.metrics}
    unknown = sorted(set(look.data) - set(metrics))
    if unknown:
        raise InputError(
            f"no metric is called {', '.join(unknown)}",
            where=f"look {look.name}",
            remedy=f"declared are {', '.join(metrics)}",
        )
    return {name: metrics[name].record(data) for name, data in look.data.items()}


def _history(metric: Metric, state: State) -> list[Record | None]:
    return [look["metrics"].get(metric.name) for look in state.looks]


def _weigh(policy: Policy, metric: Metric, history: Sequence[Record | None]) -> Weighed:
    found = metric.evidence(history)
    harm = since_any_look(one.harm for one in found)
    safety = with_credit([one.safety for one in found], _enough_for_pass(policy))
    each_look = tuple((one.harm, one.safety) for one in found)
    return Weighed(max(harm, default=0.0), safety[-1] if safety else 0.0, each_look)


def _enough_for_fail(policy: Policy) -> float:
    return -math.log(policy.share)


def _enough_for_pass(policy: Policy) -> float:
    return -math.log(1 - policy.power)


def _word(policy: Policy, metric: Metric, history: Sequence[Record | None]) -> str:
    return _decide(policy, metric, history, _weigh(policy, metric, history))


def _decide(policy: Policy, metric: Metric, history: Sequence[Record | None], weighed: Weighed) -> str:
    last = history[-1] if history else None
    if weighed.harm >= _enough_for_fail(policy):
        return FAIL
    if last is not None and metric.has_data(last) and weighed.safety >= _enough_for_pass(policy):
        return PASS
    return INSUFFICIENT


def _judged(policy: Policy, metric: Metric, history: Sequence[Record | None]) -> MetricVerdict:
    weighed = _weigh(policy, metric, history)
    word = _decide(policy, metric, history, weighed)
    last = history[-1] if history else None
    seen = last is not None and metric.has_data(last)
    shown: dict[str, Any] = {
        "harm": {
            "e_value": exp_text(weighed.harm),
            "threshold": exact_text(1 / policy.share),
            "p_value": exp_text(min(0.0, -weighed.harm)),
            "level": exact_text(policy.share),
        },
        "safety": {"e_value": exp_text(weighed.safety), "threshold": exact_text(1 / (1 - policy.power))},
        "each_look": [{"harm": exp_text(harm), "safety": exp_text(safety)} for harm, safety in weighed.each_look],
        "observed": metric.observed(last) if last is not None else None,
    }
    if word == INSUFFICIENT and last is not None:
        shown["missing"] = metric.missing(last, _enough_for_pass(policy) - weighed.safety)
    return MetricVerdict(metric.name, word, _reason(word, seen), shown)


def _reason(word: str, seen: bool) -> str:
    if word == FAIL:
        return "the canary is worse than the margin"
    if word == PASS:
        return "no evidence of harm, and harm would have been seen"
    return "not enough data to have seen the harm" if seen else "no data"
