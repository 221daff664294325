# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that the judge's benchmark compares, each from the steps of a rollout to a verdict a look. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ansible_collections.slipway.release.plugins.module_utils._judge.counts import Counts
from ansible_collections.slipway.release.plugins.module_utils._judge.errors import Errors
from ansible_collections.slipway.release.plugins.module_utils._judge.judge import (
    FAIL,
    PASS,
    Look,
    Policy,
    State,
    recorded,
    verdict,
)
from ansible_collections.slipway.release.plugins.module_utils._judge.quantile import Quantile, Samples
from ansible_collections.slipway.release.plugins.module_utils._judge.ranks import critical

from .figures import percentile
from .rollouts import Side, Step

POLICY = Policy((Errors("errors"), Quantile("p99")))
MARGIN = 0.005
HARMFUL_RATIO = 2
KAYENTA_SIDE = Fraction(1, 100)
KAYENTA_TOLERANCE = 0.25


def slipway(steps: Sequence[Step]) -> list[str]:
    """The judge of this collection with its defaults; ends at the first ``fail``."""
    state = State.new(POLICY)
    words = []
    for number, step in enumerate(steps):
        state = recorded(POLICY, state, look(f"step {number}", step))
        words.append(verdict(POLICY, state))
        if words[-1] == FAIL:
            break
    return words


def look(name: str, step: Step) -> Look:
    """One step as a look."""
    counts = Counts(
        sum(step.stable.requests), sum(step.stable.errors), sum(step.canary.requests), sum(step.canary.errors)
    )
    samples = Samples(step.stable.all_latencies, step.canary.all_latencies)
    return Look(name, {"errors": counts, "p99": samples})


def threshold(steps: Sequence[Step]) -> list[str]:
    """No statistics: ``fail`` when an observed figure is beyond the limit."""
    return [FAIL if _more_errors(step) or _slower(step) else PASS for step in steps]


def kayenta(steps: Sequence[Step]) -> list[str]:
    """Mann-Whitney on one value an interval: ``fail`` when a metric is high at confidence 0.98 and tolerance 0.25."""
    return [
        FAIL if _high(_rates(step.stable), _rates(step.canary)) or _high(_p99(step.stable), _p99(step.canary)) else PASS
        for step in steps
    ]


def _more_errors(step: Step) -> bool:
    rates = [sum(side.errors) / sum(side.requests) for side in (step.stable, step.canary)]
    return rates[1] > rates[0] + MARGIN


def _slower(step: Step) -> bool:
    stable, canary = (percentile(side.all_latencies, 99) for side in (step.stable, step.canary))
    return canary > HARMFUL_RATIO * stable


def _rates(side: Side) -> list[float]:
    return [errors / requests for errors, requests in zip(side.errors, side.requests)]


def _p99(side: Side) -> list[float]:
    return [percentile(one, 99) for one in side.latencies]


def _high(stable: Sequence[float], canary: Sequence[float]) -> bool:
    """The lower bound of the shift exceeds the tolerated part of its estimate, and the mean has risen."""
    differences = sorted(one - other for one in canary for other in stable)
    middle = len(differences) // 2
    estimate = (differences[middle - 1] + differences[middle]) / 2.0
    lowest = differences[critical(len(canary), len(stable), KAYENTA_SIDE)]
    return lowest > KAYENTA_TOLERANCE * abs(estimate) and sum(canary) > sum(stable)
