# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time from a command to the last answer of the old slot, under load. Touches the lab and ``.cache/benchmarks``."""

from __future__ import annotations

import bisect
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab.plan import REPOSITORY, Plan
from lab.traffic import Traffic

from .figures import median, milliseconds

SWITCHES = 100
PAUSE_US = 300_000
RATE = 800
START_UP = 2
QUICK = ("keepalive", "new")
PATHS = "/mnt/slipway/.cache/collections:/mnt/slipway"


def measure(plan: Plan, kind: str, app: str, port: int, cache: Path) -> list[str]:
    """Switch on the lab's first balancer, where both slots must run; the figures as text."""
    host = next(host for host in plan.hosts if host.group == "balancers")
    traffic = Traffic(
        f"http://{host.address}:{port}/",
        rate=RATE,
        longest=300,
        report=cache / f"traffic-{kind}.json",
        collections=REPOSITORY / ".cache" / "collections",
        records=True,
    )
    try:
        time.sleep(START_UP)
        rows = _switch(plan.name, host.name, app)
    finally:
        report = traffic.stop()
    answers = _answers(traffic.records, report["started"]["boottime_us"])
    late = {name: last_old_answers(answers, commands) for name, commands in rows.items()}
    took = [row["took_us"] for row in rows["lb_switch"]]
    verify = [row["steps"]["verify"] for row in rows["lb_switch"]]
    ratio = median(late["lb_switch"]) / max(1, median(late["bare"]))
    total = report["total"]
    return [
        f"switch, {kind}: {ratio:.1f} times the bare command, from the command to the last answer of the old slot",
        f"  lb_switch: {milliseconds(late['lb_switch'])}; bare: {milliseconds(late['bare'])}; {SWITCHES} switches each",
        f"  the whole of lb_switch on the host: {milliseconds(took)}; of that reading back: {milliseconds(verify)}",
        f"  {total['lost']} of {total['sent']} requests lost at {RATE} requests/s",
    ]


def last_old_answers(answers: dict[str, list[int]], commands: Sequence[dict[str, Any]]) -> list[int]:
    """For each command, microseconds until the old slot's last answer; 0 when it answered nothing any more.

    :param answers: slot to the sorted times at which it answered.
    :raises RuntimeError: a command did not move the traffic.
    """
    found = []
    for row in commands:
        begin, end = row["at_us"], row["at_us"] + row["took_us"] + PAUSE_US
        old, new = (_between(answers[row[slot]], begin, end) for slot in ("old", "new"))
        middle = end - PAUSE_US // 2
        if sum(at > middle for at in new) <= sum(at > middle for at in old):
            raise RuntimeError(f"slot {row['old']} still had the traffic after a switch to {row['new']}")
        found.append(max(old, default=begin) - begin)
    return found


def _between(times: Sequence[int], begin: int, end: int) -> Sequence[int]:
    return times[bisect.bisect_left(times, begin) : bisect.bisect_left(times, end)]


def _switch(lab: str, host: str, app: str) -> dict[str, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "lab", "exec", "--name", lab, host, "--", "env", f"PYTHONPATH={PATHS}"]
    command += ["python3", "-B", "-m", "benchmarks.on_balancer", "--app", app]
    command += ["--switches", str(SWITCHES), "--pause", str(PAUSE_US / 1_000_000)]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True, timeout=280)
    rows: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return rows


def _answers(records: Path, origin_us: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in _rows(records):
        if row["class"] in QUICK and row["slot"]:
            found.setdefault(row["slot"], []).append(origin_us + row["end_us"])
    return {slot: sorted(times) for slot, times in found.items()}


def _rows(records: Path) -> Iterable[dict[str, Any]]:
    with records.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
