# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: a blue-green deployment and its rollback by parallel SSH, without any tool.

Its steps on the hosts are in ``floor.sh``.
Touches the application ``floor`` on a lab's machines, and nothing of the product's.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.plan import Plan

SCRIPT = Path(__file__).with_name("floor.sh")
UPLOADED = "/tmp/floor.tar.gz"
PORTS = {"blue": 8181, "green": 8182}
PUBLIC_PORT, PREVIEW_PORT = 8100, 8580
OTHER = {"blue": "green", "green": "blue"}


@dataclass(frozen=True)
class Waiting:
    """What both sides wait for at each gate: consecutive successes, and seconds between them."""

    successes: int
    interval: int


class Connections:
    """SSH to the machines of a lab, shared between calls until closed.

    :param plan: the lab.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sockets = tempfile.TemporaryDirectory(prefix="slw")
        self.options = [
            *("-F", str(plan.directory / "ssh_config")),
            *("-o", "ControlMaster=auto", "-o", "ControlPersist=300"),
            *("-o", f"ControlPath={self.sockets.name}/%n"),
        ]

    def close(self) -> None:
        """End the shared connections."""
        end_connections(Path(self.sockets.name))
        self.sockets.cleanup()

    def run(self, steps: Mapping[str, Sequence[str]]) -> None:
        """Run a step on each of several hosts at once and wait for all of them.

        :param steps: host to step and its arguments.
        :raises RuntimeError: one failed.
        """
        failed = [host for host, succeeded in self.ask(steps).items() if not succeeded]
        if failed:
            raise RuntimeError("floor: failed: " + ", ".join(f"{steps[host][0]} on {host}" for host in failed))

    def ask(self, steps: Mapping[str, Sequence[str]]) -> dict[str, bool]:
        """The same, and tell on which hosts the step succeeded."""
        script = SCRIPT.read_bytes()
        running = {host: self._start(host, words, script) for host, words in steps.items()}
        return {host: process.wait() == 0 for host, process in running.items()}

    def upload(self, path: Path, hosts: Iterable[str]) -> None:
        """Copy a file to several hosts at once."""
        copies = [subprocess.Popen(["scp", "-q", *self.options, str(path), f"{host}:{UPLOADED}"]) for host in hosts]
        codes = [copy.wait() for copy in copies]
        if any(codes):
            raise RuntimeError("floor: a copy failed")

    def _start(self, host: str, words: Sequence[str], script: bytes) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["ssh", *self.options, host, "sudo", "bash", "-s", "--", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        process.stdin.write(script)
        process.stdin.close()
        return process


def end_connections(sockets: Path) -> None:
    """End the SSH connections that are shared through the sockets of a directory."""
    for socket in sockets.iterdir():
        command = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False)


@dataclass
class Floor:
    """The application ``floor`` on a lab.

    :param waiting: of every gate.
    :param gated: seconds that each deployment or rollback spent at its two gates, nearly all of it waiting.
    """

    plan: Plan
    waiting: Waiting
    active: str = "green"
    generation: int = 1
    deployed: int = 0
    gated: list[float] = field(default_factory=list)
    hosts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        groups = ("balancers", "application", "databases")
        self.hosts = {group: [host.name for host in self.plan.hosts if host.group == group] for group in groups}
        self.ledger = self.hosts["databases"][0]

    def prepare(self, connections: Connections) -> None:
        """Set the application up; the product must have been set up before."""
        connections.run(
            {
                **self._on("application", "prepare_application"),
                **self._on("balancers", "prepare_balancer"),
                self.ledger: ["prepare_ledger"],
            }
        )

    def deploy(self, connections: Connections, archive: Path, sha256: str) -> float:
        """Deploy blue-green; the seconds that it took."""
        began = time.monotonic()
        slot, deployment = self._begin(connections)
        self._place(connections, slot, deployment, archive, sha256)
        self._change_over(connections, slot, deployment, "switch")
        return time.monotonic() - began

    def rollback(self, connections: Connections) -> float:
        """Return to what the other slot still runs; the seconds that it took. What the move loses is not measured."""
        began = time.monotonic()
        slot, deployment = self._begin(connections)
        self._change_over(connections, slot, deployment, "move")
        return time.monotonic() - began

    def _begin(self, connections: Connections) -> tuple[str, str]:
        self.deployed += 1
        deployment = f"d{self.deployed}"
        connections.run({**self._on("application", "read_application"), **self._on("balancers", "read_balancer")})
        connections.run({self.ledger: ["begin", deployment]})
        return OTHER[self.active], deployment

    def _change_over(self, connections: Connections, slot: str, deployment: str, step: str) -> None:
        self._gate(connections, slot)
        connections.run({self.ledger: ["note", "gate", deployment]})
        self._move(connections, step, slot)
        connections.run(self._on("balancers", "ready", "1", "1", _local(PUBLIC_PORT)))
        self._hand_over(connections, self.active, slot)
        self._move(connections, "settle", slot)
        connections.run({self.ledger: ["note", "state", f"{deployment} active in {slot}"]})
        self.active = slot

    def _place(self, connections: Connections, slot: str, deployment: str, archive: Path, sha256: str) -> None:
        has = connections.ask(self._on("application", "artifact", sha256))
        connections.upload(archive, [host for host in has if not has[host]])
        place = ["place", slot, deployment, sha256]
        connections.run({host: place if has[host] else [*place, UPLOADED] for host in has})

    def _gate(self, connections: Connections, slot: str) -> None:
        began = time.monotonic()
        ready = ["ready", str(self.waiting.successes), str(self.waiting.interval)]
        connections.run(self._on("application", *ready, _local(PORTS[slot])))
        machines = [host for host in self.plan.hosts if host.group == "application"]
        instances = [f"http://{host.address}:{PORTS[slot]}/health/ready" for host in machines]
        connections.run(self._on("balancers", *ready, *instances, _local(PREVIEW_PORT)))
        self.gated.append(time.monotonic() - began)

    def _move(self, connections: Connections, step: str, slot: str) -> None:
        self.generation += 1
        connections.run(self._on("balancers", step, slot, str(self.generation)))

    def _hand_over(self, connections: Connections, old: str, slot: str) -> None:
        connections.run(self._on("application", "stop_workers", old))
        steps = self._on("application", "start_workers", slot, "mailer")
        steps[self.hosts["application"][0]].append("clock")
        connections.run(steps)

    def _on(self, group: str, *words: str) -> dict[str, list[str]]:
        return {host: list(words) for host in self.hosts[group]}


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}/health/ready"
