# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's runtime API: commands to its workers over the admin socket and the master socket.

Touches only the two sockets. HAProxy answers every command with lines of text and one empty line, errors included.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, sleep

from .._common.errors import SystemFailure

TIMEOUT = 5
_LISTENS_WITHIN = 0.5
_POLL = 0.01
UNKNOWN_MAP = "Unknown map identifier"
_NO_SUCH_PROCESS = "Can't find the target PID"
_TO_OLD_WORKER = "@!"


class WorkerGone(SystemFailure):
    """An old worker ended between being named and being asked."""


class Interrupted(SystemFailure):
    """HAProxy ended the connection before it had answered, as it does while it is being reloaded."""


def ask(path: str, commands: Sequence[str], timeout: float = TIMEOUT) -> list[str]:
    """Send ``commands`` over one connection; the answer of each, without its closing empty line.

    The sending side is closed at once: a master waits for more otherwise.

    :raises WorkerGone: the commands are for a worker that has ended.
    :raises SystemFailure: nothing answers, or not to every command.
    """
    received = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            _connect(connection, path)
            connection.sendall(";".join(commands).encode("ascii") + b"\n")
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
    except OSError as exc:
        kind = Interrupted if isinstance(exc, (ConnectionResetError, BrokenPipeError)) else SystemFailure
        raise kind(
            f"HAProxy does not answer: {exc.strerror or exc}",
            where=path,
            remedy="see 'systemctl status haproxy'; what is recorded takes effect when it starts",
        ) from exc
    text = received.decode("utf-8", "replace")
    ended_while_asked = not text and commands[0].startswith(_TO_OLD_WORKER)
    if ended_while_asked or text.startswith(_NO_SUCH_PROCESS):
        raise WorkerGone(text.strip() or "an old worker has ended", where=path, remedy="run again")
    answers = split_answers(text)
    if len(answers) < len(commands):
        raise Interrupted(
            f"HAProxy answered {len(answers)} of {len(commands)} commands",
            where=path,
            remedy="see 'journalctl -u haproxy', then run again",
        )
    return answers[: len(commands)]


def _connect(connection: socket.socket, path: str) -> None:
    """A worker that is being started puts its socket in place a moment before it listens."""
    give_up = monotonic() + _LISTENS_WITHIN
    while True:
        try:
            return connection.connect(path)
        except ConnectionRefusedError:
            if monotonic() >= give_up:
                raise
            sleep(_POLL)


def split_answers(text: str) -> list[str]:
    """The answers in a stream of answers, each of which an empty line ends."""
    answers: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        if line:
            lines.append(line)
        else:
            answers.append("\n".join(lines))
            lines = []
    return answers


@dataclass(frozen=True)
class Processes:
    """What the master says about its workers.

    :param workers: process ids of the workers that take new connections.
    :param old_workers: those that a reload replaced and that still serve the connections they have.
    :param reloads: how often the master was reloaded since it started.
    :param failed: how many reloads failed since the last one that succeeded.
    """

    workers: tuple[int, ...]
    old_workers: tuple[int, ...]
    reloads: int
    failed: int


def parse_processes(text: str) -> Processes:
    """Read the answer to ``show proc``.

    :raises ValueError: it is not such an answer.
    """
    found: dict[str, list[int]] = {"workers": [], "old workers": []}
    section = ""
    master: tuple[int, int] | None = None
    for line in text.splitlines():
        if line.startswith("# "):
            section = line[2:]
        elif line[:1].isdigit():
            fields = line.replace("[failed:", "").replace("]", "").split()
            if fields[1] == "master":
                master = (int(fields[2]), int(fields[3]))
            elif fields[1] == "worker" and section in found:
                found[section].append(int(fields[0]))
    if master is None:
        raise ValueError(f"no master in {text!r}")
    return Processes(tuple(found["workers"]), tuple(found["old workers"]), *master)


def parse_shown_map(text: str) -> dict[str, str]:
    """Read the answer to ``show map``: lines of address, key and value."""
    rows = [line.split(maxsplit=2) for line in text.splitlines()]
    return {row[1]: row[2] for row in rows if len(row) == 3}


def parse_admin_states(text: str) -> dict[str, int]:
    """Read the answer to ``show servers state``: server name to the mask of its administrative state."""
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {row[3]: int(row[6]) for row in rows if len(row) > 6}


def parse_used_connections(text: str) -> dict[str, int]:
    """Read the answer to ``show servers conn``: server name to its connections in use, idle ones aside."""
    header, *lines = text.splitlines() or [""]
    if "used_cur" not in header:
        return {}
    column = header.lstrip("# ").split().index("used_cur")
    rows = [line.split() for line in lines]
    return {row[0].rpartition("/")[2]: int(row[column]) for row in rows}


class Worker:
    """One worker process, reached directly or by way of the master."""

    def __init__(self, path: str, prefix: str = "") -> None:
        self.path = path
        self.prefix = prefix

    def ask(self, commands: Sequence[str]) -> list[str]:
        """The answers of this worker to ``commands``.

        :raises SystemFailure: it does not answer.
        """
        return ask(self.path, [self.prefix + command for command in commands])

    def do(self, commands: Sequence[str]) -> None:
        """Carry out ``commands``, to which a worker answers nothing unless it refuses.

        :raises SystemFailure: one was refused.
        """
        if not commands:
            return
        for command, answer in zip(commands, self.ask(commands)):
            if answer:
                raise SystemFailure(
                    f"HAProxy refused '{command}': {answer}",
                    where=self.path,
                    remedy="the running configuration is not the one slipway wrote; run site.yml",
                )
