# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs make targets one after another, with a log and a time for each, and cleans up however the run ends.

Writes ``.cache/logs/<step>.log``; what a step prints is shown while it runs.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from tools.environments import ENVIRONMENTS, LOGS, TOP

SUMMARY = re.compile(r"^=+ .*\bin \d[\d.:a-z ()]*=+$")
COUNT = re.compile(r"\b(\d+) (passed|failed|skipped|errors?)\b")


def main() -> int:
    """Run the steps; the first that fails ends the run, but the ``--finally`` step runs always."""
    parser = argparse.ArgumentParser(description="run make targets with a log and a time for each")
    parser.add_argument("steps", nargs="+")
    parser.add_argument("--finally", dest="cleanup", help="a step that runs however the others end")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    LOGS.mkdir(parents=True, exist_ok=True)
    times: dict[str, float] = {}
    failed = ""
    try:
        for step in options.steps:
            if run(step, times) != 0:
                failed = step
                break
    except KeyboardInterrupt:
        failed = "interrupted"
    finally:
        if options.cleanup and run(options.cleanup, times) != 0:
            failed = failed or options.cleanup
    report(times, failed)
    return 1 if failed else 0


def run(step: str, times: dict[str, float]) -> int:
    """Run one make target, showing its log as it grows, and note its time."""
    print(f"== {step}", flush=True)
    log = LOGS / f"{step}.log"
    started = time.monotonic()
    code = 1
    try:
        with log.open("wb") as sink:
            make = subprocess.Popen(
                ["make", "--no-print-directory", step],
                cwd=TOP,
                env={**os.environ, "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        code = follow(make, log)
    finally:
        times[step] = time.monotonic() - started
        print(f"== {step}: {'ok' if code == 0 else 'FAILED'} in {times[step]:.1f} s", flush=True)
    return code


def follow(process: subprocess.Popen[bytes], log: Path) -> int:
    """Copy the growing log to standard output until the process ends; an interruption ends its whole group.

    The log is a file and not a pipe, so that a daemon which a step leaves behind cannot hold this run up.
    """
    try:
        with log.open("rb") as source:
            while True:
                ended = process.poll() is not None
                sys.stdout.buffer.write(source.read())
                sys.stdout.buffer.flush()
                if ended:
                    return process.returncode
                time.sleep(0.1)
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def report(times: dict[str, float], failed: str) -> None:
    """The times, what was not tested, and the tests counted over all steps."""
    print()
    for step, seconds in times.items():
        print(f"{step:<16} {seconds:8.1f} s  {LOGS.relative_to(TOP)}/{step}.log")
    print(f"{'in all':<16} {sum(times.values()):8.1f} s")
    for environment in ENVIRONMENTS:
        if not environment.ready():
            print(f"NOT TESTED: ansible-core {environment.core}, for want of Python {' or '.join(environment.pythons)}")
    counts = count_tests(LOGS / f"{step}.log" for step in times)
    print(f"tests: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    print(f"FAILED: {failed}" if failed else "all steps passed")


def count_tests(logs: Iterable[Path]) -> dict[str, int]:
    """Add up the closing lines of pytest in the logs."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for log in logs:
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if SUMMARY.match(line):
                for number, kind in COUNT.findall(line):
                    counts["failed" if kind.startswith("error") else kind] += int(number)
    return counts


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
