# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done two at once: who failed, and that the output of each stays together."""

from __future__ import annotations

import threading
from typing import IO

import pytest

from tools.side_by_side import failures


def test_those_that_failed_are_named_in_their_order() -> None:
    assert failures(["a", "b", "c"], lambda thing, _output: int(thing != "b")) == ["a", "c"]


def test_two_run_at_once_and_what_each_prints_stays_together(capsys: pytest.CaptureFixture[str]) -> None:
    both_have_begun = threading.Barrier(2, timeout=30)

    def run(thing: str, output: IO[bytes]) -> int:
        output.write(f"{thing} begins\n".encode())
        both_have_begun.wait()
        output.write(f"{thing} ends\n".encode())
        return 0

    assert failures(["one", "other"], run) == []
    printed = capsys.readouterr().out
    for name in ("one", "other"):
        assert f"{name} begins\n{name} ends\n" in printed


def test_one_alone_prints_while_it_runs(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    def run(_thing: str, output: IO[bytes]) -> int:
        output.write(b"begun\n")
        output.flush()
        assert capfdbinary.readouterr().out == b"begun\n"
        return 1

    assert failures(["alone"], run) == ["alone"]
