# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed run said, in each of the forms in which Ansible prints it; and a run that is killed or stalled."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from lab.operator import MARK, PlaybookRun, Running, processes_with, stopped

PLAIN = "slipway_version: 1.1 has failed"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (f"    msg: {PLAIN}\n", PLAIN),
        (
            "    msg: 'slipway_version: ''1.0/beta''\n        is malformed'\n",
            "slipway_version: '1.0/beta' is malformed",
        ),
        (f"    msg: |-\n        {PLAIN}\n        here\n", f"{PLAIN} here"),
        (f"    msg: first\nfatal: [app1]: FAILED! =>\n    msg: {PLAIN}\n", PLAIN),
        ("nothing\n", ""),
    ],
    ids=["plain", "quoted", "block", "the last of several", "none"],
)
def test_the_reason_is_read_as_it_was_said(tmp_path: Path, printed: str, reason: str) -> None:
    log = tmp_path / "run.log"
    log.write_text(printed, encoding="utf-8")
    assert PlaybookRun("deploy", 2, 1.0, log).reason() == reason
    assert PlaybookRun("deploy", 0, 1.0, log).reason() == ""


def test_a_kill_reaches_what_has_made_a_session_of_its_own(tmp_path: Path) -> None:
    """Workers of ansible-core do, and go on writing to hosts when only the group of the run is killed."""
    told = tmp_path / "worker"
    worker = f"import os, time; os.setsid(); open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {worker!r}]).wait()"
    log = tmp_path / "run.log"
    run = Running("deploy", [sys.executable, "-c", program], log, cwd=tmp_path, env=os.environ)
    while not (told.exists() and told.read_text(encoding="ascii")):
        time.sleep(0.01)
    assert len(processes_with(f"{MARK}={log}")) == 2
    run.kill()
    assert processes_with(f"{MARK}={log}") == []
    assert run.finish().code == -signal.SIGKILL


def test_a_stalled_run_goes_on_when_it_is_woken(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    program = "import time\nprint('begun', flush=True)\ntime.sleep(0.2)\nprint('ended')"
    run = Running("deploy", [sys.executable, "-c", program], log, cwd=tmp_path, env=os.environ)
    run.wait_for("begun")
    run.stall()
    is_stopped = stopped(run.process.pid)
    run.wake()
    assert is_stopped
    assert run.finish().output() == "begun\nended\n"
