# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The revisions that are kept on a host, and the verified artifacts they were made from.

Writes below ``revisions``, ``artifacts`` and ``shared`` of one application. Whatever has a name there without a leading
dot is complete and durable; what begins with a dot is being made or removed, and is swept by the next run.
"""

from __future__ import annotations

import ctypes
import hmac
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pwd import getpwnam
from typing import Any

from .._common.canonical import digest
from .._common.errors import InputError, StateError
from .._common.fence import ANNOUNCED
from .._common.files import fsync_directory, read_state, write_state
from .fetch import Limits, fetch, require_sha256, sha256_of
from .layout import Layout, make_directory
from .record import Record
from .revision import seal
from .unpack import Ceiling, replace_by_link, unpack

SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """Where the bytes of an artifact come from, and what they may cost.

    :param artifact: URL, or path on this host; ``None`` when this host must have the artifact already.
    :param secrets: secret values by name.
    :param secrets_key: key of their HMACs.
    """

    artifact: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets_key: str | None = field(default=None, repr=False)
    limits: Limits = Limits()
    ceiling: Ceiling = Ceiling()


class Store:
    """Kept revisions of one application."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def document(self, identifier: str) -> dict[str, Any] | None:
        """The revision document of a kept revision; ``None`` when it is not kept."""
        content = read_state(self.layout.revision(identifier) / "manifest.json", SCHEMA)
        return dict(content["document"]) if content else None

    def intact(self, identifier: str) -> bool:
        """Whether the manifest of a revision is the one that its identifier stands for."""
        return digest(self.document(identifier) or {})[:16] == identifier

    def identifiers(self) -> list[str]:
        """All kept revisions."""
        return _names(self.layout.revisions)

    def has_artifact(self, sha256: str) -> bool:
        """Whether the bytes of an artifact are on this host."""
        return (self.layout.artifacts / sha256).is_file()

    def add(self, identifier: str, document: Mapping[str, Any], source: Source) -> None:
        """Make a revision: fetch, verify, unpack, configure; visible as a whole or not at all."""
        _verify_secrets(document, source)
        archive = self._artifact(document["artifact"]["sha256"], source)
        account = getpwnam(document["user"])
        with _incoming(self.layout.revisions) as incoming:
            unpack(archive, incoming / "release", source.ceiling)
            self._share(incoming / "release", document["shared_directories"], account.pw_uid, account.pw_gid)
            _write_environment(incoming, document)
            _write_secrets(incoming / "secrets", source.secrets)
            incoming.chmod(0o755)
            write_state(incoming / "manifest.json", SCHEMA, {"revision": identifier, "document": dict(document)})
            _sync_file_system(incoming)
            os.rename(incoming, self.layout.revision(identifier))
            fsync_directory(self.layout.revisions)

    def leftovers(self) -> list[Path]:
        """What killed runs left; an announcement may be of a run that waits for the lock just now."""
        places = (self.layout.revisions, self.layout.artifacts, self.layout.slots, self.layout.state)
        hidden = [path for place in places if place.is_dir() for path in place.iterdir() if path.name.startswith(".")]
        return [path for path in hidden if not path.name.startswith(f".{ANNOUNCED}.")]

    def prunable(self, record: Record, linked: Collection[str], keep: int, protect: Sequence[str]) -> list[str]:
        """Revisions that policy lets go, the oldest first.

        Kept are the newest ``keep``, those in ``linked`` and ``protect``, the last proven one, and the last proven one
        that is not in ``linked``.

        :param linked: what the slots link to, or will; it need not be there yet.
        """
        present = self.identifiers()
        known = [item for item in record.history if item in present or item in linked]
        order = [*(item for item in present if item not in known), *known]
        spare_proven = [item for item in record.proven if item not in linked]
        kept = {*order[-keep:], *linked, *protect, *record.proven[-1:], *spare_proven[-1:]}
        return [item for item in order if item not in kept]

    def unneeded_artifacts(self, without: Sequence[str] = ()) -> list[str]:
        """Artifacts that no kept revision was made from, once the revisions ``without`` are gone."""
        documents = [self.document(identifier) for identifier in self.identifiers() if identifier not in without]
        needed = {document["artifact"]["sha256"] for document in documents if document}
        return [sha256 for sha256 in _names(self.layout.artifacts) if sha256 not in needed]

    def prune(self, identifiers: Sequence[str]) -> None:
        """Remove revisions, and the artifacts that are not needed then."""
        for identifier in identifiers:
            hidden = self.layout.revisions / f".pruned-{identifier}"
            os.rename(self.layout.revision(identifier), hidden)
            remove(hidden)
        for sha256 in self.unneeded_artifacts():
            (self.layout.artifacts / sha256).unlink()

    def _artifact(self, sha256: str, source: Source) -> Path:
        kept = self.layout.artifacts / sha256
        if kept.is_file() and sha256_of(kept) == sha256:
            return kept
        if not source.artifact:
            raise InputError(
                f"this host does not have the artifact {sha256}",
                where="artifact",
                remedy="give the artifact; a kept revision alone needs none",
            )
        with _incoming(self.layout.artifacts) as incoming:
            arriving = incoming / "artifact"
            require_sha256(fetch(source.artifact, arriving, source.limits, source.headers), sha256, source.artifact)
            os.rename(arriving, kept)
            fsync_directory(self.layout.artifacts)
        return kept

    def _share(self, release: Path, directories: Sequence[str], uid: int, gid: int) -> None:
        for name in directories:
            shared = self.layout.shared / name
            if not shared.is_dir():
                make_directory(shared, 0o750)
                os.chown(shared, uid, gid)
            replace_by_link(release, name, shared)


