# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m benchmarks.judge``: how often the judge is wrong, beside two other rules on the same simulated traffic.

The figures follow from the seed, not from the machine. Touches nothing, unless told to write ``docs/judge.md``.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._judge.binomial import interval, upper_bound
from ansible_collections.slipway.release.plugins.module_utils._judge.counts import Counts, Line, Sides, information
from ansible_collections.slipway.release.plugins.module_utils._judge.errors import Errors
from ansible_collections.slipway.release.plugins.module_utils._judge.judge import FAIL, INSUFFICIENT, PASS
from ansible_collections.slipway.release.plugins.module_utils._judge.process import since_any_look, with_credit
from ansible_collections.slipway.release.plugins.module_utils._judge.quantile import Quantile, Samples

from .figures import percentile
from .rollouts import IDENTICAL, LATE, SCENARIOS, STEPS, Scenario, Step, beyond, latencies, rollout, successes
from .rules import POLICY, kayenta, slipway, threshold

SIZES = (100, 1_000, 10_000)
ROLLOUTS = 10_000
SEED = 20261121
CHUNKS = 20
PROCESSES = 2
RULES: dict[str, Callable[[Sequence[Step]], list[str]]] = {
    "slipway": slipway,
    "threshold": threshold,
    "Mann-Whitney": kayenta,
}
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "judge.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"

LOOK = 500
LOOKS = 512
SEQUENCES_SHARE = 10
MISS = float(1 - POLICY.power)
SHARE = float(POLICY.share)


@dataclass(frozen=True)
class Task:
    """A part of the rollouts of one cell."""

    scenario: Scenario
    requests: int
    rollouts: int
    seed: str


@dataclass(frozen=True)
class Cell:
    """Outcomes of one rule: how many rollouts failed at any look, and the verdicts at the last and at each look."""

    rollouts: int
    failed: int
    last: Counter[str]
    by_look: tuple[Counter[str], ...]


@dataclass(frozen=True)
class Traffic:
    """Traffic of a sequence of looks at equal shares: error rates of stable and canary, and the canary's slowness."""

    name: str
    stable: float
    canary: float
    slower: int


SEQUENCES = (
    Traffic("errors 0.1 %, identical", 0.001, 0.001, 1),
    Traffic("errors 1 %, identical", 0.01, 0.01, 1),
    Traffic("errors 5 %, identical", 0.05, 0.05, 1),
    Traffic("errors 0.1 % to 2.1 %", 0.001, 0.021, 1),
    Traffic("errors 1 % to 3 %", 0.01, 0.03, 1),
    Traffic("errors 5 % to 7 %", 0.05, 0.07, 1),
)
LATENCY_SEQUENCES = (Traffic("p99, identical", 0.0, 0.0, 1), Traffic("p99 doubled", 0.0, 0.0, 2))


