# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the logs of a host are: what acts as root writes to one directory, what acts as somebody else to its home.

Looks at accounts and directories, and changes nothing but, for a moment, as whom this process reads.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DIRECTORY = "/var/lib/slipway/audit"
OF_A_USER = ".slipway/audit-log"


def place(directory: str) -> tuple[Path, bool]:
    """The directory that the log of who runs this is kept in, and whether it can be kept at all.

    The directory of root is not for others: what acts as somebody else has a log at that account's home. Where that is
    not its own either, as of an account of the system, nothing of its own could be required.
    """
    path = Path(directory)
    if os.geteuid() == 0 or _may_write(path):
        return path, True
    try:
        home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return path, False
    return home / OF_A_USER, _may_write(home / OF_A_USER)


def _may_write(path: Path) -> bool:
    existing = next((it for it in (path, *path.parents) if os.path.lexists(it)), path)
    return os.access(existing, os.W_OK | os.X_OK)


def places(directory: str, stream: str, named: Iterable[str] = ()) -> dict[Path, str]:
    """Every directory of this host that has the stream, with the account whose home it is in; empty for the host's own.

    That is where ``place`` leads any account to. The given directory comes first, also where it has no such stream.

    :param named: more directories to look at.
    """
    found = {Path(directory): ""}
    seen = {os.path.realpath(directory)}
    homes = {Path(account.pw_dir) / OF_A_USER: account.pw_name for account in _accounts()}
    for path in (*map(Path, named), *sorted(homes)):
        if _has(path / stream) and os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            found[path] = homes.get(path, "")
    return found


def _accounts() -> list[pwd.struct_passwd]:
    """Those that the host lists, and the one that sudo was called by, which a directory service may not list."""
    known = pwd.getpwall()
    try:
        known.append(pwd.getpwnam(os.environ.get("SUDO_USER", "")))
    except KeyError:
        pass
    return known


def _has(top: Path) -> bool:
    """Whether a log is there; what this account may not look at is not its to read."""
    try:
        return stat.S_ISDIR(top.lstat().st_mode)
    except OSError:
        return False


@contextmanager
def reading_as_owner(account: str) -> Iterator[None]:
    """Read a log of an account as that account: it could have laid a link to a file that only root may read.

    :param account: empty for the host's own log.
    """
    if not account or os.geteuid() != 0:
        yield
        return
    entry = pwd.getpwnam(account)
    group = os.getegid()
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
