# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eight writers at once, some of them killed at any moment: nothing acknowledged is lost, no log is doubted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import BROKEN, INTACT, verify

from .made import files, log

WRITERS = 8
WRITER = """
import sys
from pathlib import Path
from ansible_collections.slipway.release.plugins.module_utils._audit.event import event
from ansible_collections.slipway.release.plugins.module_utils._audit.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
log = Log(Files(Path(sys.argv[1]), "deployments"), rotate=4000)
for number in range(int(sys.argv[3])):
    one = event({"type": "t", "operation": "o", "target": sys.argv[2], "token": number})
    done = log.append([one] * (number % 3 + 1))
    sys.stdout.write(done.hashes[-1] + chr(10))
    sys.stdout.flush()
"""


def one_log(directory: Path, random_: random.Random, events: int) -> None:
    """Write one log with kills in between, and judge it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(number), str(events)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(WRITERS)
    ]
    while not files(directory).current.exists() and writers[0].poll() is None:
        time.sleep(0.005)
    for victim in random_.sample(writers, WRITERS // 2):
        time.sleep(random_.random() * 0.05)
        victim.send_signal(signal.SIGKILL)
    acknowledged: set[str] = set()
    for writer in writers:
        output, errors = writer.communicate(timeout=120)
        assert writer.returncode in (0, -signal.SIGKILL), errors.decode()
        acknowledged |= set(output.decode().split("\n")[:-1])
    found = verify(files(directory), {})
    assert found.verdict != BROKEN, found.as_result()
    done = log(directory).append([])
    kept: set[str] = set()
    found = verify(files(directory), {done.head.seq: done.head.hash}, consumer=lambda record: kept.add(record.hash))
    assert found.verdict == INTACT, found.as_result()
    assert found.records == done.head.seq
    assert acknowledged <= kept


@pytest.mark.parametrize("logs", [3, pytest.param(1_000, marks=pytest.mark.exhaustive)])
def test_no_false_alarm(tmp_path: Path, logs: int) -> None:
    for number in range(logs):
        one_log(tmp_path / str(number), random.Random(number), 12)


def test_a_reader_beside_writers_sees_no_damage(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), "1", "150"], env=environment, stdout=subprocess.DEVNULL
    ) as writer:
        looked = 0
        while writer.poll() is None:
            found = verify(files(tmp_path), {})
            assert found.verdict != BROKEN, json.dumps(found.as_result())
            looked += 1
        assert writer.returncode == 0
    assert looked > 3
