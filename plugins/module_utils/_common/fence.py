# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence of one host: a local lock, the ledger it obeys, the highest fencing token it has seen and has barred.

Touches ``lock``, ``ledger``, ``token``, ``announced`` and ``barred`` in the directory of the fence. Every mutation of
a host happens inside ``Fence.held`` and calls ``Fence.check`` immediately before it acts. Who has to wait for the lock
announces its token, so that a long-running holder that it replaces stops at its next check.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StaleTokenError, StateError
from .files import write_atomic

LOCK_TIMEOUT = 30
ANNOUNCED = "announced"


class Fence:
    """Lock and token of one application on one host.

    :param directory: where the lock and the token live; made when it is missing.
    :param token: the fencing token of the deployment that wants to act; ``0`` for a host's own agent, which acts
        with the token the host already knows.
    :param ledger: UUID of the ledger that issued the token; empty where none did. The first one is pinned.
    :param adopt: obey this ledger from now on, whatever the host has obeyed before.
    """

    def __init__(self, directory: Path, token: int, *, ledger: str = "", adopt: bool = False) -> None:
        self.directory = directory
        self.token = token
        self.ledger = ledger
        self.adopt = adopt

    def pinned(self) -> str:
        """UUID of the ledger that this host obeys; empty before the first."""
        try:
            return (self.directory / "ledger").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def seen(self) -> int:
        """The highest token this host has seen; 0 before the first."""
        return max(self._read("token"), self._read(ANNOUNCED))

    def barred(self) -> int:
        """The highest token whose deployment this host no longer obeys; 0 before the first."""
        return self._read("barred")

    def bar_token(self, token: int) -> None:
        """Never again obey ``token`` or a lower one; called with the lock held, when a lease has run out."""
        if token > self.barred():
            self._write("barred", token)

    def learn(self, token: int) -> None:
        """Obey nothing below ``token``, which another host has seen; called with the lock held."""
        if token > self._read("token"):
            self._write("token", token)

    def check(self) -> None:
        """Refuse to act for a deployment that a newer one has replaced, or that another ledger has recorded.

        :raises StaleTokenError: this host has seen a higher token, or has barred this one.
        :raises StateError: this host obeys another ledger.
        """
        self._refuse_other_ledger()
        if self.token and self.token <= self.barred():
            raise StaleTokenError(
                f"token {self.token} is barred, the lease of its deployment ran out on this host",
                where=str(self.directory),
                remedy="nothing was changed; the traffic returned to where the lease said, start a new deployment",
            )
        seen = self.seen()
        if self.token and self.token < seen:
            raise StaleTokenError(
                f"token {self.token} is stale, this host has seen {seen}",
                where=str(self.directory),
                remedy="nothing was changed; a newer deployment is in charge, look at it with status.yml",
            )

    @contextmanager
    def held(self, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
        """Hold the lock, with the token checked and recorded.

        :param timeout: seconds to wait for another writer on this host.
        :raises StaleTokenError: this host has seen a higher token, or has barred this one.
        :raises StateError: another writer kept the lock longer than ``timeout``.
        """
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not self._locked(descriptor):
                self._announce()
                self._lock(descriptor, timeout)
            self.check()
            self.learn(self.token)
            self._pin()
            yield
        finally:
            os.close(descriptor)

    def _refuse_other_ledger(self) -> None:
        pinned = self.pinned()
        if self.ledger and pinned not in ("", self.ledger) and not self.adopt:
            raise StateError(
                f"this host obeys ledger {pinned}, not {self.ledger}",
                where=str(self.directory),
                remedy="correct slipway_ledger_host; where that ledger is lost, adopt this one with "
                "slipway_adopt_ledger=true and slipway_reason",
            )

    def _pin(self) -> None:
        if self.ledger and self.pinned() != self.ledger:
            write_atomic(self.directory / "ledger", f"{self.ledger}\n".encode("ascii"))

    def _read(self, name: str) -> int:
        try:
            return int((self.directory / name).read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except ValueError as exc:
            raise StateError(
                "the fencing token cannot be read",
                where=str(self.directory / name),
                remedy="remove the file once no deployment is running",
            ) from exc

    def _write(self, name: str, token: int) -> None:
        write_atomic(self.directory / name, f"{token}\n".encode("ascii"))

    def _announce(self) -> None:
        self.check()
        if self.token > self.seen():
            self._write(ANNOUNCED, self.token)

    def _lock(self, descriptor: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self._locked(descriptor):
            if time.monotonic() >= deadline:
                raise StateError(
                    f"another writer has kept the lock for {timeout:g} s",
                    where=str(self.directory / "lock"),
                    remedy="see who holds it with 'fuser', then run again",
                )
            time.sleep(0.02)

    def _locked(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
