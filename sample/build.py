# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the release archives of the sample application: ``python3 -m sample.build --out DIR``.

Touches only DIR: writes ``shop-<version>.tar.gz`` for each release and ``SHA256SUMS``. The same sources give the same
bytes. An archive's root is the release's working directory: ``shop/`` and ``behaviour.json``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import random
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .shop.settings import Behaviour

SOURCE = Path(__file__).resolve().parent / "shop"
MTIME = 1767225600
PAD_BYTES = 8_200_000
GOOD = ("1.0.0", "1.1.0", "1.2.0")
BAD: dict[str, dict[str, Any]] = {
    "2.0.0-neverstarts": {"starts": False},
    "2.0.0-neverready": {"ready": False},
    "2.0.0-slowready": {"ready_after": 20},
    "2.0.0-errors": {"error_percent": 5},
    "2.0.0-turnsbad": {"error_percent": 50, "errors_after": 180},
    "2.0.0-slow": {"tail_ms": 60},
    "2.0.0-crashes": {"crash_after": 60},
    "2.0.0-leaks": {"leak_mib": 8},
}
RELEASES: dict[str, dict[str, Any]] = {**{version: {} for version in GOOD}, **BAD}


def archive(version: str, behaviour: Mapping[str, Any], *, pad: bool = False) -> bytes:
    """The bytes of one release archive.

    :param version: baked into the release; may be any string a file name can hold.
    :param behaviour: fields of ``shop.settings.Behaviour``; empty for a good release.
    :param pad: add incompressible assets, the same in each release, for an archive of about 8 MB.
    :raises ValueError: an unknown field.
    """
    Behaviour().changed(behaviour)
    members = {f"shop/{path.name}": path.read_bytes() for path in SOURCE.glob("*.py")}
    members["behaviour.json"] = json.dumps({"version": version, **behaviour}, indent=1, sort_keys=True).encode() + b"\n"
    if pad:
        members["assets/catalogue.bin"] = random.Random("slipway sample").randbytes(PAD_BYTES)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted({name.partition("/")[0] for name in members if "/" in name}):
            tar.addfile(_member(name, None))
        for name, content in sorted(members.items()):
            tar.addfile(_member(name, len(content)), io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=6, mtime=MTIME)


def build(
    out: Path, versions: Iterable[str] = tuple(RELEASES), *, pad: bool = False, changes: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Write archives and ``SHA256SUMS`` into ``out``.

    :param versions: keys of ``RELEASES``, or versions of further good releases.
    :param changes: behaviour that replaces that of each built release.
    :returns: sha256 of each file name.
    """
    out.mkdir(parents=True, exist_ok=True)
    sums = {}
    for version in versions:
        content = archive(version, {**RELEASES.get(version, {}), **(changes or {})}, pad=pad)
        name = f"shop-{version}.tar.gz"
        _replace(out / name, content)
        sums[name] = hashlib.sha256(content).hexdigest()
    _replace(out / "SHA256SUMS", "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())
    return sums


def _member(name: str, size: int | None) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime = MTIME
    member.uname = member.gname = "root"
    if size is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    else:
        member.size, member.mode = size, 0o644
    return member


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=JSON")
    try:
        return name, json.loads(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"the value in {text!r} is not JSON") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 -m sample.build", description="Build the sample's release archives.")
    parser.add_argument("--out", type=Path, required=True, help="directory for the archives and SHA256SUMS")
    parser.add_argument("--only", metavar="VERSION", nargs="+", default=list(RELEASES), help="build these alone")
    parser.add_argument("--pad", action="store_true", help="pad each archive to about 8 MB")
    parser.add_argument(
        "--set", metavar="FIELD=JSON", type=_change, action="append", default=[], help="change a behaviour"
    )
    options = parser.parse_args(arguments)
    try:
        sums = build(options.out, options.only, pad=options.pad, changes=dict(options.set))
    except ValueError as exc:
        parser.error(str(exc))
    for name, digest in sorted(sums.items()):
        print(f"{digest}  {options.out / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
