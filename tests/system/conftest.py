# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab that the system tests share: ``SLIPWAY_LAB`` names it; it is started, and then removed, unless it is up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system import databases
from tests.system.fleet import REPOSITORY, Fleet, Versions, call

FIRST = "1.0.0"
STATE = Path("/var/lib/slipway")
FIGURES = pytest.StashKey[list[str]]()


def state_here() -> dict[str, int]:
    """The files of this computer below where hosts keep their state, with when they were written."""
    return {str(path): path.stat().st_mtime_ns for path in (STATE, *STATE.rglob("*")) if path.exists()}


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """What a test does stays in the lab, also where its playbooks act on this computer."""
    before = state_here()
    yield
    assert state_here() == before


@pytest.fixture(scope="session")
def lab() -> Iterator[str]:
    """Name of a running lab of seven machines."""
    name = os.environ.get("SLIPWAY_LAB", "system")
    was_up = (REPOSITORY / ".cache" / "lab" / name / "lab.json").exists()
    call("lab", "up", "--name", name)
    yield name
    if not was_up:
        call("lab", "down", "--name", name)


@pytest.fixture(scope="session")
def versions() -> Versions:
    """Releases."""
    return Versions()


@pytest.fixture(scope="session")
def fleets(lab: str, versions: Versions) -> dict[str, Fleet]:
    """The applications that have been set up, by balancer."""
    return {}


def prepared(balancer: str, lab: str, versions: Versions, fleets: dict[str, Fleet]) -> Fleet:
    """The application behind this kind of balancer, set up when it is needed for the first time."""
    if balancer not in fleets:
        fleet = Fleet(lab, balancer, versions)
        if not fleet.is_set_up():
            done = fleet.run("site", version=versions.built(FIRST))
            assert done.code == 0, f"{done.log}: {done.reason()}"
        fleets[balancer] = fleet
    return fleets[balancer]


@pytest.fixture(params=["nginx", "haproxy"])
def fleet(request: pytest.FixtureRequest, lab: str, versions: Versions, fleets: dict[str, Fleet]) -> Iterator[Fleet]:
    """A settled application, behind each balancer in turn; everything is switched on again afterwards."""
    found = prepared(request.param, lab, versions, fleets)
    found.recover()
    yield found
    found.recover()


@pytest.fixture
def fleet_behind(lab: str, versions: Versions, fleets: dict[str, Fleet]) -> Iterator[Callable[[str], Fleet]]:
    """Settled applications, for tests that choose their balancer; everything is switched on again afterwards."""
    used: list[Fleet] = []

    def behind(balancer: str) -> Fleet:
        used.append(prepared(balancer, lab, versions, fleets))
        used[-1].recover()
        return used[-1]

    yield behind
    for found in used:
        found.recover()


@pytest.fixture(params=["nginx", pytest.param("haproxy", marks=pytest.mark.exhaustive)])
def either(request: pytest.FixtureRequest, fleet_behind: Callable[[str], Fleet]) -> Fleet:
    """A settled application behind nginx, and in the exhaustive tests behind HAProxy too."""
    return fleet_behind(request.param)


@pytest.fixture
def nginx(lab: str, versions: Versions, fleets: dict[str, Fleet]) -> Iterator[Fleet]:
    """A settled application behind nginx."""
    found = prepared("nginx", lab, versions, fleets)
    found.recover()
    yield found
    found.recover()


@pytest.fixture
def database(lab: str, versions: Versions, tmp_path: Path) -> Iterator[databases.Database]:
    """An empty database, and a directory for its migrations."""
    with databases.made(Fleet(lab, "nginx", versions), tmp_path) as made:
        yield made


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines that are printed when all tests have ended."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have measured."""
    lines = terminalreporter.config.stash.get(FIGURES, [])
    if lines:
        terminalreporter.section("figures")
        terminalreporter.write("".join(f"{line}\n" for line in lines))
