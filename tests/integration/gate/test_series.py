# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of series, as an operator writes it, on a real Prometheus that scrapes two slots."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.machine import wait_until

from .scene import AS_WANTED, NO_ANSWER, Prometheus, gate, judged, outcomes, serving, unused_port

NEEDED = 'avg(needed{app="APP", slot="<slot>"})'
SOLD = 'avg(sold{app="APP", slot="<slot>"})'
SERIES: list[dict[str, Any]] = [
    {"name": "CPU", "kind": "series", "query": NEEDED},
    {"name": "orders", "kind": "series", "query": SOLD, "higher_is_worse": False, "harm": {"ratio": 0.6}},
]
SECONDS = 24
WORSE = {"CPU": ("needed", 2.0), "orders": ("sold", 0.4)}


def figures(slot: str) -> Callable[[str], tuple[int, bytes]]:
    """What an instance tells: figures that change with each scrape, and those of bad applications in the canary."""

    def answer(_path: str) -> tuple[int, bytes]:
        lines = []
        for app in ("good", *WORSE):
            for name in ("needed", "sold"):
                times = WORSE[app][1] if slot == "green" and app in WORSE and WORSE[app][0] == name else 1.0
                lines.append(f'{name}{{app="{app}"}} {times * random.uniform(80, 120)}')
        return 200, "".join(f"{line}\n" for line in lines).encode()

    return answer


@pytest.fixture(scope="module")
def targets() -> Iterator[list[tuple[str, dict[str, str]]]]:
    """One instance in each slot."""
    with ExitStack() as stack:
        ports = {slot: stack.enter_context(serving(figures(slot))) for slot in ("blue", "green")}
        yield [(f"127.0.0.1:{port}", {"slot": slot}) for slot, port in ports.items()]


@pytest.fixture(scope="module")
def prometheus(
    targets: list[tuple[str, dict[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Scrapes them once a second."""
    server = Prometheus(tmp_path_factory.mktemp("prometheus") / "one", targets)
    try:
        wait_until(lambda: server.value('needed{slot="green"}') is not None, 60, "it scrapes")
        yield server
    finally:
        server.stop()


def metric(url: str, app: str, **more: Any) -> dict[str, Any]:
    """As an operator writes it."""
    compare = [{**series, "query": series["query"].replace("APP", app)} for series in SERIES]
    return {"type": "judge", "from": "prometheus", "url": url, "spacing": 1, "interval": 12, "compare": compare, **more}


@pytest.mark.parametrize("worse", list(WORSE))
def test_series_of_the_canary_against_stable(prometheus: Prometheus, worse: str) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"
    apps = {"bad": worse, "down": "good"}
    found = outcomes(
        lambda case: metric(nobody if case == "down" else prometheus.url, apps.get(case, case)), seconds=SECONDS
    )
    assert found == AS_WANTED


def test_points_are_those_of_the_server_and_its_scrapes_are_known(prometheus: Prometheus) -> None:
    options = {**metric(prometheus.url, "good"), "name": "series", "slots": {"stable": "blue", "canary": "green"}}
    (found,) = gate(metrics=[{**options, "count": 2}])["metrics"]
    looks = [look["metrics"]["CPU"] for look in found["record"]["looks"]]
    assert [len(look[side]) for look in looks for side in ("stable", "canary")] == [12] * 4
    assert "is not known" not in found["measurements"][0]["detail"]


def test_points_closer_than_a_scrape_are_refused(targets: list[tuple[str, dict[str, str]]], tmp_path: Path) -> None:
    slow = Prometheus(tmp_path / "slow", targets, every=3)
    try:
        wait_until(lambda: slow.value('needed{slot="green"}') is not None, 60, "it scrapes")
        assert judged(metric(slow.url, "good"), seconds=SECONDS) == NO_ANSWER
    finally:
        slow.stop()
