# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a directory lies on a file system of another host, where neither locks nor fsync can be relied on.

Reads the mount table; touches nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from .._common.errors import StateError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|glusterfs|lustre|gpfs|ocfs2|gfs2?|beegfs|fuse\.(?!fuseblk).*"
)


def file_system(directory: Path, mounts: Path = MOUNTS) -> str:
    """Type of the file system that ``directory`` lies on, or will lie on."""
    path = directory.resolve()
    best, kind = Path("/"), ""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        fields, _rest, source = line.partition(" - ")
        point = Path(_decoded(fields.split()[4]))
        if (path == point or point in path.parents) and len(point.parts) >= len(best.parts):
            best, kind = point, source.split()[0]
    return kind


def refuse_network(directory: Path, mounts: Path = MOUNTS) -> None:
    """Refuse a directory on a network file system.

    :raises StateError: naming the directory and the type.
    """
    kind = file_system(directory, mounts)
    if NETWORK.fullmatch(kind):
        raise StateError(
            f"the ledger would lie on {kind}, where two hosts could both believe they hold the lease",
            where=str(directory),
            remedy="choose a slipway_ledger_host on which this directory is on a local disk",
        )


def _decoded(text: str) -> str:
    return re.sub(r"\\(\d{3})", lambda match: chr(int(match.group(1), 8)), text)
