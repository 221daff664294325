# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the system tests: whole deployments under live traffic, on a lab of their own; arguments go to pytest.

``AREA`` names one or more of them, separated by commas: ``killed`` is ``tests/system/test_killed.py``. Brings the lab
that ``SLIPWAY_LAB`` names up and takes it down again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.environments import COLLECTIONS, TOP, linters, ready_environments, search_path

TESTS = TOP / "tests" / "system"


def areas(wanted: str) -> list[Path]:
    """The files of these areas, all when none is named.

    :raises KeyError: there is no such area.
    """
    found = {path.stem.removeprefix("test_"): path for path in sorted(TESTS.glob("test_*.py"))}
    return [found[name] for name in wanted.split(",")] if wanted else list(found.values())


def main(arguments: list[str]) -> int:
    """Run those that are wanted."""
    try:
        files = areas(os.environ.get("AREA", ""))
    except KeyError as exc:
        print(f"system: no tests for AREA={exc.args[0]}")
        return 1
    return run(files, os.environ.get("SLIPWAY_LAB", "system"), arguments)


def run(files: list[Path], lab: str, arguments: list[str]) -> int:
    """Run tests on a lab with the newest ansible-core there is, and take the lab down."""
    environments = ready_environments()
    if not environments:
        print("no development environment; run 'make setup'")
        return 1
    environment = linters(environments)
    variables = {
        **os.environ,
        "PATH": search_path(environment.bin),
        "PYTHONPATH": os.pathsep.join([str(COLLECTIONS), str(TOP)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SLIPWAY_LAB": lab,
    }
    command = [str(environment.bin / "python"), "-m", "pytest", *map(str, files), "--durations=10", *arguments]
    try:
        return subprocess.run(command, cwd=TOP, env=variables, check=False).returncode
    finally:
        subprocess.run([sys.executable, "-m", "lab", "down", "--name", lab], cwd=TOP, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
