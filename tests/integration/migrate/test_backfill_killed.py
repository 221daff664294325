# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is killed, and whenever: the next run comes to the same rows, each of them changed once.

Touches a cluster of its own. Each round says what it killed and when, so that a failure can be looked at.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest

from tests.integration.migrate.backfills import fill, run, wait_for
from tests.integration.migrate.clusters import Cluster

ROWS = 20_000
ROUNDS = 6
MANY_ROUNDS = 60
LONGEST_LIFE = 0.6
PROGRAM = """
import sys
from tests.integration.migrate.backfills import definition, run
from tests.integration.migrate.clusters import Cluster
from pathlib import Path
run(Cluster(Path(sys.argv[1]), int(sys.argv[2])), batch_size=500, batch_max=500, pause_ms=10)
"""


def kill_module(cluster: Cluster, module: subprocess.Popen[bytes]) -> None:
    module.kill()


def kill_backend(cluster: Cluster, module: subprocess.Popen[bytes]) -> None:
    """SIGKILL of a backend: the server ends all others and recovers."""
    with suppress(psycopg2.Error):
        query = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%%backfill%%'"
        for (pid,) in cluster.sql(query):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def kill_server(cluster: Cluster, module: subprocess.Popen[bytes]) -> None:
    """SIGKILL of the server, and a new start."""
    cluster.kill()
    time.sleep(0.1)
    cluster.start()


VICTIMS: dict[str, Callable[[Cluster, subprocess.Popen[bytes]], None]] = {
    "module": kill_module,
    "backend": kill_backend,
    "server": kill_server,
}


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(MANY_ROUNDS, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("victim", VICTIMS)
def test_the_next_run_comes_to_the_same_rows(cluster: Cluster, victim: str, rounds: int) -> None:
    chance = random.Random(f"{victim}{rounds}")
    halfway = 0
    for number in range(rounds):
        fill(cluster, ROWS)
        life = chance.uniform(0, LONGEST_LIFE)
        module = start(cluster)
        wait_for(lambda: cluster.value("SELECT EXISTS (SELECT FROM item WHERE done)"))
        time.sleep(life)
        halfway += module.poll() is None
        VICTIMS[victim](cluster, module)
        module.wait(timeout=60)
        wait_until_up(cluster)
        done = cluster.value("SELECT count(*) FROM item WHERE done")
        assert done % 500 == 0, "a batch is done wholly or not at all"
        outcome = run(cluster, lock_deadline=10)
        found = cluster.sql("SELECT count(*), min(times), max(times) FROM item WHERE done")
        assert found == [(ROWS, 1, 1)], f"round {number}: {victim} killed after {life:.2f} s"
        assert outcome.after.changed == ROWS
    print(f"{victim}: {rounds} kills, {halfway} of them halfway")
    assert halfway > rounds / 2


def start(cluster: Cluster) -> subprocess.Popen[bytes]:
    """A backfill in a process of its own."""
    search = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-c", PROGRAM, str(cluster.directory), str(cluster.port)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": search}, stderr=subprocess.DEVNULL)


def wait_until_up(cluster: Cluster) -> None:
    """The server takes connections again."""
    for _attempt in range(200):
        with suppress(psycopg2.Error):
            cluster.sql("SELECT 1")
            return
        time.sleep(0.1)
    raise AssertionError("the server did not come back")
