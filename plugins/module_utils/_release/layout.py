# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of one application lies on an application host.

Reads the slot links; touches nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths of one application.

    :param app: name of the application.
    :param releases: directory of all applications' releases.
    :param states: directory of all applications' state.
    :param units: directory of systemd's unit files.
    """

    app: str
    releases: Path = Path("/opt/slipway")
    states: Path = Path("/var/lib/slipway/application")
    units: Path = Path("/etc/systemd/system")

    @property
    def home(self) -> Path:
        """All files of the application."""
        return self.releases / self.app

    @property
    def revisions(self) -> Path:
        """One directory a revision."""
        return self.home / "revisions"

    @property
    def artifacts(self) -> Path:
        """Verified artifacts of the kept revisions, named by SHA-256."""
        return self.home / "artifacts"

    @property
    def slots(self) -> Path:
        """The slot links."""
        return self.home / "slots"

    @property
    def shared(self) -> Path:
        """Directories that all revisions share."""
        return self.home / "shared"

    @property
    def state(self) -> Path:
        """Fence, journal and ``slots.json``."""
        return self.states / self.app

    def revision(self, identifier: str) -> Path:
        """Directory of a revision."""
        return self.revisions / identifier

    def slot(self, slot: str) -> Path:
        """Link of a slot."""
        return self.slots / slot

    def linked(self, slot: str) -> str | None:
        """Identifier of the revision that a slot links to."""
        try:
            return os.path.basename(os.readlink(self.slot(slot)))
        except FileNotFoundError:
            return None


def make_directory(path: Path, mode: int = 0o755) -> None:
    """Make ``path`` and its parents with the same mode, whatever the umask; an existing directory stays as it is."""
    if path.is_dir():
        return
    make_directory(path.parent, 0o755)
    path.mkdir(exist_ok=True)
    path.chmod(mode)
