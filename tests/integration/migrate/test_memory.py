# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of the module with big files, its lint included: bound by the largest statement and not by the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.modules import pg_migrate

from .server import Server

MOST_MB = 200
LOOKED_EVERY = 0.05
OTHERS = (
    "UPDATE big SET note = 'y' WHERE id = {};",
    "CREATE TABLE IF NOT EXISTS part_{} (id int PRIMARY KEY);",
    "DELETE FROM big WHERE id = -{};",
)


def big_file(path: Path, megabytes: int) -> int:
    """A migration of many statements, some of them long and some that the lint looks at; how many."""
    row = "(%d, '" + "x" * 60 + "')"
    count = 1
    with path.open("w", encoding="utf-8") as out:
        out.write("CREATE TABLE big (id int, note text);\n")
        number = 0
        while out.tell() < megabytes << 20:
            rows = ", ".join(row % (number + n) for n in range(10 if number % 1000 else 5000))
            out.write(f"INSERT INTO big VALUES {rows};\n")
            if not number % 500:
                out.write(OTHERS[number // 500 % len(OTHERS)].format(number) + "\n")
                count += 1
            number += 10
            count += 1
    return count


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has had when it was last seen, which is all the while."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(LOOKED_EVERY)
    return peak / 1024


@pytest.mark.parametrize("megabytes", [8, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_memory_is_that_of_a_small_file(server: Server, tmp_path: Path, megabytes: int) -> None:
    small, big = (of_module(server, tmp_path, size) for size in (1, megabytes))
    assert 20 < small < MOST_MB and 20 < big < MOST_MB
    assert big - small < megabytes / 2, "memory grows with the file"


def of_module(server: Server, directory: Path, megabytes: int) -> float:
    """The most memory that the module takes for a file of that size, in MB."""
    database = server.create(f"memory_{megabytes}")
    migrations, arguments, answer = (directory / f"{name}_{megabytes}" for name in ("files", "arguments", "answer"))
    migrations.mkdir()
    count = big_file(migrations / "001_big.sql", megabytes)
    given = {"path": str(migrations), "dsn": database.dsn(), "statement_timeout_ms": 0}
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": given}), encoding="ascii")
    assert pg_migrate.__file__
    with arguments.open("rb") as stdin, answer.open("wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, pg_migrate.__file__],
            stdin=stdin,
            stdout=stdout,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        peak = peak_mb(process)
    result = json.loads(answer.read_text(encoding="utf-8"))
    print(f"{megabytes} MB, {count} statements: the module had at most {peak:.1f} MB")
    assert [one["statements"] for one in result["done"]] == [count], result.get("msg")
    assert result["findings"], "the lint has looked at it"
    server.drop(database)
    return peak
