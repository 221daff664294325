# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs with one clear error when they are missing or fail. Touches what the programs touch."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from .errors import LabError

PACKAGES = {
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}


def require_root() -> None:
    """Refuse to go on without root."""
    if os.geteuid() != 0:
        raise LabError("the lab starts machines and networks and needs root", "run the command as root, or with sudo")


def require(*programs: str) -> None:
    """Refuse to go on when one of the programs is missing, naming the Debian packages that bring them."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[program] for program in missing}))
        raise LabError(f"missing on this machine: {', '.join(missing)}", f"apt-get install {packages}")


def run(argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> str:
    """Run a program and return its standard output; a failure becomes a ``LabError`` with its last words."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise LabError(f"{' '.join(argv)} failed with {done.returncode}: {words}", "see the message above")
    return done.stdout


def succeeds(argv: Sequence[str]) -> bool:
    """Tell whether a program ends with 0."""
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
