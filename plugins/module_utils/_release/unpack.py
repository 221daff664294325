# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack an archive from anywhere without letting it write, link or grow where it must not.

Writes only below the new directory it is given. Everything belongs to the caller, directories get mode 0755, files 0755
or 0644 by the owner's execute bit.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import posixpath
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import IO, Protocol, Union

from .._common.errors import InputError, SystemFailure

CHUNK = 1 << 20
LONGEST_NAME = 4096
LONGEST_PART = 255
DEEPEST = 64
LARGEST_HEADER = 16 << 20
"""Bytes that one read of an archive may ask for: no extended header is larger, a bomb of headers is."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    ValueError,
)


@dataclass(frozen=True)
class Ceiling:
    """What an unpacked artifact may come to."""

    max_bytes: int = 8 << 30
    max_files: int = 200_000


@dataclass(frozen=True)
class _Member:
    """One entry of an archive. ``kind`` is ``directory``, ``file``, ``symlink``, ``hardlink`` or what else it is."""

    name: str
    kind: str
    mode: int
    mtime: int
    target: str = ""


_Stream = Union[BufferedReader, gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile]


class _Archive(Protocol):
    def members(self) -> Iterator[tuple[_Member, IO[bytes] | None]]:
        """The entries in their order, regular files with their content."""


def unpack(archive: Path, target: Path, ceiling: Ceiling) -> None:
    """Unpack ``archive`` (tar, tar.gz, tar.bz2, tar.xz or zip, told by content) into the new directory ``target``.

    :raises InputError: the archive is damaged, or holds something that a release must not hold.
    """
    target.mkdir(mode=0o755)
    tree = _Tree(target, ceiling, archive)
    try:
        with _opened(archive) as entries:
            for member, content in entries.members():
                tree.add(member, content)
    except _DAMAGE as exc:
        raise _refusal(f"the archive cannot be read: {exc or type(exc).__name__}", archive) from exc
    except OSError as exc:
        if exc.errno is None:
            raise _refusal(f"the archive cannot be read: {exc}", archive) from exc
        raise SystemFailure(
            f"the artifact cannot be unpacked: {exc.strerror}",
            where=str(target),
            remedy="see whether the file system is full, read-only or damaged, then run again",
        ) from exc


class _Tree:
    """The tree being made; knows what each path is, so that nothing is written through a link."""

    def __init__(self, root: Path, ceiling: Ceiling, archive: Path) -> None:
        self.root = root
        self.ceiling = ceiling
        self.archive = archive
        self.kinds: dict[str, str] = {"": "directory"}
        self.bytes = 0
        self.entries = 0

    def add(self, member: _Member, content: IO[bytes] | None) -> None:
        """Make one entry, or refuse it."""
        self.entries += 1
        if self.entries > self.ceiling.max_files:
            raise _refusal(f"it has more than {self.ceiling.max_files} entries", self.archive, "raise max_files")
        name = self._safe_name(member.name)
        if member.kind == "directory":
            self._directory(name)
        else:
            self._directory(posixpath.dirname(name))
            if name in self.kinds:
                raise _refusal(f"{name!r} is in it twice", self.archive)
            self._entry(name, member, content)

    def _entry(self, name: str, member: _Member, content: IO[bytes] | None) -> None:
        path = self.root / name
        if member.kind == "file" and content is not None:
            self._file(path, name, member, content)
        elif member.kind == "symlink":
            os.symlink(self._safe_target(name, member.target), path)
        elif member.kind == "hardlink":
            source = self._safe_name(member.target)
            if self.kinds.get(source) != "file":
                raise _refusal(f"{name!r} is a hard link to {source!r}, which is not a file of it", self.archive)
            os.link(self.root / source, path)
        else:
            raise _refusal(f"{name!r} is a {member.kind}", self.archive)
        self.kinds[name] = "file" if member.kind == "hardlink" else member.kind

    def _directory(self, name: str) -> None:
        if name in self.kinds:
            if self.kinds[name] != "directory":
                raise _refusal(f"{name!r} is a {self.kinds[name]} and a directory in it", self.archive)
            return
        self._directory(posixpath.dirname(name))
        path = self.root / name
        path.mkdir()
        path.chmod(0o755)
        self.kinds[name] = "directory"

    def _file(self, path: Path, name: str, member: _Member, content: IO[bytes]) -> None:
        if member.mode & (stat.S_ISUID | stat.S_ISGID):
            raise _refusal(f"{name!r} is setuid or setgid", self.archive)
        with path.open("xb") as output:
            while chunk := content.read(CHUNK):
                self.bytes += len(chunk)
                if self.bytes > self.ceiling.max_bytes:
                    raise _refusal(
                        f"it unpacks to more than {self.ceiling.max_bytes} bytes",
                        self.archive,
                        "raise max_unpacked_bytes",
                    )
                output.write(chunk)
            os.fchmod(output.fileno(), 0o755 if member.mode & 0o100 else 0o644)
        os.utime(path, (member.mtime, member.mtime))

    def _safe_name(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if (
            name.startswith("/")
            or ".." in parts
            or len(parts) > DEEPEST
            or any(len(os.fsencode(part)) > LONGEST_PART for part in parts)
            or len(name) > LONGEST_NAME
            or "\\" in name
            or _CONTROL.search(name)
        ):
            raise _refusal(f"{name!r} is not a path inside the release", self.archive)
        return "/".join(parts)

    def _safe_target(self, name: str, target: str) -> str:
        """A link may climb at its beginning only, and not above the release: then following it never leaves."""
        parts = [part for part in target.split("/") if part not in ("", ".")]
        climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
        depth = name.count("/")
        if (
            not target
            or target.startswith("/")
            or climbs > depth
            or ".." in parts[climbs:]
            or len(target) > LONGEST_NAME
            or _CONTROL.search(target)
        ):
            raise _refusal(f"{name!r} is a link to {target!r}, outside the release", self.archive)
        return target


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar

    def members(self) -> Iterator[tuple[_Member, IO[bytes] | None]]:
        """The entries in their order, regular files with their content."""
        for info in self.tar:
            member = _Member(info.name, self._kind(info), info.mode, max(0, int(info.mtime)), info.linkname)
            yield member, self.tar.extractfile(info) if info.isreg() else None

    @staticmethod
    def _kind(info: tarfile.TarInfo) -> str:
        kinds = {
            tarfile.SYMTYPE: "symlink",
            tarfile.LNKTYPE: "hardlink",
            tarfile.DIRTYPE: "directory",
            tarfile.CHRTYPE: "device",
            tarfile.BLKTYPE: "device",
            tarfile.FIFOTYPE: "pipe",
        }
        return "file" if info.isreg() else kinds.get(info.type, "thing of unknown type")


class _Zip:
    """Zip entries; those made on Unix carry a file type and mode in the upper half of ``external_attr``."""

    KINDS = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    def members(self) -> Iterator[tuple[_Member, IO[bytes] | None]]:
        """The entries in their order, regular files with their content."""
        for info in self.archive.infolist():
            if info.flag_bits & 1:
                raise zipfile.BadZipFile(f"{info.filename} is encrypted")
            mode = info.external_attr >> 16
            kind = "directory" if info.is_dir() else self.KINDS.get(stat.S_IFMT(mode), "device or pipe")
            target = self._target(info) if kind == "symlink" else ""
            member = _Member(info.orig_filename, kind, stat.S_IMODE(mode), 0, target)
            if kind == "file":
                with self.archive.open(info) as content:
                    yield member, content
            else:
                yield member, None

    def _target(self, info: zipfile.ZipInfo) -> str:
        if info.file_size > LONGEST_NAME:
            raise zipfile.BadZipFile(f"the link {info.filename} is too long")
        return self.archive.read(info).decode("utf-8")


class _Bounded(BufferedIOBase):
    """A file whose single reads are bounded, so that no header of an archive can fill the memory."""

    def __init__(self, stream: _Stream) -> None:
        self.stream = stream

    def read(self, size: int | None = -1) -> bytes:
        """Read, or refuse a size that only a hostile header has."""
        if size is None or not 0 <= size <= LARGEST_HEADER:
            raise ValueError("a header of the archive is too large")
        return self.stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as the stream does."""
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        """Position, as the stream says."""
        return self.stream.tell()


@contextmanager
def _opened(archive: Path) -> Iterator[_Archive]:
    with archive.open("rb") as raw:
        magic = raw.read(6)
        raw.seek(0)
        if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with zipfile.ZipFile(raw) as opened:
                yield _Zip(opened)
            return
        with _decompressed(raw, magic) as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as tar:
            yield _Tar(tar)


def _decompressed(raw: BufferedReader, magic: bytes) -> AbstractContextManager[_Stream]:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(raw)
    return nullcontext(raw)


def replace_by_link(directory: Path, name: str, target: Path) -> None:
    """Put a link to ``target`` at ``name`` inside an unpacked tree, in place of what the archive has there."""
    path = directory
    for part in name.split("/")[:-1]:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise InputError(
                f"{path.relative_to(directory)} is not a directory in the release",
                where="slipway_shared_directories",
                remedy=f"take {name} out of the shared directories, or mend the release",
            )
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    path = path / name.split("/")[-1]
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    os.symlink(target, path)


def _refusal(what: str, archive: Path, remedy: str = "build the artifact again; do not deploy this one") -> InputError:
    return InputError(f"the artifact is refused: {what}", where=str(archive), remedy=remedy)
