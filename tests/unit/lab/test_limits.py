# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this computer allows is asked of its kernel, and left as it was."""

from __future__ import annotations

import os

import pytest

from lab import limits
from lab.errors import LabError


def test_room_is_counted_and_given_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert limits.spare_inotify_instances(3) == 3
    assert len(os.listdir("/proc/self/fd")) == before


def test_too_many_machines_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "spare_inotify_instances", lambda wanted: wanted - 1)
    with pytest.raises(LabError, match=r"allows 34 more inotify instances, and 7 machines need 35.*max_user_instances"):
        limits.require_inotify(7)
    monkeypatch.undo()
    limits.require_inotify(0)
