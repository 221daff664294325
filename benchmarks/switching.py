# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time from a command to the last answer of the old slot, under load. Touches the lab and ``.cache/benchmarks``."""

from __future__ import annotations

import bisect
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab.plan import REPOSITORY, Plan
from lab.traffic import Traffic

from .figures import median, milliseconds

SWITCHES = 100
PAUSE = 0.25
RATE = 800
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
        rows = _switch(plan.name, host.name, app)
    finally:
        report = traffic.stop()
    answers = _answers(traffic.records, report["started"]["boottime_us"])
    late = {name: last_old_answers(answers, commands) for name, commands in rows.items()}
    took = [row["took_us"] for row in rows["lb_switch"]]
    verify = [row["steps"]["verify"] for row in rows["lb_switch"]]
    ratio = median(late["lb_switch"]) / median(late["bare"])
    total = report["total"]
    return [
        f"switch, {kind}, from the command to the last answer of the old slot: {ratio:.2f} times the bare command",
        f"  lb_switch: {milliseconds(late['lb_switch'])}; bare: {milliseconds(late['bare'])}; {SWITCHES} switches each",
        f"  the whole of lb_switch on the host: {milliseconds(took)}; of that reading back: {milliseconds(verify)}",
        f"  {total['lost']} of {total['sent']} requests lost at {RATE} requests/s",
    ]


def last_old_answers(answers: dict[str, list[int]], commands: Sequence[dict[str, Any]]) -> list[int]:
    """For each command, microseconds until the old slot's last answer; 0 when it answered nothing any more.

    :param answers: slot to the sorted times at which it answered.
    """
    ends = [row["at_us"] for row in commands[1:]] + [commands[-1]["at_us"] + int(PAUSE * 1_000_000)]
    return [_last(answers.get(row["old"], []), row["at_us"], end) for row, end in zip(commands, ends)]


def _last(times: Sequence[int], begin: int, end: int) -> int:
    found = bisect.bisect_left(times, end) - 1
    return max(0, times[found] - begin) if found >= 0 else 0


def _switch(lab: str, host: str, app: str) -> dict[str, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "lab", "exec", "--name", lab, host, "--", "env", f"PYTHONPATH={PATHS}"]
    command += ["python3", "-B", "-m", "benchmarks.on_balancer", "--app", app]
    command += ["--switches", str(SWITCHES), "--pause", str(PAUSE)]
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
