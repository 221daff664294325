# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things live in a checkout, and the development environments it is tested with.

Reads the file system and asks Python interpreters for their version; touches nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CACHE = TOP / ".cache"
LOGS = CACHE / "logs"
COLLECTIONS = CACHE / "collections"
PYTHONS = CACHE / "pythons"
REQUIREMENTS = TOP / "requirements"

NODE_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one ansible-core.

    :param name: ``oldest`` or ``newest``; also names its file of pinned requirements.
    :param core: the ansible-core series.
    :param pythons: Python versions that this series runs on, the preferred one first.
    """

    name: str
    core: str
    pythons: tuple[str, ...]

    def __str__(self) -> str:
        return f"ansible-core {self.core}"

    @property
    def directory(self) -> Path:
        """Where the virtual environment is."""
        return CACHE / f"venv-{self.name}"

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.directory / "bin"

    def ready(self) -> bool:
        """Set-up has made it."""
        return (self.bin / "ansible-playbook").exists()


OLDEST = Environment("oldest", "2.18", ("3.11", "3.12", "3.13"))
NEWEST = Environment("newest", "2.21", ("3.13", "3.12", "3.14"))
ENVIRONMENTS = (OLDEST, NEWEST)


def ready_environments() -> list[Environment]:
    """The environments that this machine could make, the oldest first."""
    return [environment for environment in ENVIRONMENTS if environment.ready()]


def linters(environments: list[Environment]) -> Environment:
    """The environment that also holds the linters: the newest there is."""
    return environments[-1]


@functools.cache
def find_python(version: str) -> Path | None:
    """An interpreter of ``version`` that can make virtual environments; ``None`` when there is none."""
    return next((path for path in _candidates(version) if _usable(path, version)), None)


def find_any_python(versions: tuple[str, ...]) -> Path | None:
    """The first of ``versions`` that there is an interpreter of."""
    return next((path for path in map(find_python, versions) if path), None)


def search_path(first: Path) -> str:
    """A PATH for subprocesses that finds ``first``, then only interpreters that work."""
    inherited = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if "/.pyenv/" not in entry]
    return os.pathsep.join([str(first), str(PYTHONS), *inherited])


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    for entry in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(name, path=entry)
        if found and not Path(found).is_relative_to(CACHE):
            yield Path(found)
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"), reverse=True)
    yield Path(sys.executable)


def _usable(python: Path, version: str) -> bool:
    question = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == version
