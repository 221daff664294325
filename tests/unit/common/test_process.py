# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program gets no input and no more time than it was given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.process import TimeoutExpired, run


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_errors_and_status_come_back() -> None:
    done = run(python("import sys; print('out'); sys.stderr.write('err'); sys.exit(3)"), timeout=20)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (3, "out", "err")


def test_standard_input_is_empty() -> None:
    assert run(python("import sys; print(repr(sys.stdin.read()))"), timeout=20).stdout.strip() == "''"


def test_directory_and_environment_are_those_given(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['A'], 'HOME' in os.environ)"
    done = run(python(code), timeout=20, cwd=tmp_path, env={"A": "b"})
    assert done.stdout.split() == [str(tmp_path), "b", "False"]


def test_a_program_that_does_not_end_is_killed() -> None:
    with pytest.raises(TimeoutExpired):
        run(python("import time; time.sleep(60)"), timeout=0.3)


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/nowhere/program"], timeout=1)