def main() -> int:
    """Measure, print, and write if wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="simulated rollouts a cell (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the traffic (%(default)s)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/judge.md")
    options = parser.parse_args()
    lines = list(figures(options.rollouts, options.seed))
    print("\n".join(lines))
    if options.write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), lines), encoding="utf-8")
    return 0


def replaced(document: str, lines: Sequence[str]) -> str:
    """The document with its figures exchanged."""
    before, rest = document.split(BEGIN)
    after = rest.split(END)[1]
    return "".join([before, BEGIN, "\n", *(f"{line}\n" for line in lines), "\n", END, after])


def figures(rollouts: int, seed: int) -> Iterator[str]:
    """Both tables as Markdown."""
    yield f"{rollouts} rollouts a cell, seed {seed}; `python -m benchmarks.judge --rollouts {rollouts} --seed {seed}`."
    yield ""
    with multiprocessing.Pool(PROCESSES) as pool:
        yield from rollout_table(rollouts, seed, pool.map)
        yield ""
        sequences = max(1, rollouts // SEQUENCES_SHARE)
        yield f"Looks of {LOOK} requests, half of them to the canary, until the verdict; {sequences} sequences a row."
        yield ""
        yield from sequence_table(sequences, seed, pool.map)


def rollout_table(rollouts: int, seed: int, each: Callable[..., list[dict[str, Cell]]]) -> Iterator[str]:
    """How often which rule says what."""
    yield "| traffic | requests a step | rule | fail | 95 % bounds | pass | insufficient | insufficient at each step |"
    yield "|---|---|---|---|---|---|---|---|"
    for scenario in SCENARIOS:
        for requests in SIZES if scenario is not LATE else SIZES[-1:]:
            found = each(run, list(tasks(scenario, requests, rollouts, seed)))
            for rule in RULES:
                yield row(scenario, requests, rule, merged([part[rule] for part in found]))


def tasks(scenario: Scenario, requests: int, rollouts: int, seed: int) -> Iterator[Task]:
    """The parts of one cell, each with its own seed, so that the number of processes does not matter."""
    for chunk in range(CHUNKS):
        count = rollouts * (chunk + 1) // CHUNKS - rollouts * chunk // CHUNKS
        yield Task(scenario, requests, count, f"{seed}/{scenario.name}/{requests}/{chunk}")


def run(task: Task) -> dict[str, Cell]:
    """Simulate one part: every rule judges the same traffic."""
    random = Random(task.seed)
    outcomes: dict[str, list[list[str]]] = {rule: [] for rule in RULES}
    for _rollout in range(task.rollouts):
        steps = rollout(random, task.scenario, task.requests)
        for rule, words in RULES.items():
            outcomes[rule].append(words(steps))
    return {rule: counted(words) for rule, words in outcomes.items()}


def counted(outcomes: Sequence[Sequence[str]]) -> Cell:
    """The outcomes of one rule; a rollout in which a look failed is failed."""
    return Cell(
        rollouts=len(outcomes),
        failed=sum(FAIL in words for words in outcomes),
        last=Counter(FAIL if FAIL in words else words[-1] for words in outcomes),
        by_look=tuple(Counter(words[place] for words in outcomes if place < len(words)) for place in range(len(STEPS))),
    )


def merged(cells: Sequence[Cell]) -> Cell:
    """All parts together."""
    return Cell(
        rollouts=sum(cell.rollouts for cell in cells),
        failed=sum(cell.failed for cell in cells),
        last=sum((cell.last for cell in cells), Counter[str]()),
        by_look=tuple(sum((cell.by_look[place] for cell in cells), Counter[str]()) for place in range(len(STEPS))),
    )


def row(scenario: Scenario, requests: int, rule: str, cell: Cell) -> str:
    """One line of the first table."""
    if scenario is IDENTICAL:
        bounds = f"at most {percent(upper_bound(cell.failed, cell.rollouts, 0.95))}"
    else:
        bounds = " to ".join(percent(bound) for bound in interval(cell.failed, cell.rollouts, 0.95))
    each = ", ".join(percent(one[INSUFFICIENT] / max(1, cell.rollouts)) for one in cell.by_look)
    shares = [percent(count / cell.rollouts) for count in (cell.failed, cell.last[PASS], cell.last[INSUFFICIENT])]
    columns = [scenario.name, str(requests), rule, shares[0], bounds, shares[1], shares[2], each]
    return f"| {' | '.join(columns)} |"


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100.0 * share:.2f} %"


def sequence_table(count: int, seed: int, each: Callable[..., list[list[tuple[str, int]]]]) -> Iterator[str]:
    """How many requests it takes, beside the theoretical bound."""
    yield "| traffic | verdict | requests, mean | 95 % have it by | bound on the mean | times the bound |"
    yield "|---|---|---|---|---|---|"
    for traffic in (*SEQUENCES, *LATENCY_SEQUENCES):
        parts = [
            (traffic, count * (part + 1) // CHUNKS - count * part // CHUNKS, f"{seed}/{part}") for part in range(CHUNKS)
        ]
        found = [one for part in each(sequences, parts) for one in part]
        word = PASS if traffic.slower == 1 and traffic.stable == traffic.canary else FAIL
        reached = [requests for verdict, requests in found if verdict == word]
        mean, least = sum(reached) / len(reached), bound(traffic)
        by = percentile([requests if verdict == word else math.inf for verdict, requests in found], 95)
        share = "" if len(reached) == len(found) else f" ({percent(len(reached) / len(found))})"
        yield f"| {traffic.name} | {word}{share} | {mean:.0f} | {by:.0f} | {least:.0f} | {mean / least:.1f} |"


def bound(traffic: Traffic) -> float:
    """Wald's least mean number of requests for a sequential test of the same error rates, of both sides together."""
    harmful = traffic.slower > 1 or traffic.canary > traffic.stable
    level, miss = (SHARE, MISS) if harmful else (MISS, SHARE)
    gain = (1.0 - miss) * math.log((1.0 - miss) / level) + miss * math.log(miss / (1.0 - level))
    return gain / growth(traffic, harmful)


def growth(traffic: Traffic, harmful: bool) -> float:
    """Information a request, at equal shares, for a test of errors or of requests beyond a multiple of the p99."""
    errors, quantile = Errors("errors"), Quantile("p99")
    if traffic.stable:
        line = (errors.margin if harmful else errors.harm).line()
        return information(line, traffic.stable, traffic.canary, Sides(1, 1)) / 2.0
    multiple = float((quantile.margin if harmful else quantile.harm) / traffic.slower)
    return information(Line(1.0, 0.0), 0.01, beyond(multiple, 99), Sides(1, 1)) / 2.0


def sequences(arguments: tuple[Traffic, int, str]) -> list[tuple[str, int]]:
    """Verdict and requests of each sequence of looks."""
    traffic, count, seed = arguments
    random = Random(f"{seed}/{traffic.name}")
    return [sequence(random, traffic) for _sequence in range(count)]


def sequence(random: Random, traffic: Traffic) -> tuple[str, int]:
    """Look after every 500 requests, until the metric has a verdict; the last number of looks is the most there are."""
    metric = Errors("errors") if traffic.stable else Quantile("p99")
    half = LOOK // 2
    records: list[dict[str, Any]] = []
    size = 8
    while size <= LOOKS:
        while len(records) < size:
            records.append(metric.record(data(random, traffic, half)))
        evidence = metric.evidence(records)
        harm = since_any_look(one.harm for one in evidence)
        safety = with_credit([one.safety for one in evidence], -math.log(MISS))
        for number, (worse, better) in enumerate(zip(harm, safety), start=1):
            if worse >= -math.log(SHARE):
                return FAIL, number * LOOK
            if better >= -math.log(MISS):
                return PASS, number * LOOK
        size *= 2
    return INSUFFICIENT, LOOKS * LOOK


def data(random: Random, traffic: Traffic, half: int) -> Counts | Samples:
    """One look."""
    if traffic.stable:
        return Counts(half, successes(random, half, traffic.stable), half, successes(random, half, traffic.canary))
    return Samples(latencies(random, half, 1), latencies(random, half, traffic.slower))


if __name__ == "__main__":
    sys.exit(main())
