# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection with some of its actions replaced by recorders, so that a test runs roles without the hosts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.environments import TOP


def recording_collection(collections: Path, recorders: Mapping[str, str]) -> None:
    """Make the collection; all else in it is the real one.

    :param collections: the directory for ``ANSIBLE_COLLECTIONS_PATH``, which must not be there yet.
    :param recorders: name of a module to the source of the action that runs in its place.
    """
    collection = collections / "ansible_collections" / "slipway" / "release"
    actions = collection / "plugins" / "action"
    actions.mkdir(parents=True)
    for name in ("galaxy.yml", "meta", "roles"):
        (collection / name).symlink_to(TOP / name)
    for path in (TOP / "plugins").iterdir():
        if path.name != "action":
            (collection / "plugins" / path.name).symlink_to(path)
    for path in (TOP / "plugins" / "action").glob("*.py"):
        if path.stem not in recorders:
            (actions / path.name).symlink_to(path)
    for name, source in recorders.items():
        (actions / f"{name}.py").write_text(source, encoding="utf-8")
