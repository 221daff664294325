# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each bad release is bad in its own way, measurably, and the good one is the control."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._meter.meter import Meter
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options

from .conftest import Shop

Start = Callable[..., Shop]


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / (1 << 20)


def test_never_starts(shop: Start) -> None:
    code, err = shop("2.0.0-neverstarts", wait=False).ended()
    assert code == 1
    assert "never starts" in err


@pytest.mark.parametrize("module", ["shop.mailer", "shop.clock", "shop.report"])
def test_never_starts_holds_for_every_component(shop: Start, module: str) -> None:
    assert shop("2.0.0-neverstarts", module, wait=False).ended()[0] == 1


def test_never_ready_lives(shop: Start) -> None:
    one = shop("2.0.0-neverready")
    assert [one.get(f"/health/{check}")[0] for check in ("live", "started", "ready")] == [200, 200, 503]
    assert one.get("/health")[0] == 503


def test_slow_to_become_ready(shop: Start) -> None:
    assert shop("2.0.0-slowready").get("/health/ready")[0] == 503
    one = shop("2.0.0-slowready", SHOP_BEHAVIOUR='{"ready_after": 1.5}')
    assert [one.get(f"/health/{check}")[0] for check in ("live", "started", "ready")] == [200, 503, 503]
    one.wait_until("/health/ready")
    assert one.get("/health/started")[0] == 200


@pytest.mark.parametrize(("version", "errors"), [("2.0.0-errors", 10), ("1.0.0", 0)])
def test_five_percent_errors(shop: Start, version: str, errors: int) -> None:
    one = shop(version)
    summary = Meter(Options(url=f"http://127.0.0.1:{one.port}/plain", duration=1, rate=200)).run()
    assert summary["total"]["lost"] == summary["total"]["lost_by"]["status"] == errors
    assert summary["total"]["ok"] == 200 - errors
    assert one.get("/health/ready")[0] == 200


@pytest.mark.parametrize(("version", "milliseconds"), [("2.0.0-slow", 60), ("1.0.0", 20)])
def test_the_slowest_two_percent(shop: Start, version: str, milliseconds: int) -> None:
    one = shop(version)
    times = []
    for _round in range(100):
        begin = time.monotonic()
        assert one.get("/")[0] == 200
        times.append(time.monotonic() - begin)
    assert sorted(times)[-2] >= milliseconds / 1000


def test_crashes_without_notice(shop: Start) -> None:
    one = shop("2.0.0-crashes", SHOP_BEHAVIOUR='{"crash_after": 0.3}', wait=False)
    assert one.ended() == (70, "")


def test_leaks_memory(shop: Start) -> None:
    one = shop("2.0.0-leaks", SHOP_BEHAVIOUR='{"leak_mib": 100}')
    before = resident_mib(one.process.pid)
    deadline = time.monotonic() + 30
    while resident_mib(one.process.pid) < before + 30:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert one.json("/health")["memory_mib"] >= int(before) + 30
