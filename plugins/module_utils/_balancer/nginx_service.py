# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nginx of this host, as far as its configuration is concerned.

Runs ``nginx -t`` on a copy in a temporary directory, and ``systemctl`` for the unit ``nginx.service``. Reads
``/proc``, the pid file and the error log.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .._common import process
from .._common.errors import SystemFailure
from .ask import ask
from .config import BalancerConfig
from .structure import Service

CONFIGURATION = Path("/etc/nginx")
PID_FILE = Path("/run/nginx.pid")
ERROR_LOG = Path("/var/log/nginx/error.log")
UNIT = "nginx.service"
_FRESH_CONNECTIONS = 5
_COMMAND_TIMEOUT = 60
_LARGEST_INCLUDING_FILE = 1024 * 1024


class NginxService(Service):
    """nginx under systemd.

    :param config: names the application and the status port.
    :param root: directory of ``nginx.conf``.
    """

    def __init__(self, config: BalancerConfig, root: Path = CONFIGURATION) -> None:
        self.config = config
        self.root = root
        self._logged = 0

    def test(self, files: Mapping[Path, bytes | None]) -> None:
        with tempfile.TemporaryDirectory(prefix="slipway-nginx-") as temporary:
            copy = Path(temporary)
            self._copy(copy)
            for path, data in files.items():
                if self.root in path.parents:
                    _put(copy / path.relative_to(self.root), data)
            tested = _run(["nginx", "-t", "-q", "-c", str(copy / "nginx.conf")])
        if tested.returncode:
            raise SystemFailure(
                "nginx refuses the new configuration: " + _joined(tested.stderr.replace(temporary, str(self.root))),
                where=str(self.root),
                remedy="correct what the message names; nothing was changed",
            )

    def running(self) -> bool:
        return _run(["systemctl", "is-active", "--quiet", UNIT]).returncode == 0

    def start(self) -> None:
        self._refuse_orphans()
        self._mark_log()
        started = _run(["systemctl", "start", UNIT])
        if started.returncode:
            raise self._failed("start", started.stderr)

    def reload(self) -> Callable[[], bool]:
        self._mark_log()
        old = self.workers()
        reloaded = _run(["systemctl", "reload", UNIT])
        if reloaded.returncode:
            raise self._failed("reload", reloaded.stderr)
        return lambda: not set(old) & set(self.workers())

    def loaded(self) -> str:
        found = {self._answered() for _connection in range(_FRESH_CONNECTIONS)}
        return found.pop() if len(found) == 1 else ""

    def complaints(self) -> str:
        try:
            with ERROR_LOG.open("rb") as log:
                log.seek(self._logged)
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return _joined("\n".join(line for line in lines if "[emerg]" in line))

    def _answered(self) -> str:
        (answer,) = ask(self.config.status_port, ["/current"])
        app, structure, *_path = [*answer.text.split(), "", ""]
        return structure if answer.status == 200 and app == self.config.app else ""

    def _copy(self, copy: Path) -> None:
        """Copy the files that include others, with the paths changed, and link to the rest."""
        included = re.compile(rb"^(\s*include\s+[\"']?)" + re.escape(str(self.root).encode() + b"/"), re.MULTILINE)
        for path in sorted(self.root.rglob("*")):
            target = copy / path.relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() and not path.is_symlink():
                target.mkdir(exist_ok=True)
                continue
            data = path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST_INCLUDING_FILE else b""
            moved = included.sub(lambda found: found[1] + str(copy).encode() + b"/", data)
            if moved == data:
                target.symlink_to(path)
            else:
                target.write_bytes(moved)

    def workers(self) -> Sequence[int]:
        """Workers of the running master that take new connections."""
        try:
            master = int(PID_FILE.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return []
        return [pid for pid, parent in _workers() if parent == master]

    def _refuse_orphans(self) -> None:
        orphans = [str(pid) for pid, parent in _workers() if not Path(f"/proc/{parent}").exists() or parent == 1]
        if orphans:
            raise SystemFailure(
                f"the nginx master is gone but its workers {', '.join(orphans)} go on serving the old configuration",
                where=UNIT,
                remedy=f"end them with 'kill -QUIT {' '.join(orphans)}', then run again",
            )

    def _mark_log(self) -> None:
        self._logged = ERROR_LOG.stat().st_size if ERROR_LOG.exists() else 0

    def _failed(self, verb: str, message: str) -> SystemFailure:
        return SystemFailure(
            f"nginx does not {verb}: {self.complaints() or _joined(message)}",
            where=UNIT,
            remedy=f"see 'systemctl status {UNIT}' and correct what it names, then run again",
        )


def _workers() -> list[tuple[int, int]]:
    """Process id and parent of every nginx worker that is not shutting down."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes().rstrip(b"\0 ")
                if title == b"nginx: worker process":
                    found.append((int(entry.name), int(_stat(entry)[1])))
            except OSError:
                continue
    return found


def _stat(process: Path) -> list[str]:
    return (process / "stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()


def _put(path: Path, data: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if data is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _run(command: Sequence[str]) -> process.Finished:
    try:
        return process.run(command, timeout=_COMMAND_TIMEOUT)
    except (OSError, process.TimeoutExpired) as exc:
        raise SystemFailure(
            f"'{command[0]}' could not be run: {exc}", where=" ".join(command), remedy="install it, or see why it hangs"
        ) from exc


def _joined(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
