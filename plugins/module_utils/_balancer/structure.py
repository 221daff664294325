# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the configuration of a balancer: test a copy, replace the files, load, read back, or put the old ones back.

Touches the files it is given, and the running balancer through a ``Service``.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from .._common.canonical import digest
from .._common.errors import SlipwayError, SystemFailure
from .._common.fence import Fence
from .._common.files import fsync_directory, write_atomic
from .steps import Steps

PLACEHOLDER = "@STRUCTURE@"
LOCK_DIRECTORY = Path("/var/lib/slipway/structure")
POLL = 0.02


class Service(ABC):
    """The program that balances, as far as its configuration is concerned."""

    @abstractmethod
    def test(self, files: Mapping[Path, bytes | None]) -> None:
        """Let the program judge a copy of its whole configuration in which ``files`` are replaced.

        :param files: new content, or ``None`` for a file to be removed.
        :raises SystemFailure: it refuses.
        """

    @abstractmethod
    def running(self) -> bool:
        """Whether it runs."""

    @abstractmethod
    def start(self) -> None:
        """Start it.

        :raises SystemFailure: it does not start.
        """

    @abstractmethod
    def reload(self) -> Callable[[], bool]:
        """Ask it to load its configuration; the answer tells whether no process with the old one takes work any more.

        :raises SystemFailure: it refuses.
        """

    @abstractmethod
    def loaded(self) -> str:
        """The digest in the configuration that the running program has loaded; empty when that has none.

        :raises SystemFailure: nobody answers.
        """

    @abstractmethod
    def complaints(self) -> str:
        """What the program logged since the last ``reload`` or ``start`` that explains a refusal; may be empty."""


@dataclass(frozen=True)
class Structure:
    """Files of a configuration.

    :param files: content by path, in the order in which they are replaced; ``@STRUCTURE@`` in it stands for the
        digest of them all, which the running program must answer.
    :param absent: paths that must not exist.
    """

    files: dict[Path, str]
    absent: tuple[Path, ...] = ()

    def digest(self) -> str:
        """Identifies this structure; 16 hexadecimal digits."""
        content = {str(path): text for path, text in self.files.items()}
        return digest({"files": content, "absent": [str(path) for path in self.absent]})[:16]

    def wanted(self) -> dict[Path, bytes | None]:
        """New content by path, removals first, so that no prefix of the changes is in conflict with itself."""
        wanted: dict[Path, bytes | None] = dict.fromkeys(self.absent)
        found = self.digest()
        wanted.update({path: text.replace(PLACEHOLDER, found).encode() for path, text in self.files.items()})
        return wanted


@dataclass
class Installed:
    """What an installation found and did.

    :param before: text of the files that changed, before; empty for none.
    :param after: the same, after.
    """

    changed: bool
    structure: str
    before: dict[str, str]
    after: dict[str, str]
    steps: list[dict[str, Any]] = field(default_factory=list)


def install(
    service: Service,
    structure: Structure,
    *,
    check: bool = False,
    deadline: int = 10,
    lock_directory: Path = LOCK_DIRECTORY,
) -> Installed:
    """Make the running program use ``structure``.

    :param check: test the copy, change nothing.
    :param deadline: seconds for the running program to answer with the new structure, for each of two attempts.
    :raises SystemFailure: it was refused; the files are as they were.
    """
    work = _Install(service, structure, deadline)
    if check:
        return work.checked()
    with Fence(lock_directory, 0).held():
        return work.done()


class _Install:
    def __init__(self, service: Service, structure: Structure, deadline: int) -> None:
        self.service = service
        self.wanted = structure.wanted()
        self.digest = structure.digest()
        self.deadline = deadline
        self.steps = Steps()
        self.old = {path: _Old.of(path) for path in self.wanted}
        self.stale = {path: new for path, new in self.wanted.items() if not self.old[path].is_content(new)}

    def checked(self) -> Installed:
        if self._changed():
            self.service.test(self.wanted)
        return self._installed()

    def done(self) -> Installed:
        result = self._installed()
        if result.changed:
            with self.steps.step("test"):
                self.service.test(self.wanted)
            with self.steps.step("replace"):
                for path, new in self.stale.items():
                    _put(path, new)
            self._load_or_restore()
        result.steps = self.steps.done
        return result

    def _installed(self) -> Installed:
        before = {str(path): self.old[path].text() for path in self.stale}
        after = {str(path): (new or b"").decode() for path, new in self.stale.items()}
        return Installed(self._changed(), self.digest, before, after)

    def _changed(self) -> bool:
        return bool(self.stale) or self._loaded() != self.digest

    def _loaded(self) -> str:
        try:
            return self.service.loaded()
        except SystemFailure:
            return ""

    def _load_or_restore(self) -> None:
        was_running = self.service.running()
        try:
            with self.steps.step("load"):
                self._load()
        except SlipwayError:
            with self.steps.step("restore"):
                for path in self.stale:
                    self.old[path].restore(path)
                if was_running:
                    self.service.reload()
            raise

    def _load(self) -> None:
        if self.service.running():
            loaded = self._reload() or self._reload()
        else:
            self.service.start()
            loaded = self._await(self._is_loaded)
        if not loaded:
            raise self._not_loaded()

    def _reload(self) -> bool:
        """Reloads in quick succession coalesce, so one that shows no effect is asked for again."""
        old_ones_gone = self.service.reload()
        return self._await(lambda: self._is_loaded() and old_ones_gone())

    def _is_loaded(self) -> bool:
        return self._loaded() == self.digest

    def _await(self, holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self.deadline
        while not holds():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL)
        return True

    def _not_loaded(self) -> SystemFailure:
        reason = self.service.complaints() or (
            "processes with the old one still take work"
            if self._is_loaded()
            else f"it answers with structure {self._loaded() or 'unknown'}"
        )
        return SystemFailure(
            f"the new configuration was accepted but does not come into use: {reason}",
            where=", ".join(str(path) for path in self.wanted),
            remedy="free the port or correct what the message names, then run again; the old files are back",
        )


@dataclass(frozen=True)
class _Old:
    """What a path was: nothing, a link, or a file."""

    data: bytes | None
    link: str | None
    mode: int

    @classmethod
    def of(cls, path: Path) -> _Old:
        if path.is_symlink():
            return cls(None, os.readlink(path), 0)
        if not path.exists():
            return cls(None, None, 0)
        return cls(path.read_bytes(), None, path.stat().st_mode & 0o777)

    def is_content(self, new: bytes | None) -> bool:
        return self.link is None and self.data == new

    def text(self) -> str:
        return f"-> {self.link}\n" if self.link is not None else (self.data or b"").decode("utf-8", "replace")

    def restore(self, path: Path) -> None:
        if self.link is not None:
            path.unlink(missing_ok=True)
            os.symlink(self.link, path)
        else:
            _put(path, self.data, self.mode)


def _put(path: Path, data: bytes | None, mode: int = 0o644) -> None:
    _sweep(path)
    if data is None:
        path.unlink(missing_ok=True)
        fsync_directory(path.parent)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomic(path, data, mode=mode)


def _sweep(path: Path) -> None:
    """Remove what a run that was killed while it wrote ``path`` left beside it."""
    for leftover in path.parent.glob(f".{escape(path.name)}.????????"):
        leftover.unlink()
