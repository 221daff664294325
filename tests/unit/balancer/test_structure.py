# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing a structure: nothing is replaced before it was tested, nothing stays that is not in use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer import structure as module
from ansible_collections.slipway.release.plugins.module_utils._balancer.structure import (
    Installed,
    Service,
    Structure,
    install,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._common.files import write_atomic


class FileService(Service):
    """Loads its one file, unless told otherwise."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = ""
        self.is_running = True
        self.calls: list[str] = []
        self.refuses = ""
        self.deaf = 0

    def test(self, files: Mapping[Path, bytes | None]) -> None:
        self.calls.append("test")
        if self.refuses == "test":
            raise SystemFailure("refused", where="x", remedy="y")

    def running(self) -> bool:
        return self.is_running

    def start(self) -> None:
        self.calls.append("start")
        if self.refuses == "start":
            raise SystemFailure("refused", where="x", remedy="y")
        self.is_running = True
        self._load()

    def reload(self) -> Callable[[], bool]:
        self.calls.append("reload")
        if self.deaf:
            self.deaf -= 1
        else:
            self._load()
        return lambda: True

    def loaded(self) -> str:
        if not self.is_running:
            raise SystemFailure("down", where="x", remedy="y")
        return self.digest

    def complaints(self) -> str:
        return "bind() failed"

    def _load(self) -> None:
        self.digest = self.path.read_text().split()[0] if self.path.exists() else ""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileService:
    monkeypatch.setattr(module, "POLL", 0)
    return FileService(tmp_path / "main.conf")


def run(service: FileService, text: str = "@STRUCTURE@ one", *, check: bool = False) -> Installed:
    site = service.path.with_name("site")
    structure = Structure({service.path: text}, (site,))
    return install(service, structure, check=check, deadline=0, lock_directory=service.path.parent / "lock")


def test_files_are_tested_replaced_loaded_and_read_back(service: FileService) -> None:
    done = run(service)
    assert (done.changed, service.digest) == (True, done.structure)
    assert service.path.read_text() == f"{done.structure} one"
    assert [step["name"] for step in done.steps] == ["test", "replace", "load"]
    assert (done.before, done.after) == ({str(service.path): ""}, {str(service.path): f"{done.structure} one"})


def test_the_same_again_does_nothing(service: FileService) -> None:
    run(service)
    service.calls.clear()
    assert not run(service).changed
    assert service.calls == []


def test_check_mode_tests_only(service: FileService) -> None:
    assert run(service, check=True).changed
    assert (service.calls, service.path.exists()) == (["test"], False)


def test_what_is_refused_is_never_put_in_place(service: FileService) -> None:
    run(service)
    before = service.path.read_text()
    service.refuses = "test"
    with pytest.raises(SystemFailure, match="refused"):
        run(service, "@STRUCTURE@ two")
    assert service.path.read_text() == before
    assert "reload" not in service.calls[2:]


def test_a_run_killed_after_the_replacement_is_completed(service: FileService) -> None:
    run(service)
    service.digest = "what was before"
    assert run(service).changed
    assert service.calls == ["test", "reload", "test", "reload"]


def test_a_reload_that_had_no_effect_is_asked_for_again(service: FileService) -> None:
    service.deaf = 1
    assert run(service).changed
    assert service.calls == ["test", "reload", "reload"]


def test_what_does_not_come_into_use_is_taken_back(service: FileService) -> None:
    old = run(service).structure
    site = service.path.with_name("site")
    site.symlink_to("elsewhere")
    service.deaf = 2
    with pytest.raises(SystemFailure, match=r"does not come into use: bind\(\) failed"):
        run(service, "@STRUCTURE@ two")
    assert service.path.read_text() == f"{old} one"
    assert os.readlink(site) == "elsewhere"
    assert service.digest == old


def test_a_link_in_conflict_is_removed_before_the_new_file_appears(
    service: FileService, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = service.path.with_name("site")
    site.symlink_to("elsewhere")
    write = write_atomic
    seen: list[bool] = []

    def watching(path: Path, data: bytes, *, mode: int) -> None:
        seen.append(os.path.lexists(site))
        write(path, data, mode=mode)

    monkeypatch.setattr(module, "write_atomic", watching)
    done = run(service)
    assert seen == [False]
    assert done.before[str(site)] == "-> elsewhere\n"


def test_a_service_that_is_down_is_started(service: FileService) -> None:
    service.is_running = False
    assert run(service).changed
    assert service.calls == ["test", "start"]


def test_a_service_that_does_not_start_gets_its_old_files_back(service: FileService) -> None:
    service.is_running = False
    service.refuses = "start"
    service.path.write_text("old one")
    with pytest.raises(SystemFailure, match="refused"):
        run(service)
    assert service.path.read_text() == "old one"
    assert "reload" not in service.calls


def test_a_file_changed_by_hand_is_put_right_and_loaded(service: FileService) -> None:
    done = run(service)
    service.path.write_text(f"{done.structure} tampered")
    assert run(service).changed
    assert service.path.read_text() == f"{done.structure} one"
    assert service.calls[-1] == "reload"
