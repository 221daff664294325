# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller killed at a write of the ledger or of a host's state: another one goes on, and nobody notices.

The writer is held while the controller is killed. Where its module dies with it, the write does not happen; where it
lives, it goes on and writes whatever it still has to. A deployment is killed at one write after another, each time run
again by the other controller, so that every write of a deployment which nobody disturbs has been such a place: at least
once with the module killed, and once with it left alive.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from tests.crash.conftest import Controllers
from tests.crash.killed import MODULES, ROLLOUTS, Outcome, in_all, killed, undisturbed
from tests.crash.positions import Position, Seen

BALANCERS = ("nginx", "haproxy")
RECORDS = "ledger and journals"
FILES = (RECORDS, "other files")
# Rollouts of a sample.
SAMPLED = 2
# Fewer than each has, so that a sample needs no undisturbed run to count them; all are taken by the exhaustive test.
LEAST_WRITES = {"blue_green": 38, "canary": 38, "rolling": 60, "simple": 38}
# Of so many writes one may depend on how long the run took, such as another renewal of a lease.
MAY_VARY = 20
# Kills of one deployment.
MOST_KILLS = 40


@dataclass(frozen=True)
class Case:
    """Which deployment is killed where.

    :ivar module: ``dies`` with the controller, or ``lives``.
    """

    rollout: str
    balancer: str
    module: str
    position: Position

    def __str__(self) -> str:
        return f"{self.rollout},{self.balancer},{self.module},{self.position}"

    def is_of(self, files: str) -> bool:
        """Whether it is a write of these files."""
        return self.position.recorded == (files == RECORDS)

    @classmethod
    def parse(cls, text: str) -> Case:
        """The opposite of ``str``."""
        rollout, balancer, module, position = text.split(",", 3)
        return cls(rollout, balancer, module, Position.parse(position))


@dataclass
class Tally:
    """Cases that ended, and what the traffic met in them."""

    cases: int = 0
    deployments: int = 0
    unreached: list[str] = field(default_factory=list)
    requests: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count a deployment that went as it must."""
        total = outcome.traffic.summary["total"]
        self.cases += len(outcome.kills)
        self.deployments += 1
        self.requests += total["ok"] + total["lost"]
        self.lost += total["lost"]

    def line(self, name: str) -> str:
        """For people."""
        return (
            f"{name}: killed at {self.cases} writes of {self.deployments} deployments, {len(self.failures)} failed; "
            f"{len(self.unreached)} writes were not reached; {self.lost} of {self.requests} requests failed"
        )


def possible(outcomes: Mapping[str, Outcome], rollout: str) -> list[Case]:
    """Each write of a rollout once with its module killed too and once with it left alive.

    Of a write that the rollout has behind both balancers, one of the two is behind each.

    :param outcomes: of an undisturbed run behind each balancer.
    """
    writes = {balancer: positions(outcome) for balancer, outcome in outcomes.items()}
    cases = []
    for number, position in enumerate(sorted(set().union(*writes.values()))):
        behind = [balancer for balancer in writes if position in writes[balancer]]
        for turn, module in enumerate(MODULES, number):
            cases.append(Case(rollout, behind[turn % len(behind)], module, position))
    return cases


def positions(outcome: Outcome) -> set[Position]:
    """Where the runs wrote."""
    return {seen.position for seen in outcome.seen if seen.position is not None}


def run_cases(controllers: Callable[[str], Controllers], cases: Iterable[Case]) -> Tally:
    """Run as many as possible in one deployment after another, until each has been run or cannot be reached.

    A deployment that fails is noted, and the next begins from a settled fleet, without what was killed in it.
    """
    left: dict[tuple[str, str, str], set[Position]] = {}
    for case in cases:
        left.setdefault((case.rollout, case.balancer, case.module), set()).add(case.position)
    tally = Tally()
    for (rollout, balancer, module), wanted in left.items():
        while wanted:
            pair, tried = controllers(balancer), set(wanted)

            def at(seen: Seen, wanted: set[Position] = wanted) -> bool:
                if not seen.exact or seen.position not in wanted:
                    return False
                wanted.discard(seen.position)
                return True

            try:
                tally.add(killed(pair, rollout, module, at, MOST_KILLS))
            except (AssertionError, RuntimeError) as exc:
                names = [f"--case '{Case(rollout, balancer, module, one)}'" for one in sorted(tried - wanted)]
                tally.failures.append(f"{rollout}, {balancer}, its module {module}, {' '.join(names)}: {exc}")
                print(tally.failures[-1], flush=True)
                pair.fleet.recover()
                pair.fleet.deploy(pair.fleet.versions.fresh())
            if wanted == tried:
                tally.unreached += [str(Case(rollout, balancer, module, one)) for one in sorted(wanted)]
                break
        print(tally.line(f"{rollout} until behind {balancer}, its module {module}"), flush=True)
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
    assert outcome.kills, f"{sampled} has fewer than {number} writes"
    tally = Tally()
    tally.add(outcome)
    counted.append(tally.line(str(Case(sampled, balancer, module, outcome.kills[0]))))


@pytest.mark.exhaustive
@pytest.mark.parametrize("rollout", ROLLOUTS)
@pytest.mark.parametrize("files", FILES)
def test_every_write(
    request: pytest.FixtureRequest,
    controllers: Callable[[str], Controllers],
    counted: list[str],
    files: str,
    rollout: str,
) -> None:
    named = [Case.parse(name) for name in request.config.getoption("--case")]
    cases = [case for case in named if case.rollout == rollout and case.is_of(files)]
    if named and not cases:
        pytest.skip("none of these cases is named")
    if not named:
        outcomes = {balancer: undisturbed(controllers(balancer), rollout) for balancer in BALANCERS}
        part, parts = (int(number) for number in request.config.getoption("--slice").split("/"))
        cases = [case for case in possible(outcomes, rollout) if case.is_of(files)][part - 1 :: parts]
    tally = run_cases(controllers, cases)
    counted.append(tally.line(f"{rollout}, {files}"))
    assert tally.failures == []
    assert len(tally.unreached) <= (0 if named else len(cases) // MAY_VARY), tally.unreached
    print("\n".join(f"not reached: {name}" for name in tally.unreached), flush=True)
