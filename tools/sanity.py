# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``ansible-test sanity`` on every ansible-core of the development environments, without containers.

Works on copies of the tree below ``.cache/sanity``, where ansible-test finds the directory names it insists on, and
with home directories of their own there.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

from tools.environments import CACHE, TOP, Environment, ready_environments, search_path
from tools.side_by_side import failures

WORK = CACHE / "sanity"
BOOTSTRAP = "import ensurepip\nensurepip.bootstrap(default_pip=True)\n"


def main() -> int:
    """Run the sanity tests; further arguments go to ansible-test."""
    parser = argparse.ArgumentParser(description="ansible-test sanity on every ansible-core, without containers")
    parser.add_argument("--environment", help="only this one: oldest or newest")
    options, arguments = parser.parse_known_args()
    environments = [it for it in ready_environments() if options.environment in (None, it.name)]
    if not environments:
        print("sanity: no development environment; run 'make setup'")
        return 1
    failed = failures(environments, lambda environment, output: run(environment, arguments, output))
    if failed:
        print(f"sanity: FAILED on {' and '.join(map(str, failed))}")
        return 1
    print(f"sanity: passed on {' and '.join(map(str, environments))}")
    return 0


def run(environment: Environment, arguments: list[str], output: IO[bytes]) -> int:
    """Run ansible-test of one environment on a fresh copy of the tree."""
    home = WORK / environment.name / "home"
    collection = WORK / environment.name / "ansible_collections" / "slipway" / "release"
    copy_tree(collection)
    write_home(home, environment)
    command = [str(environment.bin / "ansible-test"), "sanity", "--requirements", "--color", "no", *arguments]
    variables = {**os.environ, "HOME": str(home), "PATH": search_path(environment.bin)}
    return subprocess.run(command, cwd=collection, env=variables, stdout=output, stderr=output, check=False).returncode


def copy_tree(destination: Path) -> None:
    """Copy what git tracks or would track, as a repository of its own, whose files ansible-test lists."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        check=True,
    )
    shutil.rmtree(destination, ignore_errors=True)
    for name in sorted(set(listing.stdout.decode("utf-8").split("\0")) - {""}):
        source, target = TOP / name, destination / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", destination], check=True)


def write_home(home: Path, environment: Environment) -> None:
    """Give ansible-test a home with this machine's pip settings and a bootstrap of pip that downloads nothing."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = pip_version(environment)
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP, encoding="ascii")
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.touch(mode=0o600)
    settings.write_text(pip_settings(environment), encoding="utf-8")


def pip_version(environment: Environment) -> str:
    """The version of pip whose bootstrap script this ansible-test asks for."""
    [source] = environment.directory.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
    found = re.search(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8"))
    if not found:
        raise SystemExit(f"sanity: {source} does not tell which pip it bootstraps")
    return found[1]


def pip_settings(environment: Environment) -> str:
    """This machine's pip settings, wherever they come from, as one configuration file.

    ansible-test hands on neither the caller's environment variables nor, with a home of its own, the user's file.
    """
    command = [str(environment.bin / "pip"), "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(global|install|:env:)\.([a-z-]+)='(.*)'$", listing, flags=re.MULTILINE)
    strongest_last = sorted(found, key=lambda entry: ("global", "install", ":env:").index(entry[0]))
    settings = {name: value.replace("\\n", "\n  ") for _section, name, value in strongest_last if name != "config-file"}
    return "\n".join(["[global]", "quiet = 2", *(f"{name} = {value}" for name, value in settings.items()), ""])


if __name__ == "__main__":
    sys.exit(main())
