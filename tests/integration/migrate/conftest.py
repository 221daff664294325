# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of the tests' own, a database per test, and migrations.

In a lab machine it is Debian's; elsewhere SLIPWAY_POSTGRESQL names the directory of a server's programs, and the tests
need root. Touches temporary directories, and the server that it starts as the user postgres.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SITE_PACKAGES = REPOSITORY / ".cache/venv-oldest/lib/python3.11/site-packages"
IN_LAB = Path("/run/host/container-manager").exists()
PROGRAMS = os.environ.get("SLIPWAY_POSTGRESQL") or ("/usr/lib/postgresql/15/bin" if IN_LAB else "")
collect_ignore_glob = [] if PROGRAMS else ["test_*.py"]
if IN_LAB:
    sys.path.append(str(SITE_PACKAGES))

from . import clusters  # noqa: E402
from .server import Database, Server  # noqa: E402

_NUMBERS = itertools.count(1)
Writer = Callable[[dict[str, str]], Path]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that runs until the end of the tests."""
    found = Server(Path(PROGRAMS))
    found.start()
    yield found
    found.remove()


@pytest.fixture(scope="module")
def cluster() -> Iterator[clusters.Cluster]:
    """A running server of the module's own, which it may configure, stop and kill."""
    with clusters.cluster() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Database:
    """A new database."""
    return server.create(f"test_{next(_NUMBERS)}")


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Writes migrations to a directory and gives that."""

    def make(files: dict[str, str]) -> Path:
        directory = tmp_path / "migrations"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
        return directory

    return make
