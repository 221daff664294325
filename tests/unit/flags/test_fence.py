# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that a later one has replaced sets no flag on this host any more, and nothing keeps a kill switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    StaleTokenError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._flags import fence as fences
from ansible_collections.slipway.release.plugins.module_utils._flags.fence import fence_of
from ansible_collections.slipway.release.plugins.module_utils._flags.model import wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import Request, set_flag

from .stores import FLAGD_KIND


class Host:
    """A host that sets flags in a file of its own."""

    def __init__(self, directory: Path) -> None:
        self.store = FLAGD_KIND.store(directory)

    def sets(self, strategy: str, token: int, *, ledger: str = "a-1", check_mode: bool = False) -> dict[str, Any]:
        """As the module does."""
        fence = fence_of("shop", ledger, token, make=not check_mode)
        return set_flag(self.store, Request(wanted("search", strategy)), fence=fence, check_mode=check_mode)

    def kept(self) -> str:
        """What the store has."""
        found = self.store.find("search")
        return found.strategy if found else ""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(fences, "DIRECTORY", tmp_path / "fences")
    return Host(tmp_path)


def test_a_run_that_was_replaced_sets_no_flag(host: Host) -> None:
    host.sets("off", 8)
    for check_mode in (True, False):
        with pytest.raises(StaleTokenError):
            host.sets("full", 7, check_mode=check_mode)
    assert host.kept() == "off"
    host.sets("full", 8)
    host.sets("full", 9)
    assert host.kept() == "full"


def test_a_kill_switch_needs_no_token(host: Host) -> None:
    host.sets("full", 8)
    host.sets("kill_switch", 0)
    assert host.kept() == "kill_switch"


def test_the_ledgers_of_two_regions_have_nothing_to_do_with_each_other(host: Host) -> None:
    host.sets("off", 80, ledger="a-1")
    host.sets("full", 2, ledger="b-2")
    assert host.kept() == "full"


def test_check_mode_remembers_nothing(host: Host, tmp_path: Path) -> None:
    host.sets("full", 8, check_mode=True)
    assert not (tmp_path / "fences").exists()


def test_a_name_that_would_be_another_path_is_refused_and_a_place_that_is_none_is_said(
    host: Host, tmp_path: Path
) -> None:
    assert host
    for app, ledger in (("..", ""), ("", ""), ("shop", "../x")):
        with pytest.raises(InputError):
            fence_of(app, ledger, 1, make=True)
    (tmp_path / "fences").write_text("", encoding="utf-8")
    with pytest.raises(SystemFailure):
        fence_of("shop", "", 1, make=True)
