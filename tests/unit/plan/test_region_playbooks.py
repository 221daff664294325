# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of regions: a place for each that the variables may list, and none at all without regions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules.regions import MOST

REPOSITORY = Path(__file__).resolve().parents[3]
STAGES = REPOSITORY / "playbooks" / "stages"


@pytest.mark.parametrize("way", ["there", "back"])
def test_there_is_a_place_for_each_region(way: str) -> None:
    plays = yaml.safe_load((STAGES / "regions.yml").read_text(encoding="utf-8"))
    given = [play["vars"] for play in plays if "vars" in play]
    assert [item["region_place"] for item in given if item["region_way"] == way] == list(range(MOST))
    assert not any("deployment_verb" in item for item in given), "the playbook's own would win"


@pytest.mark.parametrize(
    ("playbook", "inventory", "plays"),
    [("deploy", "production", 8), ("rollback", "production", 7), ("abort", "production", 3), ("deploy", "regions", 75)],
)
def test_an_application_without_regions_has_no_plays_of_them(playbook: str, inventory: str, plays: int) -> None:
    done = run(playbook, inventory, "--list-tags")
    assert done.stdout.count("play #") == plays, done.stdout + done.stderr


@pytest.mark.parametrize("database", ["none", "its server", "its host"])
@pytest.mark.parametrize("playbook", ["deploy", "rollback"])
def test_a_region_that_cannot_be_reached_ends_the_run_before_the_next_one_starts(
    playbook: str, database: str, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("print()\n", encoding="utf-8")
    refusing = {"ansible_host": "127.0.0.1", "ansible_port": "1", "slipway_artifact": str(tmp_path)}
    if database != "none":
        host = {"host": "db1.eu.example.net"} if database == "its host" else {}
        nowhere = {"path": str(tmp_path), "dsn": f"host={tmp_path} connect_timeout=1", **host}
        refusing = {**refusing, "slipway_migrations": nowhere}
    done = run(playbook, "regions", "-e", "slipway_version=1.4.2", "-e", json.dumps(refusing))
    assert done.returncode == 2, done.stdout + done.stderr
    first, second = ("eu", "us") if playbook == "deploy" else ("us", "eu")
    said = " ".join(done.stdout.split())
    assert f"{first} has failed: inventory: cannot be reached" in said
    assert f"{second} was not touched" in said
    assert f"PLAY [Plan region {second}]" not in done.stdout
    assert ("Look | Compare the files with the history" in done.stdout) is (database != "none")


def run(playbook: str, inventory: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook on an example inventory."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), f"playbooks/{playbook}.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        [*command, "-i", f"inventories/{inventory}", *flags],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
