# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemctl is called with, and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._release.systemd import TIMEOUT, Answer, Systemd

UNITS = ["slipway-shop-web@blue.service", "slipway-shop-api@blue.service"]


class Runner:
    """Records what it is told to run."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.ran: list[tuple[list[str], int]] = []

    def __call__(self, arguments: Sequence[str], timeout: int, _descriptors: Sequence[int]) -> Answer:
        self.ran.append((list(arguments), timeout))
        return Answer(self.status, "", "it is masked")


def test_whoever_begins_to_stop_units_waits_for_none_of_them() -> None:
    runner = Runner()
    Systemd(runner=runner).begin_to_stop(UNITS)
    Systemd(runner=runner).begin_to_stop([])
    assert runner.ran == [(["systemctl", "stop", "--no-block", "--", *UNITS], TIMEOUT)]
    with pytest.raises(SystemFailure, match="systemctl stop failed: it is masked"):
        Systemd(runner=Runner(status=1)).begin_to_stop(UNITS)


def test_a_start_may_wait_as_long_as_what_is_still_ending() -> None:
    runner = Runner()
    Systemd(runner=runner).start(UNITS, patience=1000)
    assert [arguments[1] for arguments, _timeout in runner.ran] == ["reset-failed", "start"]
    assert runner.ran[-1][1] > 1000
