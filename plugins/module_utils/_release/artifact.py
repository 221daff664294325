# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn what the operator calls an artifact into bytes with a SHA-256, on the controller.

Writes only below the cache directory; runs ``git`` for git references. Changes nothing on hosts.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .._common import process
from .._common.address import secrets_of, without
from .._common.errors import InputError, SystemFailure
from .fetch import CHUNK, Limits, fetch, is_url, refuse_credentials, require_sha256, sha256_of

DEFAULT_CACHE = Path("~/.cache/slipway/artifacts")
GIT_TIMEOUT = 300


@dataclass(frozen=True)
class ResolvedArtifact:
    """An artifact whose bytes are known.

    :param kind: ``file``, ``url``, ``directory`` or ``git``.
    :param location: the value for option ``artifact`` of ``release_place``: the URL, or a path on the controller.
    :param sha256: of the bytes at ``location``.
    :param commit: full commit of a git reference.
    :param path: the bytes on the controller, ``None`` for a URL whose SHA-256 was given.
    :param built: commit time of a git reference, in seconds since the epoch.
    """

    kind: str
    location: str
    sha256: str
    commit: str | None = None
    path: Path | None = None
    built: int | None = None


def resolve(
    artifact: str,
    sha256: str | None,
    cache: Path = DEFAULT_CACHE,
    *,
    limits: Limits | None = None,
    headers: Mapping[str, str] | None = None,
) -> ResolvedArtifact:
    """Find an artifact and its SHA-256.

    A directory and a git reference (``git+<path or URL>#<reference>``) become an archive in ``cache`` whose bytes
    depend on the content alone. A URL is read only when ``sha256`` is not given.

    :param artifact: path on the controller, HTTP(S) URL, or git reference.
    :param sha256: what the operator expects; the bytes are compared with it wherever they are at hand.
    :param cache: directory for archives that are made here.
    :param limits: of reading a URL; the defaults of ``fetch.Limits`` when not given.
    :param headers: HTTP headers for reading a URL, for example Authorization.
    :raises InputError: there is no such artifact, or it is not the expected one.
    :raises SystemFailure: it cannot be read.
    """
    if not artifact:
        raise InputError("there is no artifact", where="slipway_artifact", remedy="say what to deploy")
    cache = cache.expanduser()
    expected = sha256.lower() if sha256 else None
    if is_url(artifact):
        return _from_url(artifact, expected, cache, limits or Limits(), headers or {})
    resolved = _from_git(artifact, cache) if artifact.startswith("git+") else _from_path(artifact, cache)
    if expected:
        require_sha256(resolved.sha256, expected, artifact)
    return resolved


def _from_url(
    url: str, expected: str | None, cache: Path, limits: Limits, headers: Mapping[str, str]
) -> ResolvedArtifact:
    refuse_credentials(url)
    if expected:
        return ResolvedArtifact("url", url, expected)
    with _scratch(cache) as scratch:
        found = fetch(url, scratch / "artifact", limits, headers)
        return ResolvedArtifact("url", url, found, path=_keep(scratch / "artifact", cache, found, ".archive"))


def _from_path(artifact: str, cache: Path) -> ResolvedArtifact:
    path = Path(artifact).expanduser().absolute()
    if path.is_dir():
        packed = _pack_directory(path, cache)
        return ResolvedArtifact("directory", str(packed), packed.name.split(".")[0], path=packed)
    if not path.is_file():
        raise InputError(
            "there is no such file or directory on the controller",
            where=f"slipway_artifact={artifact}",
            remedy="give a path to an archive or directory, an http(s) URL, or git+<repository>#<reference>",
        )
    return ResolvedArtifact("file", str(path), sha256_of(path), path=path)


def _from_git(artifact: str, cache: Path) -> ResolvedArtifact:
    repository, _rest, reference = artifact[len("git+") :].partition("#")
    if not repository or not reference or reference.startswith("-") or repository.startswith("-"):
        raise InputError(
            "the git reference is incomplete",
            where=f"slipway_artifact={artifact}",
            remedy="write git+<path or URL of the repository>#<branch, tag or commit>",
        )
    refuse_credentials(repository)
    with _scratch(cache) as scratch:
        checkout = Path(repository).expanduser()
        if checkout.is_dir():
            commit = _git(checkout, "rev-parse", "--verify", "--end-of-options", f"{reference}^{{commit}}")
        else:
            checkout = scratch
            _git(scratch, "init", "--quiet", "--bare", ".")
            _git(scratch, "fetch", "--quiet", "--depth=1", "--no-tags", "--", repository, reference)
            commit = _git(scratch, "rev-parse", "--verify", "FETCH_HEAD^{commit}")
        built = int(_git(checkout, "show", "--no-patch", "--format=%ct", commit))
        tree = scratch / "tree.tar"
        _git(checkout, "-c", "tar.umask=0022", "archive", "--format=tar", f"--output={tree}", commit)
        with _compressed(scratch / "artifact") as output, tree.open("rb") as archive:
            shutil.copyfileobj(archive, output, CHUNK)
        found = sha256_of(scratch / "artifact")
        packed = _keep(scratch / "artifact", cache, found, ".tar.gz")
    return ResolvedArtifact("git", str(packed), found, commit=commit, path=packed, built=built)


def _git(directory: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = process.run(["git", *arguments], cwd=directory, env=environment, timeout=GIT_TIMEOUT)
    except (OSError, process.TimeoutExpired) as exc:
        raise SystemFailure(
            f"git cannot be run: {_why_not(exc)}",
            where="controller",
            remedy="install git on the controller, then run again",
        ) from exc
    if done.returncode:
        raise InputError(
            f"git {arguments[0]} failed: {_told(done.stderr, arguments) or done.returncode}",
            where="slipway_artifact",
            remedy="check the repository and the reference, and that the controller may read it",
        )
    return done.stdout.strip()


def _why_not(exc: Exception) -> str:
    """Without the arguments, which an exception would name."""
    return f"it did not end within {GIT_TIMEOUT} s" if isinstance(exc, process.TimeoutExpired) else str(exc)


def _told(errors: str, arguments: Sequence[str]) -> str:
    """What git says, without what is secret of the addresses it was given."""
    secrets = (secret for argument in arguments if is_url(argument) for secret in secrets_of(argument))
    return without(errors.strip(), secrets)


def _pack_directory(directory: Path, cache: Path) -> Path:
    with _scratch(cache) as scratch:
        archive = scratch / "artifact"
        with _compressed(archive) as output, tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in _walk(directory):
                _add(tar, path, path.relative_to(directory).as_posix())
        return _keep(archive, cache, sha256_of(archive), ".tar.gz")


def _walk(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir(), key=lambda item: item.name):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tar.gettarinfo(str(path), name)
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise InputError(
            f"{name} is neither a file, a directory nor a symbolic link",
            where="slipway_artifact",
            remedy="remove it from the directory",
        )
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    if member.islnk():
        member.type, member.linkname, member.size = tarfile.REGTYPE, "", path.stat().st_size
    if member.isreg():
        with path.open("rb") as content:
            tar.addfile(member, content)
    else:
        tar.addfile(member)


@contextmanager
def _compressed(path: Path) -> Iterator[gzip.GzipFile]:
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as output:
        yield output


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=cache) as name:
        yield Path(name)


def _keep(made: Path, cache: Path, sha256: str, suffix: str) -> Path:
    kept = cache / f"{sha256}{suffix}"
    os.replace(made, kept)
    return kept
