# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops what is run in machines over SSH at each file that it opens to write, and asks somebody what to do about it.

The kernel (fanotify) holds the writer until it has the answer, so that nothing is written before. Touches nothing but
the processes that the answer kills.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import signal
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .errors import LabError
from .plan import Host

STATE = "/var/lib/slipway"
# What of the state is written: the ledger with its deployments, and beside each journal what belongs to it.
DIRECTORIES = ("ledger/{app}", "ledger/{app}/deployments", "balancer/{app}", "application/{app}")
LOCK = "lock"
SESSION = "/session-"
TEMPORARY = re.compile(r"^\.(.+)\.[^.]{8}$")
MARK_ADD = 0x1
OPEN_PERMISSION = 0x10000
ON_DIRECTORY = 0x40000000
ON_CHILD = 0x08000000
CLASS_CONTENT = 0x4
CLOSE_ON_EXEC = 0x1
NON_BLOCKING = 0x2
UNLIMITED = 0x30
REPORT_THREAD = 0x100
ALLOW = 0x1
MASK = OPEN_PERMISSION | ON_DIRECTORY | ON_CHILD
EVENT = struct.Struct("=IBBHQii")
ANSWER = struct.Struct("=iI")
BUFFER = 64 * 1024
# Number of openat on x86_64 and on aarch64; the third argument has the flags.
OPENAT = ("257", "56")
AT_FDCWD = -100
# The place of the start time in /proc/PID/stat, behind the name of the program.
STARTED = 19


@dataclass(frozen=True, order=True)
class Write:
    """One write: which file on which machine, and the how-manieth of it since the watch began.

    :ivar file: below ``/var/lib/slipway``, without application and deployment.
    """

    host: str
    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.host}:{self.file}:{self.number}"

    @classmethod
    def parse(cls, text: str) -> Write:
        """The opposite of ``str``."""
        host, file, number = text.split(":")
        return cls(host, file, int(number))


class _Group:
    """The marks on one machine, and the events that come of them."""

    def __init__(self, host: Host, app: str) -> None:
        self.host = host
        self.libc = ctypes.CDLL(None, use_errno=True)
        flags = CLASS_CONTENT | CLOSE_ON_EXEC | NON_BLOCKING | UNLIMITED | REPORT_THREAD
        self.descriptor = self._checked(self.libc.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC))
        process = machine.leader(host)
        if process is None:
            raise LabError(f"the machine {host.name} is off", f"python3 -m lab start --name {host.lab} {host.name}")
        for directory in DIRECTORIES:
            path = Path(f"/proc/{process}/root{STATE}", directory.format(app=app))
            if path.is_dir():
                self.mark(AT_FDCWD, str(path))

    def mark(self, directory: int, path: str) -> None:
        """Hold whoever opens a file in a directory."""
        mask = ctypes.c_uint64(MASK)
        self._checked(self.libc.fanotify_mark(self.descriptor, MARK_ADD, mask, directory, os.fsencode(path)))

    def opened(self) -> Iterator[tuple[int, int]]:
        """Descriptor of what is being opened, and the thread; that waits until the next one is asked for.

        Nothing where the only thread that waited has been killed meanwhile.
        """
        try:
            events = os.read(self.descriptor, BUFFER)
        except BlockingIOError:
            return
        while events:
            length, _version, _reserved, _header, _mask, descriptor, thread = EVENT.unpack_from(events)
            events = events[length:]
            try:
                yield descriptor, thread
            finally:
                with contextlib.suppress(OSError):
                    os.write(self.descriptor, ANSWER.pack(descriptor, ALLOW))
                os.close(descriptor)

    def close(self) -> None:
        """Hold nobody any more."""
        os.close(self.descriptor)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise LabError(f"fanotify: {os.strerror(number)}", "the kernel needs CONFIG_FANOTIFY_ACCESS_PERMISSIONS")
        return result


class Writes:
    """Watches the writes of an application's ledger and state on machines, from entering the context to leaving it.

    :param act: called with each write, and with the time at which its process was started (microseconds of
        CLOCK_BOOTTIME, in steps of the kernel's tick), while the writer waits; an exception of it is raised again on
        leaving.
    """

    def __init__(self, hosts: Sequence[Host], app: str, act: Callable[[Write, int], None]) -> None:
        self.hosts = hosts
        self.app = app
        self.act = act
        self.numbers: Counter[tuple[str, str]] = Counter()
        self.failure: BaseException | None = None

    def __enter__(self) -> Writes:
        self.groups = [_Group(host, self.app) for host in self.hosts]
        self.end, self.ender = os.pipe()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self.ender)
        self.thread.join()
        os.close(self.end)
        if self.failure is not None:
            raise self.failure

    def _follow(self) -> None:
        by_descriptor = {group.descriptor: group for group in self.groups}
        try:
            while True:
                ready = select.select([self.end, *by_descriptor], [], [])[0]
                if self.end in ready:
                    return
                for descriptor in ready:
                    self._answer(by_descriptor[descriptor])
        except BaseException as exc:  # noqa: BLE001
            self.failure = exc
        finally:
            for group in self.groups:
                group.close()

    def _answer(self, group: _Group) -> None:
        for descriptor, thread in group.opened():
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            if path.name == "deployments":
                for name in os.listdir(descriptor):
                    group.mark(descriptor, name)
            elif path.name != LOCK and opens_to_write(thread) and came_over_ssh(thread):
                file = short_name(path)
                self.numbers[group.host.name, file] += 1
                self.act(Write(group.host.name, file, self.numbers[group.host.name, file]), started_us(thread))


def short_name(path: Path) -> str:
    """``ledger/lease.json`` for the temporary file of an application's lease."""
    kind, _app, *_between, name = path.parts[path.parts.index("slipway") + 1 :]
    temporary = TEMPORARY.match(name)
    return f"{kind}/{temporary.group(1) if temporary else name}"


def opens_to_write(thread: int) -> bool:
    """Whether a thread that waits in a call of ``open`` would write."""
    try:
        number, *arguments = Path(f"/proc/{thread}/syscall").read_text(encoding="ascii").split()
    except OSError:
        return False
    return number in OPENAT and int(arguments[2], 16) & os.O_ACCMODE != os.O_RDONLY


def came_over_ssh(process: int) -> bool:
    """Whether a process of a machine belongs to somebody's session there, and not to a service."""
    try:
        return SESSION in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False


def started_us(process: int) -> int:
    """When a process was started, in microseconds of CLOCK_BOOTTIME; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[STARTED]) * 1_000_000 // os.sysconf("SC_CLK_TCK")


def kill_sessions(hosts: Sequence[Host]) -> None:
    """SIGKILL for all that runs on the machines over SSH."""
    for host in hosts:
        while sessions := [process for process in machine.processes(machine.groups(host)[0]) if came_over_ssh(process)]:
            for process in sessions:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.001)
