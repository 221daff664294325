# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of several steps: what it counts, where it stops, and that it cleans up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import steps

TARGETS = """
good:
\t@echo "===== 3 passed in 0.10s ====="
bad:
\t@echo "= 1 failed, 2 passed, 1 error in 61.00s (0:01:01) ="; exit 1
daemon:
\t@sleep 300 & echo $$! > daemon.pid; echo started
slow:
\t@echo slow > slow.started; sleep 300
clean:
\t@echo cleaned > cleaned; echo "===== 1 skipped in 0.01s ====="
"""

RUN = """
import sys
from pathlib import Path
from tools import steps
steps.TOP = Path.cwd()
steps.LOGS = steps.TOP / ".cache" / "logs"
steps.ENVIRONMENTS = ()
sys.exit(steps.main())
"""


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the runner in a directory with its own Makefile."""
    (directory / "Makefile").write_text(TARGETS, encoding="ascii")
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments, "--finally", "clean"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run it to its end."""
    process = start(directory, *arguments)
    output, _errors = process.communicate()
    return process.returncode, output


def test_all_pass_and_tests_are_counted(tmp_path: Path) -> None:
    code, output = run(tmp_path, "good", "good")
    assert code == 0
    assert output.endswith("tests: 3 passed, 0 failed, 1 skipped\nall steps passed\n")
    assert (tmp_path / "cleaned").exists()


def test_the_first_failure_ends_the_run_with_its_name_after_the_clean_up(tmp_path: Path) -> None:
    code, output = run(tmp_path, "bad", "good")
    assert code == 1
    assert output.endswith("tests: 2 passed, 2 failed, 1 skipped\nFAILED: bad\n")
    assert "== good" not in output
    assert (tmp_path / "cleaned").exists()


def test_a_daemon_that_a_step_leaves_behind_does_not_hold_it_up(tmp_path: Path) -> None:
    code, output = run(tmp_path, "daemon")
    os.kill(int((tmp_path / "daemon.pid").read_text(encoding="ascii")), signal.SIGKILL)
    assert code == 0
    assert "started" in output


def test_terminated_it_ends_the_step_and_cleans_up(tmp_path: Path) -> None:
    process = start(tmp_path, "slow", "good")
    while not (tmp_path / "slow.started").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _errors = process.communicate()
    assert process.returncode == 1
    assert output.endswith("FAILED: interrupted\n")
    assert "== good" not in output
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(
    ("line", "passed"),
    [
        ("===== 5 passed in 0.10s =====", 5),
        ("=== 5 passed, 2 warnings in 3601.00s (1:00:01) ===", 5),
        ("5 passed", 0),
        ("===== 5 passed =====", 0),
    ],
)
def test_only_closing_lines_of_pytest_count(tmp_path: Path, line: str, passed: int) -> None:
    log = tmp_path / "log"
    log.write_text(f"first\n{line}\nlast\n", encoding="ascii")
    assert steps.count_tests([log])["passed"] == passed
