# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what the other targets need: system packages, virtual environments, and the collection's import path.

Installs missing system packages (as root only) and writes below ``.cache``. Running it again does nothing until a
requirements file changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.environments import (
    CACHE,
    COLLECTIONS,
    ENVIRONMENTS,
    NODE_PYTHONS,
    PYTHONS,
    REQUIREMENTS,
    TOP,
    Environment,
    find_any_python,
    find_python,
    linters,
)

PACKAGES = (
    "git",
    "iproute2",
    "mmdebstrap",
    "nftables",
    "openssh-client",
    "shellcheck",
    "strace",
    "systemd-container",
)


class SetupError(Exception):
    """This machine lacks something that set-up cannot make."""


def main() -> int:
    """Set everything up once; concurrent callers wait."""
    CACHE.mkdir(exist_ok=True)
    try:
        with _alone():
            install_packages()
            link_pythons()
            link_collection()
            make_environments()
    except (SetupError, subprocess.CalledProcessError) as exc:
        say(str(exc))
        return 1
    return 0


def say(text: str) -> None:
    """One line to the person at the terminal."""
    print(f"setup: {text}", flush=True)


@contextmanager
def _alone() -> Iterator[None]:
    with (CACHE / "setup.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_packages() -> None:
    """Install the Debian packages that are missing, without starting anything."""
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0:
        say(f"not root, so the lab will not run; it needs the packages: {' '.join(missing)}")
        return
    say(f"installing {' '.join(missing)}")
    install = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *missing]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    with (CACHE / "packages.log").open("w", encoding="utf-8") as log:
        first = subprocess.run(install, env=environment, stdout=log, stderr=log, check=False)
        if first.returncode == 0:
            return
        subprocess.run(["apt-get", "update", "--quiet=2"], env=environment, stdout=log, stderr=log, check=False)
        if subprocess.run(install, env=environment, stdout=log, stderr=log, check=False).returncode != 0:
            raise SetupError(f"apt-get could not install {' '.join(missing)}; see {CACHE / 'packages.log'}")


def missing_packages() -> list[str]:
    """Those of the needed Debian packages that are not installed."""
    wanted = [*PACKAGES]
    if not any(find_any_python(environment.pythons) for environment in ENVIRONMENTS):
        wanted.append("python3-venv")
    if not shutil.which("npm"):
        wanted.append("npm")
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *wanted]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        raise SetupError("this is not Debian or Ubuntu: dpkg-query is missing") from None
    installed = {line.split()[1] for line in answer.splitlines() if line.startswith("installed ")}
    return [package for package in wanted if package not in installed]


def link_pythons() -> None:
    """Collect the interpreters that work, for tests that run on every Python of managed nodes."""
    find_python.cache_clear()
    PYTHONS.mkdir(exist_ok=True)
    for version in NODE_PYTHONS:
        link = PYTHONS / f"python{version}"
        python = find_python(version)
        if python and not (link.is_symlink() and link.readlink() == python):
            link.unlink(missing_ok=True)
            link.symlink_to(python)


def link_collection() -> None:
    """Make the checkout importable as ``ansible_collections.slipway.release``."""
    link = COLLECTIONS / "ansible_collections" / "slipway" / "release"
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../../..")


def make_environments() -> None:
    """Make the environments that this machine has a Python for, and say which it has none for."""
    possible = [environment for environment in ENVIRONMENTS if find_any_python(environment.pythons)]
    for environment in ENVIRONMENTS:
        if environment not in possible:
            versions = ", ".join(sorted(environment.pythons))
            say(f"NOT TESTED HERE: ansible-core {environment.core} ({environment.name}) needs Python {versions}")
    if not possible:
        raise SetupError("no Python from 3.11 to 3.14 was found that can make virtual environments")
    for environment in possible:
        names = [environment.name, "lint"] if environment == linters(possible) else [environment.name]
        make_environment(environment, [REQUIREMENTS / f"{name}.txt" for name in names])


def make_environment(environment: Environment, requirements: list[Path]) -> None:
    """Make one environment, or bring an existing one to its pinned requirements."""
    stamp = CACHE / "stamps" / environment.directory.name
    wanted = _fingerprint(requirements)
    if environment.ready() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    if not _works(environment):
        python = find_any_python(environment.pythons)
        say(f"making {environment.directory.relative_to(TOP)} with {python}")
        subprocess.run([str(python), "-m", "venv", "--clear", environment.directory], check=True)
    say(f"installing {' and '.join(path.name for path in requirements)} into {environment.directory.relative_to(TOP)}")
    install: list[str | Path] = [
        environment.bin / "python",
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
    ]
    for path in requirements:
        install += ["--requirement", path]
    subprocess.run(install, check=True)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(wanted, encoding="ascii")


def _works(environment: Environment) -> bool:
    """Its programs start; a moved checkout's do not."""
    try:
        check = subprocess.run([environment.bin / "pip", "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return check.returncode == 0


def _fingerprint(requirements: list[Path]) -> str:
    digest = hashlib.sha256(str(TOP).encode("utf-8"))
    for path in requirements:
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
