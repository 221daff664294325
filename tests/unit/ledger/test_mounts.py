# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory on another host's file system is recognised from the mount table."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._ledger import mounts
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger

from tests.unit.ledger.made import plan_of


def table(tmp_path: Path, **points: str) -> Path:
    """A mount table with / on ext4, and further mount points by type."""
    lines = ["1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"]
    lines += [f"2 1 0:9 / {point} rw - {kind} server:/export rw" for kind, point in points.items()]
    path = tmp_path / "mountinfo"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_longest_mount_point_decides(tmp_path: Path) -> None:
    mounted = table(tmp_path, nfs4="/var/lib", xfs="/var/lib/slipway")
    assert mounts.file_system(Path("/var/lib/other"), mounted) == "nfs4"
    assert mounts.file_system(Path("/var/lib/slipway/ledger/shop"), mounted) == "xfs"
    assert mounts.file_system(Path("/var/library"), mounted) == "ext4"


def test_a_mount_over_a_mount_hides_it(tmp_path: Path) -> None:
    assert mounts.file_system(Path("/data/x"), table(tmp_path, xfs="/data", nfs="/data")) == "nfs"


def test_a_blank_in_a_mount_point_is_decoded(tmp_path: Path) -> None:
    assert mounts.file_system(Path("/net share/x"), table(tmp_path, nfs=r"/net\040share")) == "nfs"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs"])
def test_network_file_systems_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StateError) as refused:
        mounts.refuse_network(Path("/data/ledger"), table(tmp_path, **{kind: "/data"}))
    assert kind in refused.value.what
    assert "slipway_ledger_host" in refused.value.remedy


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs"])
def test_local_file_systems_are_accepted(tmp_path: Path, kind: str) -> None:
    mounts.refuse_network(Path("/data/ledger"), table(tmp_path, **{kind: "/data"}))


def test_begin_asks_before_it_writes(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "file_system", lambda _directory, _mounts: "nfs4")
    with pytest.raises(StateError, match="nfs4"):
        ledger.begin(plan_of("1.0"), "ann@pc", 60)
    assert not ledger.storage.directory.exists()
