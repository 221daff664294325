# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the integration tests inside a lab machine of their own, each area on a fresh disk.

Brings the lab that ``SLIPWAY_LAB`` names up and takes it down again; arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.environments import TOP

LAB = os.environ.get("SLIPWAY_LAB", "it")
MACHINE = "lb1"
MOUNT = Path("/mnt/slipway")
TESTS = TOP / "tests" / "integration"
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Run every area, or the one that ``AREA`` names."""
    only = os.environ.get("AREA")
    areas = sorted(path.parent for path in TESTS.glob("*/test_*.py") if only in (None, "", path.parent.name))
    areas = list(dict.fromkeys(areas))
    if not areas:
        print(f"integration: no tests below {TESTS.relative_to(TOP)} {f'for AREA={only}' if only else ''}")
        return 1
    try:
        failed = [area.name for number, area in enumerate(areas) if run(area, number, arguments) != 0]
    finally:
        lab("down")
    print(f"integration: FAILED in {', '.join(failed)}" if failed else f"integration: {len(areas)} areas passed")
    return 1 if failed else 0


def run(area: Path, number: int, arguments: list[str]) -> int:
    """Run one area on a fresh machine."""
    print(f"integration: {area.name}", flush=True)
    if lab("up", "--hosts", MACHINE) != 0 or (number and lab("reset") != 0):
        return 1
    variables = [f"PYTHONPATH={MOUNT}/.cache/collections:{MOUNT}", "PYTHONDONTWRITEBYTECODE=1"]
    pytest = ["python3", "-m", "pytest", str(MOUNT / area.relative_to(TOP)), *arguments]
    code = lab("exec", MACHINE, "--", "env", *variables, *pytest)
    return 0 if arguments and code == NOTHING_COLLECTED else code


def lab(verb: str, *arguments: str) -> int:
    """Run one verb of the lab."""
    return subprocess.run(
        [sys.executable, "-m", "lab", verb, "--name", LAB, *arguments], cwd=TOP, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
