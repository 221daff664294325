# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of a release, a directory or a tar archive, and of the files of an environment.

Reads the paths that it is given on the controller. Leaves out what is no text and what is larger than ``LARGEST``.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common.errors import InputError

LARGEST = 1 << 20
VARIABLE = "slipway_checklist"


@dataclass(frozen=True)
class Text:
    """A file of text.

    :param name: path as people know it, relative to the release.
    """

    name: str
    content: str

    def place(self, offset: int) -> str:
        """File and line of a place in the content."""
        return f"{self.name}:{self.content.count(chr(10), 0, offset) + 1}"


def texts(release: str, environment: Sequence[str]) -> list[Text]:
    """All texts, those of the release first.

    :raises InputError: a path cannot be read.
    """
    found: list[Text] = []
    for option, path in [("release", release), *(("environment", path) for path in environment)]:
        try:
            found += _texts(Path(path).expanduser()) if path else []
        except (OSError, tarfile.TarError, EOFError) as exc:
            what = f"{path} cannot be read: {getattr(exc, 'strerror', None) or type(exc).__name__}"
            raise InputError(what, where=f"{VARIABLE}.{option}", remedy="name what is there") from exc
    return found


def _texts(path: Path) -> Iterator[Text]:
    if path.is_dir():
        for inner in sorted(path.rglob("*")):
            if inner.is_file() and not inner.is_symlink() and inner.stat().st_size <= LARGEST:
                yield from _text(str(inner.relative_to(path)), inner.read_bytes())
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() and member.size <= LARGEST else None
                if content:
                    yield from _text(member.name, content.read())
    else:
        yield from _text(str(path), path.read_bytes())


def _text(name: str, content: bytes) -> Iterator[Text]:
    if b"\0" in content:
        return
    try:
        yield Text(name, content.decode("utf-8"))
    except UnicodeDecodeError:
        return
