# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the collection's playbooks against a lab, as an operator would start them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PlaybookRun:
    """What one run came to: exit code, wall time in seconds, and the file with its output."""

    playbook: str
    code: int
    seconds: float
    log: Path

    def reason(self) -> str:
        """The last message of a failed task; empty after a success."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        found = [line.split('"msg": ', 1)[1].strip().strip('",') for line in lines if '"msg": ' in line]
        return found[-1] if self.code and found else ""


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
        label = "-".join([playbook, *(value.replace("/", "_") for value in variables.values() if len(value) < 30)])
        log = self.logs / f"{time.strftime('%H%M%S')}-{label}.log"
        command = [
            str(self.ansible / "ansible-playbook"),
            str(self.repository / "playbooks" / f"{playbook}.yml"),
            *flags,
        ]
        command += ["-i", str(self.repository / "inventories" / "lab")]
        for name, value in variables.items():
            command += ["-e", f"{name}={value}"]
        began = time.monotonic()
        with log.open("w", encoding="utf-8") as output:
            code = subprocess.run(
                command,
                cwd=self.repository,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "ANSIBLE_CONFIG": str(self.repository / "ansible.cfg"),
                    "ANSIBLE_NOCOLOR": "1",
                    "SLIPWAY_LAB": self.lab,
                },
                check=False,
                timeout=900,
            ).returncode
        return PlaybookRun(playbook, code, time.monotonic() - began, log)
