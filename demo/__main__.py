# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job under live traffic, on nginx and on HAProxy: ``python3 -m demo``, or ``python3 -m demo nginx`` for one.

Touches the lab ``demo`` and ``.cache/demo``. Exits 0 only when every step came out as it must and no request was lost.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.operator import Operator, PlaybookRun
from lab.traffic import Traffic

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache"
LAB = "demo"
RATE = 800
REQUESTS_PER_BALANCER = 26_000
LISTENER = {"nginx": 8000, "haproxy": 8001}


@dataclass(frozen=True)
class Step:
    """One row of the closing table. ``succeeds`` is what the playbook's exit code must say."""

    title: str
    playbook: str
    variables: Mapping[str, str]
    succeeds: bool
    release: str


STEPS = (
    Step("deploy 1.1.0 blue-green", "deploy", {"slipway_version": "1.1.0"}, True, "1.1.0"),
    Step(
        "refuse a release that is never ready",
        "deploy",
        {"slipway_version": "2.0.0-neverready", "slipway_ready_deadline": "6"},
        False,
        "1.1.0",
    ),
    Step("roll back to 1.0.0", "rollback", {"slipway_rollback_to": "1.0.0"}, True, "1.0.0"),
)


def main() -> int:
    """Run the demonstration and print its table."""
    began = time.monotonic()
    chosen = sys.argv[1:] or list(LISTENER)
    releases = CACHE / "demo" / "releases"
    _call("sample.build", "--out", str(releases))
    _call("lab", "up", "--name", LAB)
    say(f"lab of seven machines is up after {time.monotonic() - began:.0f} s")
    try:
        operator = Operator(REPOSITORY, LAB, CACHE / "demo" / "logs", ansible=Path(sys.executable).parent)
        rows: list[tuple[str, ...]] = []
        summaries = [_show(balancer, operator, releases, rows) for balancer in chosen]
    finally:
        _call("lab", "down", "--name", LAB)
    _print_table(rows)
    sent = sum(summary["total"]["sent"] for summary in summaries)
    lost = sum(summary["total"]["lost"] for summary in summaries)
    wrong = [row for row in rows if row[-1] != "as it must"]
    say(f"wall time {time.monotonic() - began:.0f} s; the output of every run is in .cache/demo/logs")
    print(f"demo: {lost} of {sent} requests failed", flush=True)
    return 0 if lost == 0 and not wrong and sent >= len(chosen) * REQUESTS_PER_BALANCER else 1


def say(text: str) -> None:
    """Print progress at once."""
    print(f"demo: {text}", flush=True)


def _show(balancer: str, operator: Operator, releases: Path, rows: list[tuple[str, ...]]) -> dict[str, Any]:
    variables = {"slipway_balancer": balancer, "slipway_lab_releases": str(releases)}
    first = operator.run("site", {**variables, "slipway_version": "1.0.0"})
    rows.append(_row(balancer, "first release 1.0.0 on a fresh fleet", first, True))
    if first.code:
        raise SystemExit(f"demo: site.yml failed on {balancer}, see {first.log}: {first.reason()}")
    address = (CACHE / "lab" / LAB / "inventory.yml").read_text(encoding="utf-8")
    virtual = next(line.split(": ")[1] for line in address.splitlines() if "lab_virtual_address" in line)
    traffic = Traffic(
        f"http://{virtual}:{LISTENER[balancer]}",
        rate=RATE,
        longest=300,
        report=CACHE / "demo" / f"traffic-{balancer}.json",
        collections=CACHE / "collections",
    )
    started = time.monotonic()
    time.sleep(3)
    for step in STEPS:
        run = operator.run(step.playbook, {**variables, **step.variables})
        rows.append(_row(balancer, step.title, run, step.succeeds))
        time.sleep(2)
    time.sleep(max(0.0, REQUESTS_PER_BALANCER / RATE + 2 - (time.monotonic() - started)))
    summary = traffic.stop()
    total = summary["total"]
    answered = ", ".join(f"{part['version']} in {part['slot']} ({part['answers']})" for part in total["answered_by"])
    rows.append(
        (
            balancer,
            f"traffic through {virtual}: {total['sent']} requests, answered by {answered}",
            f"{summary['elapsed_us'] / 1e6:.0f} s",
            f"{total['lost']} lost",
            "as it must" if total["lost"] == 0 else "WRONG",
        )
    )
    return summary


def _row(balancer: str, title: str, run: PlaybookRun, succeeds: bool) -> tuple[str, ...]:
    fits = (run.code == 0) == succeeds
    say(f"{balancer}: {title}: exit code {run.code} after {run.seconds:.1f} s {run.reason()}")
    return (balancer, title, f"{run.seconds:.1f} s", f"exit {run.code}", "as it must" if fits else "WRONG")


def _print_table(rows: list[tuple[str, ...]]) -> None:
    heads = ("balancer", "step", "took", "outcome", "verdict")
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    print()
    for row in [heads, tuple("-" * width for width in widths), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(flush=True)


def _call(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=REPOSITORY, check=True)


if __name__ == "__main__":
    sys.exit(main())
