# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one ledger: read as a whole, written one durable file at a time, under a lock.

Touches <directory>/{lock,uuid,lease.json,state.json,deployments/<id>/{plan.json,events.jsonl,evidence.json}}; in check
mode nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._common.errors import StateError, SystemFailure
from .._common.fence import Fence
from .._common.files import fsync_directory, read_state, write_atomic, write_state
from .._evidence.document import SCHEMA as DOCUMENT_SCHEMA
from .._evidence.keep import text

SCHEMA = 1
# A plan says itself which schema it has: one that parks or migrates is refused by versions that know nothing of that.
PLAN_SCHEMA = 3


class Storage:
    """Where a ledger is kept.

    :param directory: of this application's ledger.
    :param check_mode: write nothing and take no lock.
    """

    def __init__(self, directory: Path, *, check_mode: bool = False) -> None:
        self.directory = directory
        self.check_mode = check_mode

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process of this host out, and turn a failure to write into one error.

        :raises SystemFailure: a file could not be written.
        """
        try:
            if self.check_mode:
                yield
                return
            if not self.directory.exists():
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                fsync_directory(self.directory.parent)
            with Fence(self.directory, 0).held():
                yield
        except OSError as exc:
            raise SystemFailure(
                f"the ledger cannot be written: {exc.strerror or exc}",
                where=str(self.directory),
                remedy="see that the disk has room and is writable, then run again",
            ) from exc

    def uuid(self) -> str | None:
        """Identity of this ledger; ``None`` before its first deployment."""
        try:
            return (self.directory / "uuid").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def ensure_uuid(self) -> str:
        """Identity of this ledger, given to it now if it has none."""
        known = self.uuid()
        if known:
            return known
        fresh = str(uuid.uuid4())
        if not self.check_mode:
            write_atomic(self.directory / "uuid", f"{fresh}\n".encode("ascii"), mode=0o600)
        return fresh

    def read(self, name: str) -> dict[str, Any]:
        """State file ``name``; empty when there is none."""
        return read_state(self.directory / name, SCHEMA) or {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace state file ``name``."""
        self._write(self.directory / name, SCHEMA, content)

    def plan(self, deployment: str) -> dict[str, Any]:
        """The plan that ``deployment`` carries out."""
        return read_state(self._plan_file(deployment), PLAN_SCHEMA) or {}

    def _plan_file(self, deployment: str) -> Path:
        return self.directory / "deployments" / deployment / "plan.json"

    def _write(self, path: Path, schema: int, content: dict[str, Any]) -> None:
        if not self.check_mode:
            content = {key: value for key, value in content.items() if key != "schema"}
            write_state(path, schema, content, mode=0o600)

    @contextmanager
    def new_deployment(self, deployment: str, plan: dict[str, Any]) -> Iterator[None]:
        """Make the directory of a deployment with its plan; it goes again when what follows cannot be written."""
        if self.check_mode:
            yield
            return
        directory = self.directory / "deployments" / deployment
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        directory.mkdir(mode=0o700)
        try:
            fsync_directory(directory.parent)
            self._write(self._plan_file(deployment), plan["schema"], plan)
            yield
        except OSError:
            if (self.read("lease.json").get("open") or {}).get("deployment") != deployment:
                shutil.rmtree(directory, ignore_errors=True)
            raise

    def append_event(self, deployment: str, event: dict[str, Any]) -> None:
        """Add one line to the deployment's events, durable when this returns, or not there at all."""
        if self.check_mode:
            return
        line = json.dumps({"schema": SCHEMA, **event}, sort_keys=True).encode("utf-8") + b"\n"
        path = self.directory / "deployments" / deployment / "events.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            try:
                _write_all(descriptor, b"\n" + line if torn else line)
                os.fsync(descriptor)
                if size == 0:
                    fsync_directory(path.parent)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)

    def write_document(self, deployment: str, made: dict[str, Any]) -> None:
        """Replace the document of a deployment.

        :raises OSError: it cannot be written.
        """
        if not self.check_mode:
            path = self.directory / "deployments" / deployment / "evidence.json"
            write_atomic(path, text(made).encode("utf-8"), mode=0o600)

    def document(self, deployment: str) -> dict[str, Any] | None:
        """The document of a deployment; ``None`` where there is none, or one that this program cannot read."""
        try:
            made = read_state(self.directory / "deployments" / deployment / "evidence.json", DOCUMENT_SCHEMA)
        except StateError:
            return None
        return made

    def prune(self, kept: set[str]) -> None:
        """Remove the directories of all deployments but these and the one that has not ended."""
        if self.check_mode:
            return
        unfinished = (self.read("lease.json").get("open") or {}).get("deployment")
        for directory in (self.directory / "deployments").glob("*"):
            if directory.name not in kept and directory.name != unfinished:
                shutil.rmtree(directory, ignore_errors=True)

    def events(self, deployment: str) -> list[dict[str, Any]]:
        """The deployment's events; a line that a crash tore in two is left out."""
        try:
            text = (self.directory / "deployments" / deployment / "events.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [event for event in map(_parsed, text.splitlines()) if event is not None]


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(line))
    except ValueError:
        return None
