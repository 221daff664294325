# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers for the sinks of the audit log, where there are any.

PostgreSQL is Debian's in a lab machine; elsewhere SLIPWAY_POSTGRESQL names the directory of a server's programs. A
server that speaks S3 is named by SLIPWAY_S3, as the URL of moto's.
"""

from __future__ import annotations

import importlib.util
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
S3 = os.environ.get("SLIPWAY_S3", "")
collect_ignore = [name for name, given in (("test_postgresql.py", PROGRAMS), ("test_s3.py", S3)) if not given]
if IN_LAB:
    sys.path.append(str(SITE_PACKAGES))
if S3 and importlib.util.find_spec("boto3") is None:
    raise RuntimeError("SLIPWAY_S3 is given, and boto3 is not installed")

if PROGRAMS:
    from ..migrate.server import Database, Server

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
