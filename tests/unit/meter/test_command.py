# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: reports, exit codes, and every way for a run to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import ansible_collections.slipway.release.plugins.module_utils._meter as package
import pytest

ROOT = str(Path(next(iter(package.__path__))).parents[5])


def start(port: int, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", package.__name__, "--url", f"http://127.0.0.1:{port}/", *arguments],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for_requests(server: Any) -> None:
    deadline = time.monotonic() + 30
    while not server.received["keepalive"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_writes_report_and_records(faulty: Any, tmp_path: Path) -> None:
    report, records = tmp_path / "out.json", tmp_path / "out.jsonl"
    with faulty() as server:
        code, out, err = finish(
            start(server.port, "--duration", "0.5", "--rate", "80", "--report", str(report), "--records", str(records))
        )
    assert (code, err) == (0, "")
    assert "pass: 0 of 40 requests lost" in out
    summary = json.loads(report.read_text())
    assert (summary["verdict"], summary["total"]["sent"], summary["ended_by"]) == ("pass", 40, "duration")
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    assert len(rows) == 40
    names = "class intended_us start_us end_us outcome status version slot instance key reused"
    assert list(rows[0]) == names.split()
    assert all(row["intended_us"] <= row["start_us"] <= row["end_us"] for row in rows)


def test_losses_beyond_the_budget_fail(faulty: Any) -> None:
    def fault_of(number: int, kind: str, reused: bool) -> str:
        return "500" if number < 2 else ""

    options = ("--duration", "0.3", "--rate", "50", "--keepalive-share", "1", "--max-lost")
    with faulty(fault_of) as server:
        assert finish(start(server.port, *options, "1"))[0] == 1
    with faulty(fault_of) as server:
        assert finish(start(server.port, *options, "2"))[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_summary(faulty: Any, tmp_path: Path, number: int) -> None:
    report = tmp_path / "out.json"
    with faulty() as server:
        process = start(server.port, "--duration", "600", "--rate", "50", "--report", str(report))
        wait_for_requests(server)
        process.send_signal(number)
        code, _rest, err = finish(process)
    summary = json.loads(report.read_text())
    assert (code, err, summary["ended_by"]) == (0, "", "signal")
    assert summary["total"]["ok"] == sum(server.received.values()) > 0


def test_a_second_signal_does_not_wait_for_answers(faulty: Any, tmp_path: Path) -> None:
    report = tmp_path / "out.json"
    with faulty(lambda number, kind, reused: "hang") as server:
        process = start(server.port, "--duration", "600", "--rate", "50", "--timeout", "500", "--report", str(report))
        wait_for_requests(server)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        code, _rest, _more = finish(process)
    total = json.loads(report.read_text())["total"]
    assert code == 3
    assert total["unfinished"] == total["sent"] > 0


def test_the_run_ends_when_the_file_appears(faulty: Any, tmp_path: Path) -> None:
    report, stop = tmp_path / "out.json", tmp_path / "stop"
    with faulty() as server:
        process = start(server.port, "--duration", "600", "--until-file", str(stop), "--report", str(report))
        wait_for_requests(server)
        stop.touch()
        code, _rest, _more = finish(process)
    assert (code, json.loads(report.read_text())["ended_by"]) == (0, "file")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--duration", "0"),
        ("--duration", "1", "--url", "http://8.8.8.8/"),
        ("--duration", "1", "--sticky", "x"),
    ],
)
def test_bad_options_are_refused(arguments: tuple[str, ...]) -> None:
    code, out, err = finish(start(1, *arguments))
    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err
