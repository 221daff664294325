# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring an artifact's bytes into a file and compute their SHA-256 on the way.

Reads a local file or an HTTP(S) URL; writes only the path it is given.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import IO

from .._common import address
from .._common.errors import InputError, StateError, SystemFailure

CHUNK = 1 << 20
SPACE_FACTOR = 3
"""The archive itself, its unpacked tree, and as much again for what the host does meanwhile."""


@dataclass(frozen=True)
class Limits:
    """How much an artifact may cost: seconds without a byte, seconds in all, bytes of the archive."""

    timeout: int = 30
    deadline: int = 300
    max_bytes: int = 4 << 30


def is_url(artifact: str) -> bool:
    """Whether ``artifact`` is an HTTP(S) URL."""
    return artifact.startswith(("http://", "https://"))


def shown(artifact: str) -> str:
    """``artifact`` as it may be printed: of a URL no query, which may hold a signature."""
    return address.shown(artifact) if is_url(artifact) else artifact


def refuse_credentials(artifact: str) -> None:
    """Refuse a URL with a user name or password: the plan and the ledger would show them."""
    if is_url(artifact) and "@" in urllib.parse.urlsplit(artifact).netloc:
        raise InputError(
            "the URL of the artifact holds a user name or password",
            where="slipway_artifact",
            remedy="take them out of the URL; a netrc file or a header carries them",
        )


def fetch(source: str, target: Path, limits: Limits, headers: Mapping[str, str] | None = None) -> str:
    """Copy ``source`` into the new file ``target``, made durable.

    :param source: a local path or an HTTP(S) URL.
    :returns: the SHA-256 of the bytes, in hexadecimal.
    :raises SystemFailure: the source cannot be read in time.
    :raises StateError: the disk has no room for it.
    """
    try:
        with _opened(source, limits, headers or {}) as (stream, size):
            _require_space(target.parent, size, source)
            with target.open("xb") as output:
                sha256 = _copy(stream, output, source, limits)
                output.flush()
                os.fsync(output.fileno())
                return sha256
    except (OSError, HTTPException) as exc:
        raise SystemFailure(
            f"the artifact cannot be fetched: {_reason(exc)}",
            where=shown(source),
            remedy="check that the address answers from this host and that the path is readable, then run again",
        ) from exc


def require_sha256(found: str, expected: str, source: str) -> None:
    """Refuse bytes that are not the ones that were asked for."""
    if found != expected:
        raise InputError(
            f"the artifact has SHA-256 {found}, expected is {expected}",
            where=shown(source),
            remedy="correct slipway_artifact_sha256, or find out who replaced the artifact",
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    sha256 = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            sha256.update(chunk)
    return sha256.hexdigest()


def free_bytes(directory: Path) -> int:
    """Bytes an ordinary process may still write where ``directory`` lies, or where it will lie."""
    while not directory.exists():
        directory = directory.parent
    return shutil.disk_usage(directory).free


@contextmanager
def _opened(source: str, limits: Limits, headers: Mapping[str, str]) -> Iterator[tuple[IO[bytes], int]]:
    if not is_url(source):
        with Path(source).open("rb") as handle:
            yield handle, os.fstat(handle.fileno()).st_size
        return
    request = urllib.request.Request(source, headers={"User-Agent": "slipway.release", **headers})
    with urllib.request.build_opener().open(request, timeout=limits.timeout) as response:
        length = response.headers.get("Content-Length", "0")
        yield response, int(length) if length.isdigit() else 0


def _copy(stream: IO[bytes], output: IO[bytes], source: str, limits: Limits) -> str:
    sha256 = hashlib.sha256()
    give_up = time.monotonic() + limits.deadline
    copied = 0
    while chunk := stream.read(CHUNK):
        copied += len(chunk)
        if copied > limits.max_bytes:
            raise InputError(
                f"the artifact is larger than {limits.max_bytes} bytes",
                where=shown(source),
                remedy="raise max_bytes if this is right",
            )
        if time.monotonic() > give_up:
            raise SystemFailure(
                f"the artifact did not arrive within {limits.deadline} s",
                where=shown(source),
                remedy="raise fetch_deadline, or put the artifact nearer to the host",
            )
        sha256.update(chunk)
        output.write(chunk)
    _refuse_truncated(stream, copied, source)
    return sha256.hexdigest()


def _refuse_truncated(stream: IO[bytes], copied: int, source: str) -> None:
    missing = getattr(stream, "length", 0)
    if missing:
        raise SystemFailure(
            f"the connection ended after {copied} bytes, {missing} are missing",
            where=shown(source),
            remedy="run again; if it stays so, look at the artifact server",
        )


def _require_space(directory: Path, size: int, source: str) -> None:
    free = free_bytes(directory)
    if free < size * SPACE_FACTOR:
        raise StateError(
            f"{free} bytes are free, placing {shown(source)} needs {size * SPACE_FACTOR}",
            where=str(directory),
            remedy="free space on this file system, or lower slipway_keep_revisions",
        )


def _reason(exc: BaseException) -> str:
    if isinstance(exc, urllib.error.HTTPError):
        return f"HTTP status {exc.code}"
    if isinstance(exc, InvalidURL):
        return "the address has a port or characters that no URL has"
    if isinstance(exc, urllib.error.URLError):
        return str(exc.reason)
    return str(exc) or type(exc).__name__
