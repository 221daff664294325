# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers, singletons and scheduled jobs leave records from which running at once can be proved or ruled out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sample.overlaps import main, overlaps, runs

from .conftest import Shop

Start = Callable[..., Shop]


def wait_for(path: Path, event: str, count: int = 1) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or path.read_text(encoding="utf-8").count(f'"event": "{event}"') < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("component", ["mailer", "clock"])
def test_a_hand_over_one_after_the_other_never_runs_at_once(shop: Start, tmp_path: Path, component: str) -> None:
    path = tmp_path / f"{component}.jsonl"
    for turn, (version, slot) in enumerate((("1.0.0", "blue"), ("1.1.0", "green")), 1):
        one = shop(version, f"shop.{component}", wait=False, SLOT=slot, SHOP_STATE=str(tmp_path))
        wait_for(path, "start", turn)
        wait_for(path, "beat", turn)
        one.terminate()
        assert one.ended() == (0, "")
    every = runs(path.read_text(encoding="utf-8").splitlines())
    assert [(run.component, run.version, run.slot, run.host, run.stopped) for run in every] == [
        (component, "1.0.0", "blue", "app1", True),
        (component, "1.1.0", "green", "app1", True),
    ]
    assert overlaps(every) == []
    assert main([str(path)]) == 0


def test_two_at_once_are_found(shop: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mailer.jsonl"
    old = shop("1.0.0", "shop.mailer", wait=False, SHOP_STATE=str(tmp_path))
    wait_for(path, "start")
    new = shop("1.1.0", "shop.mailer", wait=False, SLOT="green", SHOP_STATE=str(tmp_path))
    wait_for(path, "start", 2)
    wait_for(path, "beat", 10)
    old.process.kill()
    old.ended()
    new.terminate()
    new.ended()
    every = runs(path.read_text(encoding="utf-8").splitlines())
    assert [run.stopped for run in every] == [False, True]
    assert len(overlaps(every)) == 1
    assert main([str(path)]) == 1
    assert "mailer 1.0.0 (blue, app1" in capsys.readouterr().out


def record(host: str, event: str, at_us: int) -> str:
    fixed = {"component": "clock", "version": "1", "slot": "blue", "pid": 7}
    return json.dumps({**fixed, "host": host, "event": event, "at_us": at_us})


def test_different_hosts_are_compared_only_when_asked() -> None:
    lines = [record("app1", "start", 1), record("app1", "stop", 9)]
    lines += [record("app2", "start", 5), record("app2", "stop", 12)]
    assert overlaps(runs(lines)) == []
    assert len(overlaps(runs(lines), anywhere=True)) == 1


def test_a_process_number_used_again_is_another_run() -> None:
    lines = [record("app1", event, at) for event, at in (("start", 1), ("stop", 3), ("start", 3), ("stop", 5))]
    assert [(run.begin_us, run.end_us) for run in runs(lines)] == [(1, 3), (3, 5)]
    assert overlaps(runs(lines)) == []


def test_a_scheduled_job_runs_once_and_exits(shop: Start, tmp_path: Path) -> None:
    assert shop("1.0.0", "shop.report", wait=False, SHOP_STATE=str(tmp_path)).ended() == (0, "")
    (run,) = runs((tmp_path / "report.jsonl").read_text(encoding="utf-8").splitlines())
    assert (run.component, run.version, run.stopped) == ("report", "1.0.0", True)


def test_without_a_state_directory_nothing_is_recorded(shop: Start, tmp_path: Path) -> None:
    one = shop("1.0.0", "shop.report", wait=False)
    assert one.ended() == (0, "")
    assert not list(tmp_path.rglob("*.jsonl"))
