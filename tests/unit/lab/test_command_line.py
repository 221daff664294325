# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab. Touches nothing: no verb gets as far as a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import commands, fleet, machine
from lab.__main__ import main, parser, split_pair
from lab.errors import LabError


def test_the_command_after_the_dashes_is_kept_whole() -> None:
    arguments = parser().parse_args(["exec", "--name", "shop", "lb1", "--", "ls", "--name", "-x"])
    assert (arguments.name, arguments.host, arguments.command[-3:]) == ("shop", "lb1", ["ls", "--name", "-x"])


def test_the_environment_names_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_LAB", "shop")
    assert parser().parse_args(["status"]).name == "shop"
    assert parser().parse_args(["status", "--name", "cart"]).name == "cart"


def test_without_root_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["up"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "needs root" in error


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"mmdebstrap, systemd-nspawn.*apt-get install mmdebstrap systemd-container"):
        commands.require("mmdebstrap", "systemd-nspawn")


def test_a_failing_program_says_its_last_words() -> None:
    with pytest.raises(LabError, match="failed with 3: no such thing"):
        commands.run(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_pairs_are_two_machines() -> None:
    assert split_pair("lb1:app1") == ("lb1", "app1")
    with pytest.raises(LabError, match="lb1:app1"):
        split_pair("lb1")


def test_a_lab_that_never_was_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fleet, "lab_directory", lambda name: tmp_path / name)
    with pytest.raises(LabError, match="python3 -m lab up --name shop"):
        fleet.load("shop")


def test_processes_are_found_in_groups_below(tmp_path: Path) -> None:
    (tmp_path / "machine" / "payload").mkdir(parents=True)
    (tmp_path / "cgroup.procs").write_text("", encoding="ascii")
    (tmp_path / "machine" / "cgroup.procs").write_text("12\n", encoding="ascii")
    (tmp_path / "machine" / "payload" / "cgroup.procs").write_text("30\n7\n", encoding="ascii")
    assert machine.processes(tmp_path) == [7, 12, 30]
