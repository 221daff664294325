# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HAProxy of this host, as far as its configuration is concerned.

Runs ``haproxy -c`` on a copy in a temporary directory, and ``systemctl`` for the unit ``haproxy.service``. Reads
``/proc`` and the journal, and makes the files HAProxy starts from.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .._common import process
from .._common.errors import StateError, SystemFailure
from .config import BalancerConfig
from .haproxy import HAProxy
from .haproxy_socket import Processes
from .structure import Service

CONFIGURATION = Path("/etc/haproxy/haproxy.cfg")
OWN_DIRECTORY = Path("/etc/haproxy/slipway")
UNIT = "haproxy.service"
_COMMAND_TIMEOUT = 60
_RELOAD_TIMEOUT = 10
_POLL = 0.02
_MAP_FILE = re.compile(r"(?<=map\()/[^,)\s]+")
_SECTION = re.compile(r"(?:frontend|listen)\s+(\S+)")
_BIND = re.compile(r"bind\s+(\S+)")


class HAProxyService(Service):
    """HAProxy under systemd, with slipway's directory as a second part of its configuration.

    :param config: names the application and the admin socket.
    """

    def __init__(
        self, config: BalancerConfig, configuration: Path = CONFIGURATION, directory: Path = OWN_DIRECTORY
    ) -> None:
        self.config = config
        self.configuration = configuration
        self.directory = directory
        self._since = 0.0

    def test(self, files: Mapping[Path, bytes | None]) -> None:
        with tempfile.TemporaryDirectory(prefix="slipway-haproxy-") as temporary:
            copy = Path(temporary) / "slipway"
            copy.mkdir()
            for name, text in self._own_files(files).items():
                (copy / name).write_text(_with_map_files(text, Path(temporary)), encoding="utf-8")
            self._refuse_shared_ports([self.configuration, *sorted(copy.iterdir())])
            tested = _run(["haproxy", "-W", "-c", "-f", str(self.configuration), "-f", str(copy)])
        if tested.returncode:
            raise SystemFailure(
                "HAProxy refuses the new configuration: "
                + _alerts(tested.stderr.replace(str(copy), str(self.directory))),
                where=str(self.directory),
                remedy="correct what the message names; nothing was changed",
            )

    def running(self) -> bool:
        return _run(["systemctl", "is-active", "--quiet", UNIT]).returncode == 0

    def start(self) -> None:
        self._control("start")

    def reload(self) -> Callable[[], bool]:
        """A master keeps its arguments for life: one that was started without slipway's directory is restarted."""
        if not self.running() or not self._reads_own_directory():
            self._control("restart")
            return lambda: True
        before = self._processes()
        self._control("reload")
        if before is not None:
            self._refuse_failed_reload(before)
        old = set(before.workers) if before else set()
        return lambda: not old & set(self._workers())

    def loaded(self) -> str:
        return HAProxy(self.config).structure()

    def complaints(self) -> str:
        journal = _run(["journalctl", "-u", UNIT, "-o", "cat", "--no-pager", f"--since=@{self._since:.3f}"])
        return _alerts(journal.stdout) if journal.returncode == 0 else ""

    def _control(self, verb: str) -> None:
        self._since = time.time()
        self._prepare()
        if verb != "reload":
            _run(["systemctl", "daemon-reload"])
            _run(["systemctl", "reset-failed", UNIT])
        done = _run(["systemctl", verb, UNIT])
        if done.returncode:
            raise self._failed(verb, done.stderr)

    def _failed(self, verb: str, message: str) -> SystemFailure:
        return SystemFailure(
            f"HAProxy does not {verb}: {self.complaints() or _joined(message)}",
            where=UNIT,
            remedy=f"see 'systemctl status {UNIT}' and correct what it names, then run again",
        )

    def _prepare(self) -> None:
        """Make the files HAProxy starts from fit the structure on disk, which is the old one after a failure."""
        try:
            config = BalancerConfig.load(self.config.app)
        except StateError:
            config = self.config
        HAProxy(config).prepare()

    def _processes(self) -> Processes | None:
        return HAProxy(self.config).processes()

    def _workers(self) -> Sequence[int]:
        processes = self._processes()
        return processes.workers if processes else ()

    def _refuse_failed_reload(self, before: Processes) -> None:
        """Neither the signal nor the unit tells whether a reload succeeded; the master counts those that failed."""
        deadline = time.monotonic() + _RELOAD_TIMEOUT
        now: Processes | None = before
        while now is None or now.reloads == before.reloads:
            if time.monotonic() >= deadline:
                return
            time.sleep(_POLL)
            with suppress(SystemFailure):
                now = self._processes()
        if now.failed:
            raise self._failed("reload", "")

    def _reads_own_directory(self) -> bool:
        master = _run(["systemctl", "show", "-P", "MainPID", UNIT]).stdout.strip()
        try:
            arguments = Path(f"/proc/{master}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return str(self.directory).encode() in arguments

    def _own_files(self, files: Mapping[Path, bytes | None]) -> dict[str, str]:
        present = {path: path.read_bytes() for path in self.directory.glob("*.cfg")}
        merged: dict[Path, bytes | None] = {**present, **files}
        return {
            path.name: data.decode("utf-8")
            for path, data in merged.items()
            if path.parent == self.directory and data is not None
        }

    def _refuse_shared_ports(self, files: Sequence[Path]) -> None:
        """HAProxy lets two of its sections listen on one port, and gives each a part of the connections."""
        taken: dict[str, str] = {}
        for section, port in (found for path in files if path.exists() for found in _binds(path)):
            other = taken.setdefault(port, section)
            if other != section:
                raise SystemFailure(
                    f"'{other}' and '{section}' would both listen on port {port}",
                    where=f"{self.configuration} and {self.directory}",
                    remedy="choose another balancer port, or remove the other listener; nothing was changed",
                )


def _binds(path: Path) -> Iterator[tuple[str, str]]:
    section = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.strip()
        if found := _SECTION.match(words):
            section = found[1]
        elif found := _BIND.match(words):
            yield from ((section, address.rpartition(":")[2]) for address in found[1].split(",") if ":" in address)


def _with_map_files(text: str, temporary: Path) -> str:
    """Maps that do not exist yet stand empty in the temporary directory: HAProxy opens them for a test too."""
    for number, name in enumerate(sorted(set(_MAP_FILE.findall(text)))):
        if not Path(name).exists():
            stand_in = temporary / f"{number}.map"
            stand_in.touch()
            text = text.replace(name, str(stand_in))
    return text


def _alerts(text: str) -> str:
    lines = [line for line in text.splitlines() if "[ALERT]" in line]
    return _joined("\n".join(line.partition(" : ")[2] or line for line in lines))


def _joined(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def _run(command: Sequence[str]) -> process.Finished:
    try:
        return process.run(command, timeout=_COMMAND_TIMEOUT)
    except (OSError, process.TimeoutExpired) as exc:
        raise SystemFailure(
            f"'{command[0]}' could not be run: {exc}", where=" ".join(command), remedy="install it, or see why it hangs"
        ) from exc
