# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory that nginx reads: complete, swapped whole, kept small, and read back honestly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer import nginx as module
from ansible_collections.slipway.release.plugins.module_utils._balancer.assign import assignment
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx import Nginx
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._common.files import link_atomic

Make = Callable[..., State]


def links(nginx: Nginx) -> tuple[str, ...]:
    return tuple((nginx.directory / f"current/b{bucket:03d}").resolve(strict=True).name for bucket in range(1000))


def test_nothing_is_recorded_before_the_first_state(nginx: Nginx) -> None:
    assert nginx.recorded() is None


def test_every_bucket_leads_to_its_server(nginx: Nginx, state: Make) -> None:
    wanted = state(30, servers={"blue-app2": "drain"}, down=("green-app1",))
    nginx.apply(wanted)
    assert links(nginx) == assignment(nginx.config, wanted)
    assert nginx.recorded() == wanted
    assert (nginx.directory / "stable").resolve().name == "slot-blue"
    assert (nginx.directory / "current/preview").resolve().name == "slot-green"


def test_other_users_may_read_it_and_nobody_may_write(nginx: Nginx, state: Make) -> None:
    nginx.apply(state())
    directories = [path for path in nginx.directory.rglob("*") if path.is_dir() and not path.is_symlink()]
    assert {path.stat().st_mode & 0o777 for path in [nginx.directory, *directories]} == {0o755}


def test_applying_the_same_again_touches_nothing(nginx: Nginx, state: Make) -> None:
    nginx.apply(state(40))
    before = {path: path.lstat().st_mtime_ns for path in nginx.directory.rglob("*")}
    nginx.apply(state(40))
    assert {path: path.lstat().st_mtime_ns for path in nginx.directory.rglob("*")} == before


def generations(nginx: Nginx) -> dict[int, int]:
    """Inodes by number."""
    return {int(path.name): path.stat().st_ino for path in nginx.directory.glob("generations/*")}


def test_the_newest_generations_are_kept_and_one_of_a_kind(nginx: Nginx, state: Make) -> None:
    for generation in range(1, 13):
        nginx.apply(state(40, generation))
    assert set(generations(nginx)) == {10, 11, 12}
    for generation, blue in enumerate((0, 100, 50, 0, 100, 50, 0, 100, 50, 20, 80), 13):
        nginx.apply(state(blue, generation))
        assert {generation, generation - 1} < set(generations(nginx))
        assert len(generations(nginx)) <= 6


def test_generations_that_somebody_else_left_are_removed(nginx: Nginx, state: Make) -> None:
    for generation, alien in ((1, False), (21, True)):
        nginx.apply(state(40, generation))
        for copy in range(generation + 1, generation + 9):
            made = nginx.directory / f"generations/{copy}"
            shutil.copytree(nginx.directory / f"generations/{generation}", made, symlinks=True)
            (made / "b000").unlink()
            (made / "b000").symlink_to(f"../../servers/blue-app{copy if alien else 1}")
        nginx.apply(state(40, generation + 10))
        assert len(generations(nginx)) == (6 if alien else 3)


def test_a_generation_is_made_from_one_that_looks_the_same(nginx: Nginx, state: Make) -> None:
    for generation, blue in enumerate((100, 0, 100, 0), 1):
        nginx.apply(state(blue, generation))
    before = generations(nginx)
    wanted = state(100, 5, stable="green", servers={"green-app2": "drain"})
    nginx.apply(wanted)
    assert generations(nginx) == {5: before[1], 4: before[4], 3: before[3], 2: before[2]}
    assert links(nginx) == assignment(nginx.config, wanted)
    assert (nginx.recorded(), os.listdir(nginx.directory / "current/usable").count("green-app2")) == (wanted, 0)
    assert (nginx.directory / "current/preview").resolve().name == "slot-blue"


def test_a_generation_is_made_from_one_that_looks_much_the_same(nginx: Nginx, state: Make) -> None:
    for generation, blue in enumerate((70, 0, 0, 10), 1):
        nginx.apply(state(blue, generation))
    before = generations(nginx)
    (nginx.directory / "generations/1/b000").unlink()
    nginx.apply(state(65, 5))
    assert generations(nginx)[5] == before[1]
    assert links(nginx) == assignment(nginx.config, state(65, 5))


def test_the_generations_that_requests_may_be_on_their_way_through_are_not_touched(nginx: Nginx, state: Make) -> None:
    for generation in range(1, 9):
        before = generations(nginx)
        nginx.apply(state(100, generation))
        after = generations(nginx)
        assert all(after[number] == before[number] for number in sorted(before)[-2:])


