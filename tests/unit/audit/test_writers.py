# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eight writers at once, some of them killed at any moment: nothing acknowledged is lost, no log is doubted.

The logs are in memory, since a writer that is killed leaves what it has written to the kernel.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import BROKEN, INTACT, UNPROVEN, verify

from . import crowd
from .made import files

WRITER = """
import sys
from pathlib import Path
from ansible_collections.slipway.release.plugins.module_utils._audit.event import event
from ansible_collections.slipway.release.plugins.module_utils._audit.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
log = Log(Files(Path(sys.argv[1]), "deployments"), rotate=4000)
number = 0
while not Path(sys.argv[1], "enough").exists():
    number += 1
    log.append([event({"type": "t", "operation": "o", "token": number})] * (number % 3 + 1))
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("logs", [10, pytest.param(1_000, marks=pytest.mark.exhaustive)])
def test_no_false_alarm(in_memory: Path, logs: int) -> None:
    command = [sys.executable, crowd.__file__, str(in_memory), "0", str(logs)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == logs
    for one in found:
        assert one["verdicts"] == [UNPROVEN, INTACT], one
        assert one["lost"] == 0 and len(set(one["records"])) == 1, one
        assert set(one["ends"]) <= {0, -signal.SIGKILL}, one
    assert any(-signal.SIGKILL in one["ends"] for one in found)
    assert all(one["acknowledged"] for one in found)


def test_a_reader_beside_writers_sees_no_damage(in_memory: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(in_memory)]
    seen: set[int] = set()
    with subprocess.Popen(command, env=ENVIRONMENT) as writer:
        try:
            while len(seen) < 12:
                assert writer.poll() is None
                found = verify(files(in_memory), {})
                assert found.verdict != BROKEN, json.dumps(found.as_result())
                seen.add(found.records)
        finally:
            (in_memory / "enough").touch()
    assert writer.returncode == 0
