# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a loopback HTTP port several questions over one connection.

Opens one TCP connection to 127.0.0.1; touches nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from .._common.errors import SystemFailure

ADDRESS = "127.0.0.1"
_LONGEST = 65536


@dataclass(frozen=True)
class Answer:
    """Status and text of one answer."""

    status: int
    text: str


def ask(port: int, paths: Sequence[str], timeout: float = 2.0) -> list[Answer]:
    """Ask for every path, pipelined over one fresh connection.

    :param timeout: seconds for each read.
    :raises SystemFailure: nobody answers, or not in HTTP.
    """
    requests = [f"GET {path} HTTP/1.1\r\nHost: slipway\r\n\r\n" for path in paths]
    try:
        with socket.create_connection((ADDRESS, port), timeout=timeout) as connection:
            connection.sendall("".join(requests).encode("ascii"))
            with connection.makefile("rb") as stream:
                return [_answer(stream) for _path in paths]
    except (OSError, ValueError) as exc:
        raise SystemFailure(
            f"the balancer does not answer on its status port: {exc}",
            where=f"{ADDRESS}:{port}",
            remedy="see that the service runs with 'systemctl status nginx', then run site.yml",
        ) from exc


def _answer(stream: BinaryIO) -> Answer:
    version, status, *_reason = stream.readline(_LONGEST).decode("latin-1").split()
    if not version.startswith("HTTP/1."):
        raise ValueError(f"not an HTTP answer: {version!r}")
    length = 0
    while (line := stream.readline(_LONGEST)) not in (b"\r\n", b""):
        name, _colon, value = line.decode("latin-1").partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return Answer(int(status), stream.read(length).decode("utf-8", "replace"))
