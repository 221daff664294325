# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wall time of ``deploy.yml`` and of ``rollback.yml``, as ratios to the floor.

Touches the lab and ``.cache/benchmarks``.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from lab.operator import Operator
from lab.plan import Plan
from sample.build import build

from .figures import median, seconds
from .floor import Connections, Floor, Waiting, end_connections

WAITING = Waiting(successes=2, interval=1)
RECAP = re.compile(r"^(\w+) +: ok=(\d+) ", re.MULTILINE)


@dataclass
class Times:
    """Seconds of each round.

    :param gated: what the floor spent at its gates; the product waits there just as long.
    """

    product: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    gated: list[float] = field(default_factory=list)

    def lines(self, name: str, aim: str = "") -> list[str]:
        """The figures as text.

        :param aim: the ratio that is aimed at, if any.
        """
        waited = median(self.gated)
        ratio = median(self.product) / median(self.floor)
        working = (median(self.product) - waited) / (median(self.floor) - waited)
        aimed = f" (aim: {aim})" if aim else ""
        return [
            f"{name}: {ratio:.2f} times the floor{aimed}, {working:.2f} without the waiting at gates",
            f"  product {seconds(self.product)}, floor {seconds(self.floor)}, of which at gates {seconds(self.gated)}",
        ]


@dataclass(frozen=True)
class Release:
    """A release archive on the controller."""

    version: str
    archive: Path
    sha256: str


class DeploymentBenchmark:
    """Deploys to a lab whose balancers are nginx, by turns with the product and with the floor.

    :param cache: directory for releases.
    """

    def __init__(self, plan: Plan, operator: Operator, cache: Path) -> None:
        self.plan = plan
        self.operator = operator
        self.releases = cache / "releases"
        self.floor = Floor(plan, WAITING)
        self.built = 0
        self.output = ""

    def fill(self, balancer: str) -> None:
        """Two releases of the application behind this balancer, so that both slots run."""
        self._run("site", self._release(), balancer=balancer)
        self._run("deploy", self._release(), balancer=balancer)

    def fill_floor(self) -> None:
        """The same for the floor."""
        connections = Connections(self.plan)
        self.floor.prepare(connections)
        for _slot in ("blue", "green"):
            release = self._release()
            self.floor.deploy(connections, release.archive, release.sha256)
        connections.close()

    def cold(self, rounds: int) -> Times:
        """Hosts without the archive, and no open connection."""
        times = Times()
        for _round in range(rounds):
            release = self._release()
            with tempfile.TemporaryDirectory(prefix="slw", ignore_cleanup_errors=True) as sockets:
                times.product.append(self._run("deploy", release, "-e", f"ansible_control_path_dir={sockets}"))
                end_connections(Path(sockets))
            connections = Connections(self.plan)
            self._floor(times, connections, release)
            connections.close()
        return times

    def warm(self, rounds: int) -> Times:
        """Hosts that have the archive but not the revision, over open connections."""
        times = Times()
        release = self._release()
        connections = Connections(self.plan)
        self._run("deploy", release)
        self.floor.deploy(connections, release.archive, release.sha256)
        for number in range(rounds):
            config = {"SHOP_STATE": "state", "SHOP_GRACE": "1", "BENCHMARK_ROUND": str(number)}
            times.product.append(self._run("deploy", release, "-e", json.dumps({"slipway_config": config})))
            self._floor(times, connections, release)
        connections.close()
        return times

    def audited(self, rounds: int) -> list[str]:
        """What the audit log costs: deployments with it and without it, by turns, on hosts that have the archive."""
        release = self._release()
        self._run("deploy", release)
        times: dict[bool, list[float]] = {True: [], False: []}
        tasks: dict[bool, set[str]] = {True: set(), False: set()}
        for number in range(rounds):
            for enabled in (True, False):
                config = {"SHOP_STATE": "state", "SHOP_GRACE": "1", "BENCHMARK_ROUND": f"{number} {enabled}"}
                given = {"slipway_config": config, "slipway_audit": {"enabled": enabled}}
                times[enabled].append(self._run("deploy", release, "-e", json.dumps(given)))
                tasks[enabled].add(self.tasks())
        ratios = [one / other for one, other in zip(times[True], times[False])]
        more = "no task more" if tasks[True] == tasks[False] else f"{tasks[True]} instead of {tasks[False]}"
        found = f"{median(ratios):.3f} times one without ({min(ratios):.3f} to {max(ratios):.3f}; aim: at most 1.010)"
        return [f"deployment with the audit log: {found}, {more}"]

    def rollbacks(self, rounds: int, rollout: str) -> Times:
        """Each time a deployment by this rollout is finished, and then taken back."""
        times = Times()
        connections = Connections(self.plan)
        given = {"slipway_rollout": rollout, "slipway_canary_steps": [{"percent": 50, "pause": 0}]}
        for _round in range(rounds):
            release = self._release()
            self._run("deploy", release, "-e", json.dumps(given))
            times.product.append(self._run("rollback", release, "-e", json.dumps(given)))
            times.floor.append(self.floor.rollback(connections))
            times.gated.append(self.floor.gated[-1])
        connections.close()
        return times

    def tasks(self) -> str:
        """Tasks per host of the last run."""
        return "tasks per host: " + ", ".join(f"{host} {count}" for host, count in RECAP.findall(self.output))

    def _release(self) -> Release:
        """A release that no host has, with an archive of about 8 MB."""
        self.built += 1
        version = f"3.0.{self.built}"
        name = f"shop-{version}.tar.gz"
        sha256 = build(self.releases, [version], pad=True)[name]
        return Release(version, self.releases / name, sha256)

    def _floor(self, times: Times, connections: Connections, release: Release) -> None:
        times.floor.append(self.floor.deploy(connections, release.archive, release.sha256))
        times.gated.append(self.floor.gated[-1])

    def _run(self, playbook: str, release: Release, *flags: str, balancer: str = "nginx") -> float:
        variables = {
            "slipway_balancer": balancer,
            "slipway_lab_releases": str(self.releases),
            "slipway_version": release.version,
            "slipway_ready_successes": str(WAITING.successes),
            "slipway_ready_interval": str(WAITING.interval),
        }
        run = self.operator.run(playbook, variables, *flags)
        if run.code:
            raise RuntimeError(f"{playbook}.yml failed, see {run.log}: {run.reason()}")
        self.output = run.log.read_text(encoding="utf-8")
        return run.seconds
