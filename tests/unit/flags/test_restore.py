# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of one store go back each by itself: what was killed stays so, and nothing is begun when the time is over."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError
from ansible_collections.slipway.release.plugins.module_utils._flags import fence
from ansible_collections.slipway.release.plugins.modules import flag_restore, flag_set

from tests.unit.running import module_result

from .stores import FLAGD_KIND

OFF = {"strategy": "off"}


def store(directory: Path) -> dict[str, Any]:
    FLAGD_KIND.store(directory)
    return {"kind": "flagd", "path": str(directory / FLAGD_KIND.file)}


def variants(where: dict[str, Any]) -> dict[str, str]:
    flags = json.loads(Path(where["path"]).read_text(encoding="utf-8"))["flags"]
    return {name: flag["defaultVariant"] for name, flag in flags.items()}


def test_one_that_cannot_go_back_keeps_no_other_from_it(tmp_path: Path) -> None:
    where = store(tmp_path)
    module_result(flag_set, name="fresh", strategy="full", store=where)
    module_result(flag_set, name="ended", strategy="kill_switch", store=where)
    flags = [{"name": "a b", **OFF}, {"name": "ended", "strategy": "full"}, {"name": "fresh", **OFF}]
    made = module_result(flag_restore, flags=flags, store=where)
    assert (made["failed"], made["changed"]) == (True, True)
    assert (made["restored"], made["killed"]) == (["fresh"], ["ended"])
    assert [one["name"] for one in made["left"]] == ["a b"] and "is no name of a flag" in made["msg"]
    assert (variants(where)["fresh"], variants(where)["ended"]) == ("off", "off")
    again = module_result(flag_restore, flags=flags[1:], store=where)
    assert not again.get("failed") and not again["changed"] and again["killed"] == ["ended"]


def test_check_mode_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    where = store(tmp_path)
    before = variants(where)
    made = module_result(flag_restore, flags=[{"name": "search", **OFF}], store=where, _ansible_check_mode=True)
    assert (made["changed"], made["restored"], variants(where)) == (True, ["search"], before)


@pytest.mark.parametrize("given", [{"seconds": 0}, {"seconds": -1}])
def test_nothing_is_begun_when_the_time_is_over(tmp_path: Path, given: dict[str, Any]) -> None:
    where = store(tmp_path)
    before = variants(where)
    made = module_result(flag_restore, flags=[{"name": "search", **OFF}], store=where, **given)
    assert made["left"] == [{"name": "search", "why": "no time was left"}] and variants(where) == before


def test_a_service_that_does_not_answer_takes_no_longer_than_there_is_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = {"kind": "rest", "url": f"http://127.0.0.1:{silent.getsockname()[1]}", "timeout": 50}
        flags = [{"name": name, **OFF} for name in ("a", "b")]
        made = module_result(flag_restore, flags=flags, store=where, seconds=1)
    first, second = made["left"]
    assert first["name"] == "a" and "timed out" in first["why"]
    assert second == {"name": "b", "why": "no time was left"}


def test_without_a_store_it_says_so() -> None:
    made = module_result(flag_restore, flags=[{"name": "search", **OFF}])
    assert made["failed"] and made["error"]["where"] == "store"


class Run:
    """A run that keeps others out, as the module does."""

    def __init__(self, token: int, *, check_mode: bool = False) -> None:
        self.params = {"app": "shop", "ledger": "a-1", "token": token}
        self.check_mode = check_mode
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        """Take a warning."""
        self.warned.append(text)


@pytest.fixture
def fences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fence, "DIRECTORY", tmp_path / "fences")
    return tmp_path / "fences"


def test_a_way_back_keeps_earlier_runs_out_and_later_ones_keep_it_out(fences: Path) -> None:
    flag_restore.keep_earlier_runs_out(Run(9, check_mode=True))
    assert not fences.exists()
    flag_restore.keep_earlier_runs_out(Run(8))
    earlier, later = (fence.fence_of("shop", "a-1", token, make=True) for token in (7, 9))
    assert earlier is not None and later is not None
    with pytest.raises(StaleTokenError), earlier.held():
        pass
    with later.held():
        pass
    with pytest.raises(StaleTokenError):
        flag_restore.keep_earlier_runs_out(Run(8))


@pytest.mark.parametrize("kept_by", ["a file", "another writer"])
def test_a_fence_that_cannot_be_written_keeps_no_flag_on(fences: Path, kept_by: str) -> None:
    run = Run(8)
    if kept_by == "a file":
        fences.write_text("", encoding="utf-8")
        flag_restore.keep_earlier_runs_out(run)
    else:
        held = fence.fence_of("shop", "a-1", 7, make=True)
        assert held is not None
        with held.held():
            flag_restore.keep_earlier_runs_out(run)
    (warning,) = run.warned
    assert "an earlier run may still set these flags" in warning


def test_the_module_keeps_them_out_before_it_sets_one(tmp_path: Path) -> None:
    made = module_result(flag_restore, flags=[{"name": "x", **OFF}], store=store(tmp_path), token=1, app="../x")
    assert made["failed"] and made["error"]["where"] == "token"
