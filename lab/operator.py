# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the collection's playbooks against a lab, as an operator would start them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# In the environment of all that a run starts, whatever session that makes for itself.
MARK = "SLIPWAY_LAB_RUN"
MESSAGE = re.compile(r"^    msg: (?:[|>]-?\n)?((?:.*\n)(?: {8}.*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class PlaybookRun:
    """What one run came to: exit code, wall time in seconds, and the file with its output."""

    playbook: str
    code: int
    seconds: float
    log: Path

    def output(self) -> str:
        """Everything that the run printed."""
        return self.log.read_text(encoding="utf-8")

    def reason(self) -> str:
        """The last message of a failed task, on one line; empty after a success."""
        found = MESSAGE.findall(self.output()) if self.code else []
        text = " ".join(found[-1].split()) if found else ""
        return str(yaml.safe_load(text)) if text[:1] in ("'", '"') else text


class Running:
    """A run that has been started: watched by what it prints, and killed if wanted."""

    def __init__(self, playbook: str, command: list[str], log: Path, *, cwd: Path, env: Mapping[str, str]) -> None:
        self.playbook = playbook
        self.log = log
        self.began = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=cwd,
                env={**env, MARK: str(log)},
            )

    def wait_for(self, text: str, seconds: float = 240) -> None:
        """Wait until the run prints ``text``.

        :raises RuntimeError: it ended without, or did not come to it in time.
        """
        while text not in self.log.read_text(encoding="utf-8"):
            if self.process.poll() is not None or time.monotonic() - self.began > seconds:
                raise RuntimeError(f"{self.log} has no {text!r}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL for all of its processes in every session, as if the controller had gone."""
        os.kill(self.process.pid, signal.SIGKILL)
        while self._signal(signal.SIGKILL):
            time.sleep(0.001)
        self.process.wait()

    def stall(self) -> None:
        """Stop all of its processes, as if the controller had been suspended, and wait until they are.

        :raises RuntimeError: one goes on after ten seconds.
        """
        deadline = time.monotonic() + 10
        while running := [process for process in processes_with(f"{MARK}={self.log}") if not stopped(process)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes {running} of {self.log} go on, though they were told to stop")
            self._signal(signal.SIGSTOP)
            time.sleep(0.01)

    def wake(self) -> None:
        """Let a stalled run go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> int:
        found = processes_with(f"{MARK}={self.log}")
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        return len(found)

    def finish(self, seconds: float = 900) -> PlaybookRun:
        """Wait for the end."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return PlaybookRun(self.playbook, code, time.monotonic() - self.began, self.log)


def stopped(process: int) -> bool:
    """Whether a process is stopped, or has ended."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "TtZX"


def processes_with(setting: str) -> list[int]:
    """The processes of this computer with a setting in their environment."""
    wanted = setting.encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


class Operator:
    """Runs playbooks from the repository, against one lab's inventory.

    :param repository: root of the checkout.
    :param lab: name of a running lab.
    :param logs: directory for the output of each run.
    :param become: what a command begins with, to be run as somebody else.
    :param environment: what differs from this process's environment.
    """

    def __init__(
        self,
        repository: Path,
        lab: str,
        logs: Path,
        *,
        ansible: Path,
        become: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.repository = repository
        self.lab = lab
        self.logs = logs
        self.ansible = ansible
        self.become = become
        self.environment = environment or {}
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, playbook: str, variables: Mapping[str, str], *flags: str) -> PlaybookRun:
        """Run ``playbooks/<playbook>.yml`` with extra variables; never raises for its exit code."""
        return self.start(playbook, variables, *flags).finish()

    def start(self, playbook: str, variables: Mapping[str, str], *flags: str) -> Running:
        """Start ``playbooks/<playbook>.yml`` with extra variables; ``-i`` in ``flags`` replaces the lab's inventory."""
        label = "-".join([playbook, *(value.replace("/", "_") for value in variables.values() if len(value) < 30)])
        log = self.logs / f"{time.strftime('%H%M%S')}-{time.monotonic_ns() % 1_000_000:06}-{label}.log"
        command = [
            *self.become,
            str(self.ansible / "ansible-playbook"),
            str(self.repository / "playbooks" / f"{playbook}.yml"),
            *flags,
        ]
        if "-i" not in flags:
            command += ["-i", str(self.repository / "inventories" / "lab")]
        command += ["-e", json.dumps(dict(variables))]
        return Running(playbook, command, log, cwd=self.repository, env=self._environment())

    def act(self, host: str, module: str, arguments: Mapping[str, Any], inventory: Path | None = None) -> None:
        """Run one module on a machine as root.

        :param inventory: another one than the lab's, for a machine that is not in that.
        :raises RuntimeError: it failed, or there is no such machine.
        """
        machines = str(inventory or self.repository / "inventories" / "lab")
        command = [*self.become, str(self.ansible / "ansible"), host, "-i", machines, "--become"]
        command += ["-m", module, "-a", json.dumps(dict(arguments))]
        done = subprocess.run(
            command, cwd=self.repository, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not done.stdout.startswith(f"{host} | "):
            raise RuntimeError(f"{host}: {module}: {done.stdout.strip() or done.stderr.strip()}")

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(self.repository / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "SLIPWAY_LAB": self.lab,
            **self.environment,
        }
