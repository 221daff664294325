# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe: does a TCP port accept a connection?

Opens one connection an attempt, and closes it.
"""

from __future__ import annotations

import socket

from .model import Answer, Probe, impossible
from .options import Options


class TcpProbe(Probe):
    """A port that must accept a connection."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    @classmethod
    def from_options(cls, options: Options) -> TcpProbe:
        """Read ``address``."""
        return cls(*options.address("address"))

    def target(self) -> str:
        return f"{self.host}:{self.port}"

    def attempt(self, timeout: float) -> Answer:
        try:
            socket.create_connection((self.host, self.port), timeout).close()
        except socket.gaierror as exc:
            return impossible(unknown_host(self.host, exc))
        except UnicodeError:
            return impossible(f"'{self.host}' cannot be the name of a host", final=True)
        except OSError as exc:
            return Answer(ok=False, detail=connection_failure(exc))
        return Answer(ok=True)


def unknown_host(host: str, exc: socket.gaierror) -> str:
    """What to say when a name has no address."""
    return f"the name '{host}' cannot be resolved: {exc.strerror or exc}"


def connection_failure(exc: OSError) -> str:
    """What to say when a connection failed or broke."""
    return f"{exc.strerror or exc or type(exc).__name__}"
