# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a lab and what is found of one after a crash. Touches temporary files only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import fleet, machine, network, plan
from lab.errors import LabError
from lab.plan import Plan


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plan, "CACHE", tmp_path)
    return tmp_path


@pytest.fixture
def wreck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of which a namespace (app1), a control group (db1) and a disk (lb1) are left, but no bridge."""
    groups = tmp_path / "groups"
    (groups / "slipway-lab" / "shop" / "db1").mkdir(parents=True)
    (tmp_path / "shop" / "machines" / "lb1").mkdir(parents=True)
    monkeypatch.setattr(machine, "hierarchies", lambda: [groups])
    monkeypatch.setattr(network, "bridges", dict)
    monkeypatch.setattr(network, "namespaces", lambda _name: ["slipway-shop-app1"])
    return tmp_path


def test_a_lab_is_remembered() -> None:
    before = Plan("shop", 7, ("lb1", "app1"))
    fleet.write_record(before)
    assert fleet.load("shop") == before


def test_a_record_of_another_version_is_refused_with_the_remedy(cache: Path) -> None:
    (cache / "shop").mkdir()
    (cache / "shop" / "lab.json").write_text(json.dumps({"schema": 2}), encoding="utf-8")
    with pytest.raises(LabError, match="python3 -m lab down --name shop"):
        fleet.load("shop")


@pytest.mark.usefixtures("wreck")
def test_everything_that_is_left_of_a_lab_is_found_without_its_record() -> None:
    assert fleet.leftovers("shop").host_names == ("lb1", "app1", "db1")


def test_a_record_of_another_version_does_not_hinder_taking_down(wreck: Path) -> None:
    (wreck / "shop" / "lab.json").write_text(json.dumps({"schema": 2}), encoding="utf-8")
    assert fleet.leftovers("shop").host_names == ("lb1", "app1", "db1")


def test_all_machines_are_dealt_with_before_the_first_error_is_raised() -> None:
    done: list[str] = []

    def action(host: plan.Host) -> None:
        if host.name == "lb1":
            raise LabError("lb1 is broken", "mend it")
        done.append(host.name)

    with pytest.raises(LabError, match="lb1 is broken"):
        fleet.in_parallel(Plan("shop", 7, ("lb1", "app1", "app2")).hosts, action)
    assert sorted(done) == ["app1", "app2"]
