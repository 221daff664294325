# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m benchmarks``: what a deployment, a rollback, a switch, migrations and a backfill cost, as ratios to
floors measured in the same run, what the audit log and the kill switch of a feature flag cost, and how often the
judge is wrong.

Touches labs of its own, which it removes, and ``.cache/benchmarks``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from lab import fleet
from lab.operator import Operator
from lab.plan import DEFAULT_HOSTS, REPOSITORY, Plan

from . import audit, judge, kill_switch, kit, switching
from .deployment import DeploymentBenchmark

LAB = "bench"
CACHE = REPOSITORY / ".cache" / "benchmarks"
MACHINE = "db1"
MOUNT = "/mnt/slipway"
SEARCHED = (".cache/collections", "", ".cache/venv-oldest/lib/python3.11/site-packages")
ON_SLOTS = ("deployment", "audited", "rollback", "switch")
ON_DATABASE = ("migrations", "backfill")
CHOICES = (*ON_SLOTS, *ON_DATABASE, "audit", "judge", "kill_switch")
APPLICATIONS = {"nginx": ("shop", 8000), "haproxy": ("cart", 8001)}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="deployments and rollbacks of each kind (%(default)s)")
    parser.add_argument("--only", choices=CHOICES, help="one benchmark alone")
    options = parser.parse_args()
    if options.only in (None, "judge"):
        show(list(judge.figures(judge.ROLLOUTS, judge.SEED)))
    if options.only in (None, "audit"):
        show(list(audit.figures(CACHE / "audit", options.rounds)))
    if options.only in (None, "kill_switch"):
        show(list(kill_switch.figures(CACHE / "kill_switch", options.rounds)))
    if options.only in (None, *ON_DATABASE):
        on_database(options)
    if options.only in (None, *ON_SLOTS):
        in_lab(options)
    return 0


def on_database(options: argparse.Namespace) -> None:
    """What needs one machine with PostgreSQL."""
    directory = kit.make(CACHE / "kit").directory.relative_to(REPOSITORY)
    search = ":".join(f"{MOUNT}/{path}".rstrip("/") for path in SEARCHED)
    wanted = {"migrations": ["--rows"], "backfill": ["--migrations", "0"]}.get(options.only, [])
    measure = ["python3", "-B", "-m", "benchmarks.on_database", f"{MOUNT}/{directory}"]
    measure += ["--rounds", str(options.rounds), *wanted]
    fleet.up(LAB, [MACHINE])
    try:
        command = [sys.executable, "-m", "lab", "exec", "--name", LAB, MACHINE, "--", "env", f"PYTHONPATH={search}"]
        subprocess.run([*command, *measure], cwd=REPOSITORY, check=True)
    finally:
        fleet.down(LAB)


def in_lab(options: argparse.Namespace) -> None:
    """What needs machines."""
    plan = fleet.up(LAB, list(DEFAULT_HOSTS))
    operator = Operator(REPOSITORY, LAB, CACHE / "logs", ansible=Path(sys.executable).parent)
    try:
        deployments = DeploymentBenchmark(plan, operator, CACHE)
        deployments.fill("nginx")
        if options.only in (None, "deployment", "rollback"):
            deployments.fill_floor()
        if options.only in (None, "deployment"):
            show(deployments.warm(options.rounds).lines("deployment, warm", "5.0"))
            show([f"  {deployments.tasks()}"])
            show(deployments.cold(options.rounds).lines("deployment, cold", "2.7"))
        if options.only in (None, "audited"):
            show(deployments.audited(options.rounds))
        if options.only in (None, "rollback"):
            for rollout in ("blue_green", "canary"):
                show(deployments.rollbacks(options.rounds, rollout).lines(f"rollback of a finished {rollout}"))
                show([f"  {deployments.tasks()}"])
        if options.only in (None, "switch"):
            show_switches(plan, deployments)
    finally:
        fleet.down(LAB)


def show_switches(plan: Plan, deployments: DeploymentBenchmark) -> None:
    """Switch on both balancers."""
    deployments.fill("haproxy")
    for kind, (app, port) in APPLICATIONS.items():
        show(switching.measure(plan, kind, app, port, CACHE))


def show(lines: list[str]) -> None:
    """Print at once."""
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