def require_account(document: Mapping[str, Any]) -> None:
    """Refuse a revision whose account this host does not have.

    :raises StateError: there is no such account.
    """
    try:
        getpwnam(document["user"])
    except KeyError:
        raise StateError(
            f"the account {document['user']!r} does not exist on this host",
            where="slipway_user",
            remedy="prepare the host with site.yml, or name an account that exists",
        ) from None


def _verify_secrets(document: Mapping[str, Any], source: Source) -> None:
    sealed = seal(source.secrets, source.secrets_key)
    if set(sealed) != set(document["secrets"]) or any(
        not hmac.compare_digest(value, document["secrets"][name]) for name, value in sealed.items()
    ):
        raise InputError(
            "the secrets are not the ones that the revision was planned with",
            where="secrets",
            remedy="pass the same secrets and secrets_key as when the deployment was planned",
        )


def _write_environment(incoming: Path, document: Mapping[str, Any]) -> None:
    files = {"environment": {"RELEASE": document["version"], **document["config"]}}
    for component in document["components"]:
        if component["environment"]:
            files[f"environment.{component['name']}"] = component["environment"]
    for name, variables in files.items():
        path = incoming / name
        path.write_text(environment_text(variables), encoding="utf-8")
        path.chmod(0o640)


def environment_text(variables: Mapping[str, str]) -> str:
    """Variables in the syntax of systemd's EnvironmentFile."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def _quoted(value: str) -> str:
    escaped = "".join(f"\\{letter}" if letter in '"\\$`' else letter for letter in value)
    return f'"{escaped}"'


def _write_secrets(directory: Path, secrets: Mapping[str, str]) -> None:
    if not secrets:
        return
    directory.mkdir(mode=0o700)
    for name, value in secrets.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(value.encode("utf-8"))


@contextmanager
def _incoming(parent: Path) -> Iterator[Path]:
    make_directory(parent)
    incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=parent))
    try:
        yield incoming
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _sync_file_system(directory: Path) -> None:
    """Make a whole tree durable with one call instead of one for each of its files."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if libc.syncfs(descriptor):
            os.sync()
    finally:
        os.close(descriptor)


def _names(directory: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except FileNotFoundError:
        return []


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
