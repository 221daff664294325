# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How sides that take turns are compared, and what migrations they are given."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from benchmarks import kit, migrations
from benchmarks.sides import Sides
from tools.environments import REQUIREMENTS


def test_ratios_are_those_of_the_medians_and_the_spread_is_shown() -> None:
    sides = Sides("floor", "peer")
    for floor, ours, peer in ((1.0, 3.0, 6.0), (2.0, 4.0, 8.0), (9.0, 90.0, 9.0)):
        sides.add("floor", floor)
        sides.add("ours", ours)
        sides.add("peer", peer)
    title, *lines = sides.lines("a thing", rows=8_000)
    assert title == "a thing; median of 3, in turns"
    said = next(line for line in lines if line.strip().startswith("ours"))
    assert "2000 rows/s" in said and "2.00 times the floor" in said and "0.50 times the peer" in said
    assert "4.000 s (3.000 to 90.000)" in said


def test_psql_is_given_the_same_statements_in_transactions_of_their_own(tmp_path: Path) -> None:
    migrations.write(tmp_path, 30)
    files = sorted(tmp_path.glob("*.sql"))
    assert len(files) == 30
    by_hand = (tmp_path / "by_hand.psql").read_text(encoding="ascii")
    assert by_hand == "".join(f"BEGIN;\n\\i {path}\nCOMMIT;\n" for path in files)
    assert "CREATE TABLE t2 " in files[20].read_text(encoding="ascii")


def test_the_peer_is_installed_until_that_has_ended_and_again_for_other_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins, made = tmp_path / "requirements" / "peer.txt", kit.Kit(tmp_path / "kit")
    pins.parent.mkdir()
    installed: list[str] = []

    def run(command: list[str], *, breaks: bool = False, **_more: object) -> None:
        if "pip" not in command:
            return
        version = pins.read_text(encoding="ascii").strip()
        (made.peer / f"yoyo_migrations-{version}.dist-info").mkdir(parents=True)
        installed.append(version)
        if breaks:
            raise KeyboardInterrupt

    monkeypatch.setattr(kit, "REQUIREMENTS", pins.parent)
    pins.write_text("8.0.0\n", encoding="ascii")
    monkeypatch.setattr(kit.subprocess, "run", functools.partial(run, breaks=True))
    with pytest.raises(KeyboardInterrupt):
        kit.make(made.directory)
    monkeypatch.setattr(kit.subprocess, "run", run)
    kit.make(made.directory)
    kit.make(made.directory)
    assert installed == ["8.0.0", "8.0.0"]
    pins.write_text("9.0.0\n", encoding="ascii")
    kit.make(made.directory)
    assert installed == ["8.0.0", "8.0.0", "9.0.0"] and made.peer_version() == "yoyo-migrations 9.0.0"


def test_the_peer_is_called_by_its_version(tmp_path: Path) -> None:
    (tmp_path / "peer" / "yoyo_migrations-9.0.0.dist-info").mkdir(parents=True)
    assert kit.Kit(tmp_path).peer_version() == "yoyo-migrations 9.0.0"


def test_the_pins_have_the_peer() -> None:
    pins = (REQUIREMENTS / "peer.txt").read_text(encoding="ascii")
    assert f"\n{kit.PEER}==" in pins


def test_modules_are_sent_as_ansible_sends_them(tmp_path: Path) -> None:
    (tmp_path / "peer" / "x-1.dist-info").mkdir(parents=True)
    made = kit.make(tmp_path)
    assert all("_ansiballz_main" in made.module(name).read_text(encoding="utf-8") for name in kit.MODULES)
