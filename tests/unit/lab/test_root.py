# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of the machines' root: sources, proxy and pruning. Touches temporary files only."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import root

DEB822 = "Types: deb\nURIs: http://archive.example/debian\nSuites: {suites}\nComponents: main\n"


def test_only_sources_of_debian_12_are_used(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text(DEB822.format(suites="bookworm bookworm-updates"), encoding="utf-8")
    (parts / "newer.sources").write_text(DEB822.format(suites="bookworm trixie"), encoding="utf-8")
    (parts / "vendor.list").write_text("deb https://vendor.example tool-bookworm main\n", encoding="utf-8")
    (parts / "off.sources.disabled").write_text(DEB822.format(suites="bookworm"), encoding="utf-8")
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example bullseye main\ndeb [arch=amd64] http://archive.example bookworm-security main\n",
        encoding="utf-8",
    )
    assert root.debian_sources(tmp_path) == [tmp_path / "sources.list", parts / "debian.sources"]


def test_empty_sources_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("# nothing\n", encoding="utf-8")
    assert root.debian_sources(tmp_path) == []


def test_only_the_way_to_the_archive_is_taken_from_apt() -> None:
    dump = 'APT::Architecture "amd64";\nAcquire::http::Proxy "http://proxy.example:3128";\nAcquire::Languages "none";\n'
    assert root.proxy_settings(dump) == 'Acquire::http::Proxy "http://proxy.example:3128";\n'


def test_pruning_spares_roots_below_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "CACHE", tmp_path)
    for name in ("root-new", "root-used", "root-old"):
        (tmp_path / name).mkdir()
    disk = tmp_path / "shop" / "machines" / "lb1"
    disk.mkdir(parents=True)
    (disk / "made-from").write_text("root-used\nkey\n", encoding="utf-8")
    root.prune(tmp_path / "root-new")
    assert sorted(path.name for path in tmp_path.glob("root-*")) == ["root-new", "root-used"]
