# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying needs as much memory for a long log as for a short one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head, made

from .made import STREAM, an_event, files

MEGABYTE = 1 << 20
VERIFIER = """
import json, sys
from pathlib import Path
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import verify
found = verify(Files(Path(sys.argv[1]), "deployments"), {}).as_result()
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
sys.stdout.write(json.dumps([found["verdict"], found["records"], int(peak.split()[1])]))
"""


def verified(directory: Path) -> tuple[str, int, int]:
    """Verdict, number of records, and bytes of memory at most."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", VERIFIER, str(directory)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    verdict, records, kilobytes = json.loads(done.stdout)
    return verdict, records, kilobytes * 1024


def long_log(directory: Path, records: int) -> None:
    """One segment with as many records."""
    files(directory).top.mkdir(parents=True)
    head, event = Head(), an_event(details={"text": "x" * 300})
    with files(directory).current.open("wb") as handle:
        for _record in range(records):
            line, head = made(STREAM, head, event)
            handle.write(line)


@pytest.mark.parametrize("records", [60_000, pytest.param(1_000_000, marks=pytest.mark.exhaustive)])
def test_a_long_log(tmp_path: Path, records: int) -> None:
    long_log(tmp_path / "short", 5_000)
    long_log(tmp_path / "long", records)
    _verdict, _records, base = verified(tmp_path / "short")
    verdict, read, peak = verified(tmp_path / "long")
    assert (verdict, read) == ("unproven", records)
    assert peak < base + 4 * MEGABYTE


def test_a_line_without_end(tmp_path: Path) -> None:
    long_log(tmp_path / "short", 5_000)
    long_log(tmp_path / "long", 5_000)
    with files(tmp_path / "long").current.open("ab") as handle:
        handle.truncate(200 * MEGABYTE)
    _verdict, _records, base = verified(tmp_path / "short")
    _verdict, read, peak = verified(tmp_path / "long")
    assert read == 5_000
    assert peak < base + 12 * MEGABYTE
