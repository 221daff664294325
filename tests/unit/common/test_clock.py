# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of a host that no wall clock changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common import clock


def test_it_counts_seconds_since_the_boot_and_never_goes_back() -> None:
    before = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    readings = [clock.boottime() for _round in range(1000)]
    after = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert readings == sorted(readings)
    assert before - 1 <= readings[0] <= readings[-1] <= after + 1


def test_a_changed_wall_clock_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.boottime()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert clock.boottime() >= before


def test_the_boot_id_is_the_same_in_every_process() -> None:
    question = f"import runpy; print(runpy.run_path({clock.__file__!r})['boot_id']())"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True).stdout
    assert answer.strip() == clock.boot_id()


def test_another_boot_of_the_kernel_is_another_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.boot_id()
    other = tmp_path / "boot_id"
    other.write_text("00000000-0000-4000-8000-000000000000\n", encoding="ascii")
    monkeypatch.setattr(clock, "BOOT_ID", other)
    assert clock.boot_id() != before


def test_another_start_of_process_1_is_another_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.boot_id()
    head, _parenthesis, tail = Path("/proc/1/stat").read_text(encoding="ascii").rpartition(")")
    fields = tail.split()
    fields[19] = str(int(fields[19]) + 1)
    restarted = {Path("/proc/1/stat"): f"{head}) {' '.join(fields)}", clock.BOOT_ID: before[:36]}
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: restarted[path])
    after = clock.boot_id()
    assert after[:36] == before[:36]
    assert after != before
