# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the collection's playbooks against a lab, as an operator would start them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

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

    def __init__(self, playbook: str, command: list[str], log: Path, **how: Any) -> None:
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
                **how,
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
        """SIGKILL for the whole process group, as if the controller had gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish(self, seconds: float = 900) -> PlaybookRun:
        """Wait for the end."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return PlaybookRun(self.playbook, code, time.monotonic() - self.began, self.log)


class Operator:
    """Runs playbooks from the repository, against one lab's inventory.

    :param repository: root of the checkout.
    :param lab: name of a running lab.
    :param logs: directory for the output of each run.
    """

    def __init__(self, repository: Path, lab: str, logs: Path, *, ansible: Path) -> None:
        self.repository = repository
        self.lab = lab
        self.logs = logs
        self.ansible = ansible
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, playbook: str, variables: Mapping[str, str], *flags: str) -> PlaybookRun:
        """Run ``playbooks/<playbook>.yml`` with extra variables; never raises for its exit code."""
        return self.start(playbook, variables, *flags).finish()

    def start(self, playbook: str, variables: Mapping[str, str], *flags: str) -> Running:
        """Start ``playbooks/<playbook>.yml`` with extra variables; ``-i`` in ``flags`` replaces the lab's inventory."""
        label = "-".join([playbook, *(value.replace("/", "_") for value in variables.values() if len(value) < 30)])
        log = self.logs / f"{time.strftime('%H%M%S')}-{time.monotonic_ns() % 1_000_000:06}-{label}.log"
        command = [
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
        :raises RuntimeError: it failed.
        """
        machines = str(inventory or self.repository / "inventories" / "lab")
        command = [str(self.ansible / "ansible"), host, "-i", machines, "--become"]
        command += ["-m", module, "-a", json.dumps(dict(arguments))]
        done = subprocess.run(
            command, cwd=self.repository, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{host}: {module}: {done.stdout.strip() or done.stderr.strip()}")

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(self.repository / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "SLIPWAY_LAB": self.lab,
        }
