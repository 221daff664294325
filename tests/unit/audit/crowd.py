# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python crowd.py DIRECTORY FIRST COUNT``: logs that eight forked writers make at once, some of them killed at any
moment, each judged as it was left and as the next writer left it. Prints a line of JSON for each; needs no thread.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.event import event
from ansible_collections.slipway.release.plugins.module_utils._audit.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import verify

WRITERS, VICTIMS, EVENTS = 8, 4, 6
ROTATE = 4_000
HASH = 64


def _write(directory: Path, name: int, said: int) -> None:
    """One writer, which says the last hash of each batch as soon as it is told that it is durable."""
    log = Log(Files(directory, "deployments"), rotate=ROTATE)
    for number in range(EVENTS):
        one = event({"type": "t", "operation": "o", "target": str(name), "token": number})
        os.write(said, log.append([one] * (number % 3 + 1)).hashes[-1].encode())


def _forked(directory: Path, name: int, said: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _write(directory, name, said)
        code = 0
    finally:
        os._exit(code)


def one_log(directory: Path, made: random.Random) -> dict[str, Any]:
    """Write one log with kills in between, and judge it."""
    files = Files(directory, "deployments")
    hears, said = os.pipe()
    writers = [_forked(directory, name, said) for name in range(WRITERS)]
    os.close(said)
    while not files.current.exists():
        time.sleep(0.0005)
    for victim in made.sample(writers, VICTIMS):
        time.sleep(made.random() * 0.01)
        os.kill(victim, signal.SIGKILL)
    with os.fdopen(hears, "rb") as heard:
        told = heard.read()
    ends = [os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) for writer in writers]
    left = verify(files, {})
    done = Log(files).append([])
    kept: set[str] = set()
    after = verify(files, {done.head.seq: done.head.hash}, consumer=lambda record: kept.add(record.hash))
    acknowledged = {told[place : place + HASH].decode() for place in range(0, len(told), HASH)}
    return {
        "ends": ends,
        "verdicts": [left.verdict, after.verdict],
        "findings": [repr(it) for it in (*left.findings, *after.findings)],
        "records": [after.records, done.head.seq],
        "acknowledged": len(acknowledged),
        "lost": len(acknowledged - kept),
        "segments": done.head.segment,
    }


def main() -> None:
    """One log after the other."""
    top, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for number in range(first, first + count):
        directory = top / str(number)
        sys.stdout.write(json.dumps(one_log(directory, random.Random(number))) + "\n")
        sys.stdout.flush()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
