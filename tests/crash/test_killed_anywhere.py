# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller killed at a write of the ledger or of a host's state: another one finishes, and nobody notices.

The writer is held while the controller is killed. Where its module dies with it, the write does not happen; where it
lives, it goes on and writes whatever it still has to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from lab.writes import Write
from tests.crash.conftest import Controllers
from tests.crash.killed import MODULES, ROLLOUTS, Outcome, exactly, in_all, killed, undisturbed

BALANCERS = ("nginx", "haproxy")
# Rollouts of a sample.
SAMPLED = 2
# Fewer than each has, so that a sample needs no undisturbed run to count them; all are taken by the exhaustive test.
LEAST_WRITES = {"blue_green": 38, "canary": 38, "rolling": 60, "simple": 38}


@dataclass(frozen=True)
class Case:
    """Which run is killed where.

    :ivar module: ``dies`` with the controller, or ``lives``.
    """

    rollout: str
    balancer: str
    write: Write
    module: str

    def __str__(self) -> str:
        return f"{self.rollout},{self.balancer},{self.write},{self.module}"

    @classmethod
    def parse(cls, text: str) -> Case:
        """The opposite of ``str``."""
        rollout, balancer, write, module = text.split(",")
        return cls(rollout, balancer, Write.parse(write), module)


@dataclass
class Tally:
    """Cases that ended, and what the traffic met in them."""

    cases: int = 0
    unreached: int = 0
    requests: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count a case that ended as it must."""
        total = outcome.traffic.summary["total"]
        self.cases += 1
        self.unreached += outcome.stopped_at is None
        self.requests += total["ok"] + total["lost"]
        self.lost += total["lost"]

    def line(self, name: str) -> str:
        """For people."""
        return (
            f"{name}: {self.cases} cases passed, {len(self.failures)} failed; in {self.unreached} the run ended before "
            f"the write; {self.lost} of {self.requests} requests failed"
        )


def possible(outcomes: Mapping[str, Outcome], rollout: str) -> list[Case]:
    """Each write of a rollout once with its module killed too and once with it left alive.

    Of a write that the rollout has behind both balancers, one of the two is behind each.

    :param outcomes: of an undisturbed run behind each balancer.
    """
    writes = {balancer: {write for _when, write in outcome.writes} for balancer, outcome in outcomes.items()}
    cases = []
    for number, write in enumerate(sorted(set().union(*writes.values()))):
        behind = [balancer for balancer in writes if write in writes[balancer]]
        for turn, module in enumerate(MODULES, number):
            cases.append(Case(rollout, behind[turn % len(behind)], write, module))
    return sorted(cases, key=lambda case: case.balancer)


def run_cases(controllers: Callable[[str], Controllers], cases: Iterable[Case]) -> Tally:
    """Run them one after another; a failed one is noted, and the next begins from a settled fleet."""
    tally = Tally()
    for case in cases:
        pair = controllers(case.balancer)
        try:
            tally.add(killed(pair, case.rollout, case.module, exactly(case.write)))
        except (AssertionError, RuntimeError) as exc:
            tally.failures.append(f"--case {case}: {exc}")
            print(tally.failures[-1], flush=True)
            pair.fleet.recover()
            pair.fleet.deploy(pair.fleet.versions.fresh())
    return tally


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Some of the rollouts are sampled, so that a run of all tests stays short."""
    if "sampled" in metafunc.fixturenames:
        choice = random.Random(metafunc.config.getoption("--seed"))
        metafunc.parametrize("sampled", choice.sample(sorted(LEAST_WRITES), SAMPLED))


def test_a_sample_of_writes(
    request: pytest.FixtureRequest,
    controllers: Callable[[str], Controllers],
    counted: list[str],
    sampled: str,
) -> None:
    choice = random.Random(f"{request.config.getoption('--seed')} {sampled}")
    balancer, module = choice.choice(BALANCERS), choice.choice(MODULES)
    number = choice.randint(1, LEAST_WRITES[sampled])
    print(f"{sampled} behind {balancer}, killed at write {number}, its module {module}", flush=True)
    outcome = killed(controllers(balancer), sampled, module, in_all(number))
    assert outcome.stopped_at is not None, f"{sampled} has fewer than {number} writes"
    tally = Tally()
    tally.add(outcome)
    counted.append(tally.line(str(Case(sampled, balancer, outcome.stopped_at, module))))


@pytest.mark.exhaustive
@pytest.mark.parametrize("rollout", ROLLOUTS)
def test_every_write(
    request: pytest.FixtureRequest,
    controllers: Callable[[str], Controllers],
    counted: list[str],
    rollout: str,
) -> None:
    named = [Case.parse(name) for name in request.config.getoption("--case")]
    cases = [case for case in named if case.rollout == rollout]
    if named and not cases:
        pytest.skip("none of these cases is named")
    if not named:
        outcomes = {balancer: undisturbed(controllers(balancer), rollout) for balancer in BALANCERS}
        part, parts = (int(number) for number in request.config.getoption("--slice").split("/"))
        cases = possible(outcomes, rollout)[part - 1 :: parts]
    tally = run_cases(controllers, cases)
    counted.append(tally.line(rollout))
    assert tally.failures == []
