# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Release archives are the same each time, hold what a release needs, and differ where they must."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from sample.build import BAD, GOOD, MTIME, RELEASES, build, main
from sample.shop.settings import Behaviour


def test_the_same_sources_give_the_same_bytes(releases: Path, tmp_path: Path) -> None:
    sums = build(tmp_path)
    assert sums.keys() == {f"shop-{version}.tar.gz" for version in RELEASES}
    assert len(set(sums.values())) == len(GOOD) + len(BAD)
    for name, digest in sums.items():
        assert hashlib.sha256((releases / name).read_bytes()).hexdigest() == digest
    assert (tmp_path / "SHA256SUMS").read_bytes() == (releases / "SHA256SUMS").read_bytes()


def test_members_are_plain_and_belong_to_nobody(releases: Path) -> None:
    with tarfile.open(releases / "shop-1.0.0.tar.gz") as tar:
        members = tar.getmembers()
    assert {member.name for member in members} >= {"shop", "shop/__main__.py", "shop/mailer.py", "behaviour.json"}
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(MTIME, 0, 0, "root", "root")}
    assert all(member.isfile() or member.isdir() for member in members)
    assert not any("__pycache__" in member.name for member in members)


def test_the_version_and_the_behaviour_are_baked_in(releases: Path) -> None:
    for version, behaviour in RELEASES.items():
        with tarfile.open(releases / f"shop-{version}.tar.gz") as tar:
            file = tar.extractfile("behaviour.json")
            assert file is not None
            assert json.load(file) == {"version": version, **behaviour}


def test_padding_makes_about_eight_megabytes(tmp_path: Path) -> None:
    build(tmp_path, ["1.0.0"], pad=True)
    assert 8_000_000 < (tmp_path / "shop-1.0.0.tar.gz").stat().st_size < 8_500_000


def test_further_versions_and_changed_behaviour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--only", "3.1.4", "--set", "ready_after=1.5"]) == 0
    assert capsys.readouterr().out.endswith(f"{tmp_path}/shop-3.1.4.tar.gz\n")
    with tarfile.open(tmp_path / "shop-3.1.4.tar.gz") as tar:
        file = tar.extractfile("behaviour.json")
        assert file is not None
        assert json.load(file) == {"version": "3.1.4", "ready_after": 1.5}


@pytest.mark.parametrize("change", ["no_such=1", "ready_after", "ready=maybe"])
def test_an_unknown_behaviour_is_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(tmp_path), "--set", change])
    assert caught.value.code == 2
    assert not list(tmp_path.iterdir())


def test_slow_is_three_times_slower() -> None:
    assert BAD["2.0.0-slow"]["tail_ms"] == 3 * Behaviour().tail_ms
