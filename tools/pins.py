# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolves ``requirements/*.in`` to the exact versions of ``requirements/*.txt``; run it after a change of an ``.in``.

Asks the package index that pip is configured for, and writes below ``requirements``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tools.environments import ENVIRONMENTS, OLDEST, REQUIREMENTS, Environment

HEADING = "# Made by 'make pins' from {source}; do not edit.\n"


def main() -> int:
    """Pin each environment, the linters beside the oldest one so that they install on every supported Python, and the
    program that the benchmarks of migrations compare with.
    """
    unready = [environment.name for environment in ENVIRONMENTS if not environment.ready()]
    if unready:
        print(f"pins: no environment {' and '.join(unready)}; run 'make setup' where every Python is installed")
        return 1
    for environment in ENVIRONMENTS:
        write(environment.name, resolve(environment, [environment.name]))
    write("lint", resolve(OLDEST, [OLDEST.name, "lint"]) - resolve(OLDEST, [OLDEST.name]))
    write("peer", resolve(OLDEST, ["peer"]))
    return 0


def resolve(environment: Environment, names: list[str]) -> set[str]:
    """Every distribution, with its version, that installing the named ``.in`` files brings."""
    command = [str(environment.bin / "pip"), "install", "-qq", "--dry-run", "--ignore-installed", "--report", "-"]
    for name in names:
        command += ["--requirement", str(REQUIREMENTS / f"{name}.in")]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {f"{item['metadata']['name']}=={item['metadata']['version']}" for item in report["install"]}


def write(name: str, pins: set[str]) -> None:
    """Write one file of pins."""
    target = REQUIREMENTS / f"{name}.txt"
    lines = [HEADING.format(source=f"{name}.in"), *(f"{pin}\n" for pin in sorted(pins, key=str.lower))]
    target.write_text("".join(lines), encoding="ascii")
    print(f"pins: {target.relative_to(Path.cwd())}: {len(pins)} distributions")


if __name__ == "__main__":
    sys.exit(main())
