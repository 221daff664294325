# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server for the sink of the audit log.

In a lab machine it is Debian's; elsewhere SLIPWAY_POSTGRESQL names the directory of a server's programs.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SITE_PACKAGES = REPOSITORY / ".cache/venv-oldest/lib/python3.11/site-packages"
IN_LAB = Path("/run/host/container-manager").exists()
PROGRAMS = os.environ.get("SLIPWAY_POSTGRESQL") or ("/usr/lib/postgresql/15/bin" if IN_LAB else "")
collect_ignore_glob = [] if PROGRAMS else ["test_*.py"]
if IN_LAB:
    sys.path.append(str(SITE_PACKAGES))

from ..migrate.server import Database, Server  # noqa: E402

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that runs until the end of the tests."""
    found = Server(Path(PROGRAMS), 5)
    found.start()
    yield found
    found.remove()


@pytest.fixture
def database(server: Server) -> Database:
    """A new database."""
    return server.create(f"audit_{next(_NUMBERS)}")
