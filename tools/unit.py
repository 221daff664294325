# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the unit tests with every ansible-core of the development environments; arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO

from tools.environments import COLLECTIONS, TOP, Environment, ready_environments, search_path
from tools.side_by_side import failures

NOTHING_COLLECTED = 5
# Half of the time of these tests is spent waiting.
EVERYTHING = ("tests/unit", "--numprocesses=2", "--dist=loadfile")


def main(arguments: list[str]) -> int:
    """Run them all, whichever of them fails."""
    environments = ready_environments()
    if not environments:
        print("unit: no development environment; run 'make setup'")
        return 1
    failed = failures(environments, lambda environment, output: run(environment, arguments, output))
    if failed:
        print(f"unit: FAILED on {' and '.join(map(str, failed))}")
    return 1 if failed else 0


def run(environment: Environment, arguments: list[str], output: IO[bytes]) -> int:
    """Run pytest of one environment."""
    variables = {
        **os.environ,
        "PATH": search_path(environment.bin),
        "PYTHONPATH": os.pathsep.join([str(COLLECTIONS), str(TOP)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [str(environment.bin / "python"), "-m", "pytest", *(arguments or EVERYTHING)]
    code = subprocess.run(command, cwd=TOP, env=variables, stdout=output, stderr=output, check=False).returncode
    return 0 if arguments and code == NOTHING_COLLECTED else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
