# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second controller: another user, another directory, its own copy of the collection. Writes below that directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.operator import Operator
from tests.system.fleet import CACHE, REPOSITORY
from tools.environments import ready_environments

USER = 65534
COPIED = ("ansible.cfg", "galaxy.yml", "meta", "playbooks", "plugins", "roles")
# The checkout may be where only its owner can look; the user reads there, and writes nowhere but at home.
BECOME = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
MAY_READ = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


def another_controller(lab: str, home: Path) -> Operator:
    """A controller that shares only the inventory and the releases with the one of this checkout.

    It has the oldest ansible-core, so that each of the two goes on with what the other has left.
    """
    checkout = home / "checkout"
    collections = checkout / ".cache" / "collections" / "ansible_collections" / "slipway"
    collections.mkdir(parents=True)
    for name in COPIED:
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, checkout / name)
    (collections / "release").symlink_to(checkout)
    for path in (home, *home.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    return Operator(
        checkout,
        lab,
        CACHE / "logs",
        ansible=ready_environments()[0].bin,
        become=(*BECOME, *MAY_READ),
        environment={
            "HOME": str(home),
            "USER": "nobody",
            "LOGNAME": "nobody",
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_REMOTE_TEMP": str(home / "tmp"),
        },
    )