def test_links_are_known_without_being_read_and_others_are_read(nginx: Nginx, state: Make) -> None:
    nginx.apply(state(40))
    current = nginx.directory / "current"
    assert nginx.links(current) == links(nginx)
    for bucket, target in enumerate(("../../servers/blue-app3", "../../elsewhere/blue-app1")):
        (current / f"b{bucket:03d}").unlink()
        (current / f"b{bucket:03d}").symlink_to(target)
    (current / "b002").unlink()
    assert nginx.links(current)[:3] == ("blue-app3", "", "")
    assert nginx.links(current)[3:] == assignment(nginx.config, state(40))[3:]


def test_what_a_killed_run_left_is_removed(nginx: Nginx, state: Make) -> None:
    nginx.apply(state(40, 1))
    partial = nginx.directory / "generations/.2.partial/usable"
    partial.mkdir(parents=True)
    (nginx.directory / "generations/2").mkdir()
    leftovers = [
        nginx.directory / ".current.99.link",
        nginx.directory / ".stable.99.link",
        nginx.directory / ".token.x",
        nginx.directory / ".barred.x",
    ]
    for path in leftovers:
        path.symlink_to("nowhere")
    nginx.apply(state(60, 2))
    assert sorted(os.listdir(nginx.directory / "generations")) == ["1", "2"]
    assert not any(os.path.lexists(path) for path in leftovers)
    assert links(nginx) == assignment(nginx.config, state(60, 2))


def test_a_generation_that_serves_is_never_rewritten(nginx: Nginx, state: Make) -> None:
    nginx.apply(state(40, 5))
    with pytest.raises(StateError, match="generation 5"):
        nginx.apply(state(60, 5))
    assert links(nginx) == assignment(nginx.config, state(40, 5))


def test_nothing_visible_changes_until_the_generation_is_complete(
    nginx: Nginx, state: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    nginx.apply(state(40, 1))
    seen: list[tuple[str, ...]] = []
    swap = link_atomic

    def before_the_swap(path: Path, target: str) -> None:
        seen.append(links(nginx))
        assert path.name == "stable" or len(os.listdir(nginx.directory / target)) == 1004
        swap(path, target)

    monkeypatch.setattr(module, "link_atomic", before_the_swap)
    nginx.apply(state(60, 2))
    assert seen == [assignment(nginx.config, state(40, 1))]


def test_live_is_what_the_running_process_says(nginx: Nginx, status: Any, state: Make) -> None:
    wanted = state(30, 4, stable="green", servers={"blue-app2": "drain"}, down=("green-app1",))
    nginx.apply(wanted)
    live = nginx.live()
    assert (live.generation, live.stable, live.percents, live.open) == (4, "green", {"blue": 30, "green": 70}, False)
    assert live.usable == {"blue": ("blue-app1", "blue-app3"), "green": ("green-app2", "green-app3")}
    assert nginx.agrees(wanted, live)
    assert nginx.structure() == status.structure
    nginx.open()
    assert nginx.live().open
    nginx.close()
    assert not nginx.live().open


def test_a_process_that_routes_otherwise_is_found_out(nginx: Nginx, status: Any, state: Make) -> None:
    nginx.apply(state(30))
    status.routes["b299"] = "slipway_shop_green-app1\n"
    with pytest.raises(StateError, match="bucket 299"):
        nginx.live()


def test_a_tampered_link_is_no_agreement(nginx: Nginx, status: Any, state: Make) -> None:
    nginx.apply(state(100))
    link = nginx.directory / "current/b500"
    link.unlink()
    link.symlink_to("../../servers/blue-app1")
    assert not nginx.agrees(state(100), nginx.live())


def test_a_missing_link_is_no_live_state(nginx: Nginx, status: Any, state: Make) -> None:
    nginx.apply(state(100))
    (nginx.directory / "current/b500").unlink()
    with pytest.raises(StateError, match="no whole percents"):
        nginx.live()


def test_nginx_without_a_generation_is_no_live_state(nginx: Nginx, status: Any) -> None:
    with pytest.raises(StateError, match="no generation"):
        nginx.live()


def test_nginx_that_is_down_or_another_is_an_error_of_the_system(nginx: Nginx, status: Any, state: Make) -> None:
    nginx.apply(state())
    status.app = "other"
    with pytest.raises(SystemFailure, match="something else"):
        nginx.live()
    nginx.config = replace(nginx.config, status_port=1)
    with pytest.raises(SystemFailure, match="does not answer"):
        nginx.live()


def test_a_generation_elsewhere_is_no_live_state(nginx: Nginx, status: Any, state: Make, tmp_path: Path) -> None:
    nginx.apply(state())
    elsewhere = tmp_path / "elsewhere/7"
    elsewhere.mkdir(parents=True)
    (nginx.directory / "current").unlink()
    (nginx.directory / "current").symlink_to(elsewhere)
    with pytest.raises(StateError, match="not from a generation"):
        nginx.live()
