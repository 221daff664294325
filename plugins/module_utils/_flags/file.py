# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores of flags that are one file: edited under a lock, replaced as a whole, with nothing else in it lost.

Touches the file; its directory is what is locked, so no lock file stays behind.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from .._common.errors import StateError, SystemFailure
from .._common.files import write_atomic
from .base import Allow, Change, Provider, Unmanaged, present
from .model import Flag

LOCK_TIMEOUT = 30
NEW_MODE = 0o644


class FileStore(Provider):
    """A file of flags.

    :param path: absolute; what a link names is edited, and the link stays.
    :param create: make a file that is missing.
    :cvar undecodable: what becomes of bytes that are no UTF-8, as ``bytes.decode`` names it.
    """

    undecodable = "strict"

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self.create = create

    @abstractmethod
    def parse(self, text: str) -> list[str]:
        """The names of the flags in a text.

        :raises StateError: the text is not of this form.
        """

    @abstractmethod
    def flag(self, text: str, name: str) -> Flag | None:
        """A flag in a text.

        :raises StateError: the text is not of this form; ``Unmanaged`` when only this flag is not understood.
        """

    @abstractmethod
    def edited(self, text: str, flag: Flag) -> str:
        """The text with the flag in it, and everything else as it was.

        :raises StateError: the text is not of this form.
        """

    @abstractmethod
    def empty(self) -> str:
        """The text of a file without flags."""

    def place(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        return self.parse(self._text())

    def find(self, name: str) -> Flag | None:
        return self.flag(self._text(), name)

    def change(self, flag: Flag, allow: Allow, *, dry: bool = False) -> Change:
        try:
            with self._locked():
                text = self._text()
                before, foreign = present(lambda name: self.flag(text, name), flag)
                allow(before)
                fresh = self.edited(text, flag)
                self.require_only(flag, text, fresh)
                if fresh != text and not dry:
                    self._write(fresh)
                marked = self.marks(fresh, flag.name)
                return Change(before, flag, written=fresh != text, foreign=foreign, marked=marked)
        except OSError as exc:
            raise self._failed(exc) from exc

    def marks(self, text: str, name: str) -> bool:
        """Whether the text can say of a flag that it was killed."""
        return self.capabilities.marks

    def require_only(self, flag: Flag, text: str, fresh: str) -> None:
        """See once more that an edit changed this flag and nothing else.

        :raises StateError: it did not.
        """
        known = set(self.parse(text))
        after = set(self.parse(fresh))
        if not known <= after or any(
            self._other(text, name) != self._other(fresh, name) for name in known - {flag.name}
        ):
            raise self.malformed(f"an edit of flag {flag.name} would have changed others; nothing was written")

    def _other(self, text: str, name: str) -> Flag | str | None:
        try:
            return self.flag(text, name)
        except StateError as exc:
            return exc.what

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._real().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT
            while not _taken(descriptor):
                if time.monotonic() >= deadline:
                    raise StateError(
                        f"another writer has kept the lock of its directory for {LOCK_TIMEOUT} s",
                        where=str(self.path),
                        remedy="see who holds it with 'fuser', then run again",
                    )
                time.sleep(0.01)
            yield
        finally:
            os.close(descriptor)

    def _real(self) -> Path:
        return self.path.resolve()

    def _text(self) -> str:
        try:
            return self._real().read_bytes().decode("utf-8", self.undecodable)
        except FileNotFoundError:
            if self.create:
                return self.empty()
            remedy = "correct the path, or let it be made with create: true"
            raise StateError("there is no such file", where=str(self.path), remedy=remedy) from None
        except UnicodeDecodeError as exc:
            raise StateError("the file is no UTF-8", where=str(self.path), remedy="restore it") from exc
        except OSError as exc:
            raise self._failed(exc) from exc

    def _write(self, text: str) -> None:
        real, content = self._real(), text.encode("utf-8", self.undecodable)
        try:
            found = real.stat()
        except FileNotFoundError:
            write_atomic(real, content, mode=NEW_MODE)
            return
        mode = found.st_mode & 0o7777
        write_atomic(real, content, mode=mode, uid=found.st_uid, gid=found.st_gid)

    def _failed(self, exc: OSError) -> SystemFailure:
        what = f"the file cannot be read or written: {exc.strerror or exc}"
        remedy = "see that its directory is there and this user may write in it"
        return SystemFailure(what, where=str(self.path), remedy=remedy)

    def malformed(self, what: str, remedy: str = "correct the file, nothing was changed") -> StateError:
        """The error for a text that is not of this form."""
        return StateError(what, where=str(self.path), remedy=remedy)

    def unmanaged(self, what: str, remedy: str) -> Unmanaged:
        """The error for a flag that is not understood."""
        return Unmanaged(what, where=str(self.path), remedy=remedy)


def reader(name: str) -> Any:
    """A library that reads a format, to see once more what an edit did; ``None`` where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def lines_of(text: str) -> list[str]:
    """The lines of a text, with their ends; together they are the text."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
