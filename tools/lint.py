# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every linter, reports all that fail, and shows the time of each. Writes caches below ``.cache`` only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tools.environments import CACHE, COLLECTIONS, TOP, Environment, linters, ready_environments, search_path

COLLECTION = "ansible_collections.slipway.release.plugins"
PLUGIN_PACKAGES = ("module_utils", "plugin_utils", "modules", "action", "callback", "filter", "lookup")
PROGRAM_PACKAGES = ("lab", "tools", "demo", "benchmarks")


def main() -> int:
    """Run the linters."""
    environments = ready_environments()
    if not environments:
        print("lint: no development environment; run 'make setup'")
        return 1
    environment = linters(environments)
    failed = [name for name, command in commands().items() if not passes(name, command, environment)]
    print(f"lint: FAILED: {', '.join(failed)}" if failed else "lint: passed")
    return 1 if failed else 0


def commands() -> dict[str, list[str]]:
    """The linters by name."""
    return {
        "ruff check": ["ruff", "check", "--quiet", "--output-format=concise", "."],
        "ruff format": ["ruff", "format", "--quiet", "--diff", "."],
        "mypy": ["mypy", *typed_packages()],
        "yamllint": ["yamllint", "--strict", "."],
        "antsibull-changelog": ["antsibull-changelog", "lint"],
        "antsibull-docs": [
            "antsibull-docs",
            "lint-collection-docs",
            "--plugin-docs",
            "--validate-collection-refs=all",
            str(COLLECTIONS / "ansible_collections" / "slipway" / "release"),
        ],
        "generated documentation": ["python", "-m", "tools.docs", "--check"],
        "ansible-lint": ["ansible-lint", "--profile=production", "--strict", "--offline", "--nocolor", "-q"],
    }


def typed_packages() -> list[str]:
    """Arguments of mypy for the packages that exist."""
    plugins = [f"{COLLECTION}.{name}" for name in PLUGIN_PACKAGES if has_python(TOP / "plugins" / name)]
    programs = [name for name in PROGRAM_PACKAGES if has_python(TOP / name)]
    return [word for package in [*plugins, *programs] for word in ("--package", package)]


def has_python(directory: Path) -> bool:
    """There is a Python file in the directory."""
    return any(directory.glob("*.py"))


def passes(name: str, command: list[str], environment: Environment) -> bool:
    """Run one linter."""
    variables = {
        **os.environ,
        "PATH": search_path(environment.bin),
        "VIRTUAL_ENV": str(environment.directory),
        "ANSIBLE_HOME": str(CACHE / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "PYTHONPATH": str(COLLECTIONS),
    }
    started = time.monotonic()
    code = subprocess.run(command, cwd=TOP, env=variables, check=False).returncode
    print(f"lint: {name}: {'ok' if code == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
