# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More controllers than the one that the tests run on: each has its own copy of the collection, and its own user.

Touches a directory of the test.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.operator import Operator
from tests.system.fleet import CACHE, REPOSITORY, Fleet

COPIED = ("playbooks", "roles", "plugins", "inventories", "meta", "galaxy.yml", "ansible.cfg")


# In a mount namespace of its own, where this process's account has another name.
AS_ACCOUNT = ("unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"')


class Controller(Operator):
    """A controller in a directory of its own, whose operating system calls this account by another name."""

    def __init__(self, directory: Path, user: str, lab: str, ansible: Path) -> None:
        for name in COPIED:
            found = REPOSITORY / name
            if found.is_dir():
                shutil.copytree(found, directory / name)
            else:
                shutil.copy(found, directory / name)
        namespace = directory / ".cache" / "collections" / "ansible_collections" / "slipway"
        namespace.mkdir(parents=True)
        (namespace / "release").symlink_to(directory)
        (directory / ".cache" / "lab").symlink_to(REPOSITORY / ".cache" / "lab")
        accounts = directory / "passwd"
        own = pwd.getpwuid(os.getuid())
        accounts.write_text(f"{user}:x:{own.pw_uid}:{own.pw_gid}::{own.pw_dir}:/bin/sh\n")
        super().__init__(directory, lab, CACHE / "logs", ansible=ansible, become=(*AS_ACCOUNT, str(accounts)))


@contextmanager
def run_by(fleet: Fleet, user: str, directory: Path) -> Iterator[None]:
    """In this block the fleet's playbooks are run by this user, from a controller that knows of no run before."""
    usual = fleet.operator
    (directory / user).mkdir()
    fleet.operator = Controller(directory / user, user, fleet.lab, usual.ansible)
    try:
        yield
    finally:
        fleet.operator = usual
        shutil.rmtree(directory / user)
