# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places the agent on a balancer host: its code, its unit and that of the watch, its command and its run directory.

With the same code, what ends a keep-warm time on an application host.

Touches the paths of ``Places``. The code lies in a directory of its own beside the link that names it; the link is
swapped by rename, so there is never half an agent.
"""

from __future__ import annotations

import compileall
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .._common.canonical import digest
from .._common.errors import StateError
from .._common.files import fsync_directory, link_atomic, write_atomic

MODULE = "ansible_collections.slipway.release.plugins.module_utils._agent"
WATCH_MODULE = MODULE.replace("_agent", "_watch")
WARM_MODULE = MODULE.replace("_agent", "_warm")
UNIT = """\
# Placed by slipway.release.agent_place.
[Unit]
Description=Slipway agent of application %i on this balancer
Wants=network-online.target slipway-watch@%i.service
After=network-online.target nginx.service haproxy.service
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=PYTHONPATH={library}
ExecStart={python} -m {module} run --app %i
Restart=always
RestartSec=1
WatchdogSec=120
TimeoutStopSec=10
UMask=0022
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full
ProtectHome=true

[Install]
WantedBy=multi-user.target
"""
# Starts and stops with the agent. What hooks may do is theirs, so nothing of the host is kept from it.
WATCH_UNIT = """\
# Placed by slipway.release.agent_place.
[Unit]
Description=Slipway watch of application %i on this balancer
PartOf=slipway-agent@%i.service
After=slipway-agent@%i.service
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=PYTHONPATH={library}
ExecStart={python} -m {watch} --app %i
Restart=always
RestartSec=1
WatchdogSec=120
TimeoutStopSec=10
UMask=0022
"""
# One look, or several while a slot stops; the record on the host says whether anything is due.
WARM_UNIT = """\
# Placed by slipway.release.agent_place.
[Unit]
Description=Slipway look at the slot of application %i that is kept warm

[Service]
Type=oneshot
Environment=PYTHONPATH={library}
ExecStart={python} -m {warm} --app %i
UMask=0022
"""
WARM_TIMER = """\
# Placed by slipway.release.agent_place.
[Unit]
Description=Slipway keep-warm time of the old slot of application %i

[Timer]
OnActiveSec=30
OnUnitInactiveSec=30
AccuracySec=1
RandomizedDelaySec=5

[Install]
WantedBy=timers.target
"""
COMMAND = """\
#!/bin/sh
# Placed by slipway.release.agent_place.
PYTHONPATH={library} exec {python} -m {module} "$@"
"""
RUN_DIRECTORIES = """\
# Placed by slipway.release.agent_place.
d /run/slipway 0755 root root -
d /run/slipway/balancer 0755 root root -
"""


@dataclass(frozen=True)
class Places:
    """Where things lie on the host.

    :param library: link to the code.
    :param python: the interpreter that runs it.
    """

    library: Path
    python: str
    unit: Path = Path("/etc/systemd/system/slipway-agent@.service")
    watch_unit: Path = Path("/etc/systemd/system/slipway-watch@.service")
    warm_unit: Path = Path("/etc/systemd/system/slipway-warm@.service")
    warm_timer: Path = Path("/etc/systemd/system/slipway-warm@.timer")
    command: Path = Path("/usr/local/sbin/slipway-agent")
    tmpfiles: Path = Path("/etc/tmpfiles.d/slipway.conf")

    def files(self) -> dict[Path, tuple[str, int]]:
        """Text and mode of the files beside the code."""
        modules = {"module": MODULE, "watch": WATCH_MODULE, "warm": WARM_MODULE}
        values = {"library": self.library, "python": self.python, **modules}
        return {
            self.tmpfiles: (RUN_DIRECTORIES, 0o644),
            self.command: (COMMAND.format(**values), 0o755),
            self.unit: (UNIT.format(**values), 0o644),
            self.watch_unit: (WATCH_UNIT.format(**values), 0o644),
            self.warm_unit: (WARM_UNIT.format(**values), 0o644),
            self.warm_timer: (WARM_TIMER, 0o644),
        }


@dataclass(frozen=True)
class Placed:
    """What was found and done.

    :param digest: identifies the code.
    :param code: whether the code was replaced.
    :param files: the other files that were replaced, with their text before.
    """

    digest: str
    code: bool
    before: str
    files: dict[Path, str]


def place(places: Places, sources: Mapping[str, bytes], *, check: bool = False) -> Placed:
    """Bring the host to this agent.

    :param sources: content by path below the library.
    :param check: find out, and change nothing.
    :raises StateError: something else lies where the link to the code belongs.
    """
    wanted = code_digest(sources)
    if places.library.exists() and not places.library.is_symlink():
        raise StateError(
            "is no link, so it was not placed by this module",
            where=str(places.library),
            remedy="move it away, or choose another library",
        )
    before = os.readlink(places.library) if places.library.is_symlink() else ""
    code = not _is_placed(places.library, wanted, sources)
    stale = {path: _text(path) for path, (text, mode) in places.files().items() if not _is_file(path, text, mode)}
    if not check:
        if code:
            _place_code(places.library, wanted, sources)
        for path in stale:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            text, mode = places.files()[path]
            write_atomic(path, text.encode("utf-8"), mode=mode)
    return Placed(wanted, code, before, stale)


def code_digest(sources: Mapping[str, bytes]) -> str:
    """Identifies the code; 16 hexadecimal digits."""
    return digest({path: content.decode("utf-8") for path, content in sources.items()})[:16]


def _is_placed(library: Path, wanted: str, sources: Mapping[str, bytes]) -> bool:
    if not library.is_symlink() or not os.readlink(library).startswith(f"{library.name}.{wanted}."):
        return False
    found = {str(path.relative_to(library)): path.read_bytes() for path in library.rglob("*.py")}
    return found == dict(sources)


def _place_code(library: Path, wanted: str, sources: Mapping[str, bytes]) -> None:
    library.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{library.name}.{wanted}.", dir=library.parent))
    for name, content in sources.items():
        path = directory / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomic(path, content)
    directory.chmod(0o755)
    compileall.compile_dir(directory, quiet=2)
    fsync_directory(library.parent)
    link_atomic(library, directory.name)
    for other in library.parent.glob(f"{library.name}.*"):
        if other != directory and other.is_dir() and not other.is_symlink():
            shutil.rmtree(other)


def _is_file(path: Path, text: str, mode: int) -> bool:
    return path.is_file() and _text(path) == text and path.stat().st_mode & 0o777 == mode


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
