# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab machine with systemd and PostgreSQL for the probes that need them; Ansible for the rules of the inputs.

Touches the machine it runs in: units below /run/systemd/system, and PostgreSQL's default cluster, which it starts.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SITE_PACKAGES = Path(__file__).resolve().parents[3] / ".cache/venv-oldest/lib/python3.11/site-packages"
IN_LAB = Path("/run/host/container-manager").exists()
collect_ignore_glob = [] if IN_LAB else ["test_*.py"]
sys.path.append(str(SITE_PACKAGES))


def run(*argv: str, check: bool = True) -> str:
    """Run a command of the machine; its standard output."""
    return subprocess.run(argv, check=check, capture_output=True, text=True).stdout


@pytest.fixture
def unit() -> Iterator[Callable[[str, str], str]]:
    """Makes and starts a unit with a command and further settings of its service; gives its name."""
    made: list[Path] = []

    def make(command: str, settings: str = "") -> str:
        name = f"gate-test-{len(made)}.service"
        path = Path("/run/systemd/system") / name
        path.write_text(f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={command}\n{settings}\n")
        made.append(path)
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "--no-block", name)
        return name

    yield make
    for path in made:
        run("systemctl", "stop", path.name, check=False)
        path.unlink()
    run("systemctl", "daemon-reload")


def sql(statement: str, *, check: bool = True) -> str:
    """Run a statement as the superuser."""
    return run("runuser", "-u", "postgres", "--", "psql", "--quiet", "--command", statement, check=check)


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """A running PostgreSQL; gives the connection string of a user with a password, who may write to a table."""
    run("systemctl", "start", "postgresql.service")
    run("runuser", "-u", "postgres", "--", "timeout", "30", "sh", "-c", "until pg_isready -q; do sleep 0.1; done")
    sql("CREATE ROLE gate LOGIN PASSWORD 'hunter2'")
    sql("CREATE TABLE gate_test (value integer)")
    sql("GRANT ALL ON gate_test TO gate")
    yield "host=127.0.0.1 dbname=postgres user=gate password=hunter2"
    sql("DROP TABLE gate_test")
    sql("DROP ROLE gate")
    run("systemctl", "stop", "postgresql.service")
