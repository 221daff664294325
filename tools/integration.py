# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the integration tests, two areas at once, each inside a lab machine of its own.

Brings labs up that are named after the one that ``SLIPWAY_LAB`` names, and takes them down again; ``AREA`` names one
area. Arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools import unleash
from tools.environments import CACHE, TOP
from tools.side_by_side import failures

MACHINE = "lb1"
MOUNT = Path("/mnt/slipway")
TESTS = TOP / "tests" / "integration"
NOTHING_COLLECTED = 5
# Debian's own Python in a lab machine is of this version.
PYTHON = CACHE / "venv-oldest" / "bin" / "python"
WITH_UNLEASH = "flags"


@dataclass(frozen=True)
class Area:
    """One directory of tests.

    :ivar lab: that is its own.
    """

    name: str
    lab: str

    def __str__(self) -> str:
        return f"integration of {self.name}"

    def run(self, arguments: list[str], output: IO[bytes]) -> int:
        """Run its tests on a fresh machine."""
        if self.name == WITH_UNLEASH and not unleash.make(PYTHON, output):
            return 1
        variables = [f"PYTHONPATH={MOUNT}/.cache/collections:{MOUNT}", "PYTHONDONTWRITEBYTECODE=1"]
        pytest = ["python3", "-m", "pytest", str(MOUNT / TESTS.relative_to(TOP) / self.name), *arguments]
        try:
            if self._lab(output, "up", "--hosts", MACHINE) != 0:
                return 1
            code = self._lab(output, "exec", MACHINE, "--", "env", *variables, *pytest)
        finally:
            self._lab(output, "down")
        return 0 if arguments and code == NOTHING_COLLECTED else code

    def _lab(self, output: IO[bytes], verb: str, *arguments: str) -> int:
        command = [sys.executable, "-m", "lab", verb, "--name", self.lab, *arguments]
        return subprocess.run(command, cwd=TOP, stdout=output, stderr=output, check=False).returncode


def areas(wanted: str, lab: str) -> list[Area]:
    """The one that is wanted, all when none is named."""
    names = sorted({path.parent.name for path in TESTS.glob("*/test_*.py")})
    return [Area(name, f"{lab}-{number}") for number, name in enumerate(names, 1) if wanted in ("", name)]


def main(arguments: list[str]) -> int:
    """Run those that are wanted, whichever of them fails."""
    wanted = os.environ.get("AREA", "")
    found = areas(wanted, os.environ.get("SLIPWAY_LAB", "it"))
    if not found:
        print(f"integration: no tests for AREA={wanted}")
        return 1
    failed = failures(found, lambda area, output: area.run(arguments, output))
    print(f"FAILED: {', '.join(map(str, failed))}" if failed else f"integration: {len(found)} areas passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
