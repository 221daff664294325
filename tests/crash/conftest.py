# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of the tests that kill controllers: two balancers, two application hosts and a ledger host.

``SLIPWAY_LAB`` names it; it is started, and then removed, unless it is up.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.controllers import another_controller
from tests.system.fleet import REPOSITORY, Fleet, Versions, call, inventory_without

FIRST = "1.0.0"
APPLICATION = ("app1", "app2")
MACHINES = ("lb1", "lb2", *APPLICATION, "db1")
COUNTED = pytest.StashKey[list[str]]()


@dataclass
class Controllers:
    """One application, as two operators on two controllers run it."""

    fleet: Fleet
    other: Fleet


def pytest_addoption(parser: pytest.Parser) -> None:
    """How cases are chosen."""
    parser.addoption("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="of the sample")
    parser.addoption("--slice", default="1/1", help="of the exhaustive cases: 2/5 is every fifth from the second")
    parser.addoption("--case", action="append", default=[], help="the name of a case, to run only those named")


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, to sample the same again."""
    return f"sample: --seed {config.getoption('--seed')}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was counted, whether it passed or not."""
    for line in config.stash.get(COUNTED, []):
        terminalreporter.write_line(line)


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run."""
    return request.config.stash.setdefault(COUNTED, [])


@pytest.fixture(scope="session")
def lab() -> Iterator[str]:
    """Name of a running lab."""
    name = os.environ.get("SLIPWAY_LAB", "crash")
    was_up = (REPOSITORY / ".cache" / "lab" / name / "lab.json").exists()
    call("lab", "up", "--name", name, "--hosts", ",".join(MACHINES))
    yield name
    if not was_up:
        call("lab", "down", "--name", name)


@pytest.fixture(scope="session")
def readable() -> Iterator[Path]:
    """A directory that everybody may read."""
    with tempfile.TemporaryDirectory(prefix="slipway-crash-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def controllers(lab: str, readable: Path) -> Callable[[str], Controllers]:
    """Two controllers of the application behind a kind of balancer, which is set up when it is asked for first."""
    versions = Versions()
    flags = inventory_without(readable, "app3")
    operator = another_controller(lab, readable / "other")
    known: dict[str, Controllers] = {}

    def of(balancer: str) -> Controllers:
        if balancer not in known:
            fleet = Fleet(lab, balancer, versions, application=APPLICATION, flags=flags)
            other = Fleet(lab, balancer, versions, application=APPLICATION, flags=flags, operator=operator)
            if not fleet.is_set_up():
                done = fleet.run("site", version=versions.built(FIRST))
                assert done.code == 0, f"{done.log}: {done.reason()}"
            known[balancer] = Controllers(fleet, other)
        known[balancer].fleet.recover()
        return known[balancer]

    return of
