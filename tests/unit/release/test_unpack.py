# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unpacker against hostile archives: whatever is in them, nothing appears outside the target."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._release.unpack import Ceiling, replace_by_link, unpack


def tar_of(*members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, extra in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.mode = extra.get("mode", 0o644)
            info.linkname = extra.get("target", "")
            info.pax_headers = extra.get("pax", {})
            content = extra.get("content", b"")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def file(name, content=b"x", **extra):
    return (name, tarfile.REGTYPE, {"content": content, **extra})


def link(name, target):
    return (name, tarfile.SYMTYPE, {"target": target})


def hard(name, target):
    return (name, tarfile.LNKTYPE, {"target": target})


def directory(name, **extra):
    return (name, tarfile.DIRTYPE, extra)


def zip_of(*members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return packed.getvalue()


HOSTILE = {
    "absolute": tar_of(file("/escaped")),
    "parent": tar_of(file("../escaped")),
    "parent inside": tar_of(directory("a"), file("a/../../escaped")),
    "parent in the middle": tar_of(file("a/b/../c")),
    "parent directory": tar_of(directory("..")),
    "only parents": tar_of(directory("a/../..")),
    "pax path": tar_of(file("innocent", pax={"path": "../escaped"})),
    "pax link path": tar_of(("l", tarfile.SYMTYPE, {"target": "x", "pax": {"linkpath": "../escaped"}})),
    "link up": tar_of(link("l", "..")),
    "link absolute": tar_of(link("l", "/etc")),
    "link up and down": tar_of(link("l", "../outside/x")),
    "link deep and up": tar_of(directory("a"), link("a/l", "../../x")),
    "link through a link": tar_of(directory("a"), link("a/here", "."), link("out", "a/here/../../x")),
    "link with parent later": tar_of(directory("a"), link("a/l", "b/../../../x")),
    "link to nothing": tar_of(link("l", "")),
    "file through a link": tar_of(link("l", "a"), file("l/escaped")),
    "directory through a link": tar_of(link("l", "a"), directory("l/b")),
    "file over a link": tar_of(link("l", "a"), file("l")),
    "link over a directory": tar_of(directory("a"), link("a", "b")),
    "directory over a file": tar_of(file("a"), directory("a")),
    "file under a file": tar_of(file("a"), file("a/b")),
    "file twice": tar_of(file("a"), file("./a")),
    "root as a file": tar_of(file(".")),
    "root as a link": tar_of(link(".", "a")),
    "hard link outside": tar_of(hard("h", "../escaped")),
    "hard link absolute": tar_of(hard("h", "/etc/passwd")),
    "hard link to a link": tar_of(link("l", "a"), hard("h", "l")),
    "hard link to nothing": tar_of(hard("h", "missing")),
    "hard link to a directory": tar_of(directory("d"), hard("h", "d")),
    "character device": tar_of(("null", tarfile.CHRTYPE, {})),
    "block device": tar_of(("sda", tarfile.BLKTYPE, {})),
    "pipe": tar_of(("pipe", tarfile.FIFOTYPE, {})),
    "unknown type": tar_of(("odd", b"Z", {})),
    "setuid": tar_of(file("sudo", mode=0o4755)),
    "setgid": tar_of(file("sudo", mode=0o2755)),
    "newline": tar_of(file("a\nb")),
    "backslash": tar_of(file("..\\escaped")),
    "deep": tar_of(file("/".join(["d"] * 100))),
    "long part": tar_of(file("n" * 300)),
    "truncated": tar_of(file("a", b"x" * 5000))[:2000],
    "truncated gzip": gzip.compress(tar_of(file("a", b"x" * 5000)))[:-20],
    "damaged gzip": gzip.compress(tar_of(file("a")))[:20] + b"\x00" * 40,
    "not an archive": b"#!/bin/sh\necho hello\n" * 100,
    "empty": b"",
    "html": b"<!DOCTYPE html><title>404</title>",
    "zip absolute": zip_of(("/escaped", b"x", 0o100644)),
    "zip parent": zip_of(("../escaped", b"x", 0o100644)),
    "zip backslash": zip_of(("..\\escaped", b"x", 0o100644)),
    "zip link": zip_of(("l", b"/etc", stat.S_IFLNK | 0o777)),
    "zip link up": zip_of(("l", b"../x", stat.S_IFLNK | 0o777)),
    "zip through a link": zip_of(("l", b"a", stat.S_IFLNK | 0o777), ("l/escaped", b"x", 0o100644)),
    "zip long link": zip_of(("l", b"a/" * 4000, stat.S_IFLNK | 0o777)),
    "zip device": zip_of(("d", b"", stat.S_IFCHR | 0o644)),
    "zip setuid": zip_of(("sudo", b"x", stat.S_IFREG | 0o4755)),
    "zip truncated": zip_of(("a", b"x" * 5000, 0o100644))[:3000],
    "zip null": zip_of(("a_b", b"x", 0o100644)).replace(b"a_b", b"a\x00b"),
}


def outside(tmp_path):
    return sorted(str(path) for path in tmp_path.rglob("*") if "target" not in path.parts and path.name != "archive")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_is_refused_and_nothing_escapes(tmp_path, name):
    (tmp_path / "archive").write_bytes(HOSTILE[name])
    (tmp_path / "outside").mkdir()
    with pytest.raises(InputError, match="refused") as caught:
        unpack(tmp_path / "archive", tmp_path / "target", Ceiling())
    assert caught.value.where == str(tmp_path / "archive")
    assert outside(tmp_path) == [str(tmp_path / "outside")]


GOOD_TAR = tar_of(
    directory("./"),
    directory("./bin", mode=0o777),
    file("./bin/run", b"#!/bin/sh\n", mode=0o777),
    file("deep/er/readme", b"hello", mode=0o666),
    link("current", "deep/er"),
    link("deep/up", "../bin/run"),
    hard("again", "bin/run"),
)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_tar(tmp_path, pack):
    (tmp_path / "archive").write_bytes(pack(GOOD_TAR))
    target = tmp_path / "target"
    unpack(tmp_path / "archive", target, Ceiling())
    assert (target / "current" / "readme").read_text() == "hello"
    assert (target / "deep" / "up").read_text() == (target / "again").read_text() == "#!/bin/sh\n"
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in target.rglob("*") if not path.is_symlink()}
    assert modes == {"bin": 0o755, "run": 0o755, "deep": 0o755, "er": 0o755, "readme": 0o644, "again": 0o755}


def test_zip(tmp_path):
    members = [
        ("bin/", b"", stat.S_IFDIR | 0o700),
        ("bin/run", b"#!/bin/sh\n", stat.S_IFREG | 0o755),
        ("from-windows/readme", b"hello", 0),
        ("bin/readme", b"../from-windows/readme", stat.S_IFLNK | 0o777),
    ]
    (tmp_path / "archive").write_bytes(zip_of(*members))
    target = tmp_path / "target"
    unpack(tmp_path / "archive", target, Ceiling())
    assert (target / "bin" / "readme").read_text() == "hello"
    assert stat.S_IMODE((target / "bin" / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "from-windows" / "readme").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("ceiling", "option"), [(Ceiling(max_bytes=10), "max_unpacked_bytes"), (Ceiling(max_files=3), "max_files")]
)
@pytest.mark.parametrize("make", [tar_of, None])
def test_ceilings(tmp_path, ceiling, option, make):
    names = [f"f{number}" for number in range(5)]
    packed = (
        tar_of(*(file(name, b"xxxx") for name in names))
        if make
        else zip_of(*((name, b"xxxx", 0o100644) for name in names))
    )
    (tmp_path / "archive").write_bytes(packed)
    with pytest.raises(InputError) as caught:
        unpack(tmp_path / "archive", tmp_path / "target", ceiling)
    assert option in caught.value.remedy


def test_a_full_disk_is_not_taken_for_a_bad_archive(tmp_path, monkeypatch):
    def full(*ignored):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "archive").write_bytes(GOOD_TAR)
    monkeypatch.setattr("os.utime", full)
    with pytest.raises(SystemFailure, match="No space left"):
        unpack(tmp_path / "archive", tmp_path / "target", Ceiling())


def test_a_bomb_of_headers_is_refused_before_it_is_read(tmp_path):
    header = tarfile.TarInfo("pax")
    header.type = tarfile.XHDTYPE
    header.size = 1 << 32
    (tmp_path / "archive").write_bytes(header.tobuf() + b"\0" * 4096)
    with pytest.raises(InputError, match="too large"):
        unpack(tmp_path / "archive", tmp_path / "target", Ceiling())


def test_a_shared_directory_takes_the_place_of_the_archives(tmp_path):
    (tmp_path / "archive").write_bytes(tar_of(file("var/media/.keep"), file("plain"), link("away", "var")))
    target = tmp_path / "target"
    unpack(tmp_path / "archive", target, Ceiling())
    replace_by_link(target, "var/media", tmp_path / "shared" / "media")
    replace_by_link(target, "new/uploads", tmp_path / "shared" / "uploads")
    assert (target / "var" / "media").readlink() == tmp_path / "shared" / "media"
    assert (target / "new" / "uploads").readlink() == tmp_path / "shared" / "uploads"
    for through in ("plain/x", "away/x"):
        with pytest.raises(InputError):
            replace_by_link(target, through, tmp_path / "shared")
