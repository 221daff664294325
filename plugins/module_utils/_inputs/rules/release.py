# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of what is deployed: the application, its version, artifact, configuration and schema.

Reads the file system of the controller only to see whether an artifact exists; changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ..._common.errors import InputError
from .base import APP, ROLLBACK_WORDS, USER, VERSION, Context, problem
from .components import environment

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
URL = re.compile(r"https?://[!-.0-~]+/[!-~]*")
GIT = re.compile(r"git\+[^\s#]+#[^\s#]+")


def app(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The name becomes part of units, paths and the user's name."""
    if not APP.fullmatch(values["slipway_app"]):
        yield problem(
            f"{values['slipway_app']!r} is not a name of an application",
            "slipway_app",
            "use lower-case letters, digits and hyphens, beginning with a letter, at most 31 characters",
        )


def version(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """YAML turns 1.10 into the number 1.1, so a version must arrive as a string."""
    raw = context.raw.get("slipway_version")
    where = "slipway_version"
    if raw is None or raw == "":
        if context.verb == "deploy":
            yield problem("it is not set", where, "say which version to deploy, such as -e slipway_version=1.4.2")
    elif not isinstance(raw, str):
        yield problem(f"{raw!r} is a number, which YAML may have shortened", where, 'quote it: slipway_version: "1.10"')
    elif not VERSION.fullmatch(raw):
        yield problem(
            f"{raw!r} is malformed", where, "use up to 64 letters, digits and . _ + ~ -, no blanks, no slashes"
        )
    elif raw in ROLLBACK_WORDS:
        yield problem(f"{raw!r} has a meaning of its own in slipway_rollback_to", where, "name the version otherwise")


def artifact(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """A path must exist on the controller; addresses are only judged by their form here."""
    text = values["slipway_artifact"]
    where = "slipway_artifact"
    if context.verb != "deploy":
        return
    if not text:
        yield problem(
            "it is not set", where, "give a path on the controller, an http(s) URL, or git+<repository>#<ref>"
        )
    elif text.startswith("git+"):
        if not GIT.fullmatch(text):
            yield problem(
                f"{masked(text)!r} names no repository and ref", where, "write git+<repository>#<tag, branch or commit>"
            )
    elif "://" in text:
        if not URL.fullmatch(text):
            yield problem(
                f"{masked(text)!r} is not an http(s) URL", where, "use http:// or https:// with a host and a path"
            )
    else:
        yield from _artifact_path(artifact_path(text, context.base), where)


def masked(text: str) -> str:
    """An address without the parts that may hold a password or a signature."""
    return re.sub(r"//[^/@]*@", "//...@", text.partition("?")[0])


def artifact_path(text: str, base: Path) -> Path:
    """Where a path in slipway_artifact points; a relative one starts at ``base``."""
    return base / Path(text).expanduser()


def _artifact_path(path: Path, where: str) -> Iterator[InputError]:
    if not path.exists():
        yield problem(
            f"{path} does not exist on the controller",
            where,
            "build the artifact first, or correct the path (a relative one starts at the working directory)",
        )
    elif not (path.is_file() or path.is_dir()):
        yield problem(f"{path} is neither a file nor a directory", where, "give an archive or a directory")


def artifact_sha256(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Whether the artifact has this checksum is seen when it is read."""
    text = values["slipway_artifact_sha256"]
    if text and not SHA256.fullmatch(text):
        yield problem(
            f"{text!r} is not a SHA-256", "slipway_artifact_sha256", "give the 64 digits that sha256sum prints"
        )


def config(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The configuration becomes environment variables."""
    yield from environment("slipway_config", values["slipway_config"])


def shared_directories(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """They are linked into the release, so they must lie inside it."""
    for index, text in enumerate(values["slipway_shared_directories"]):
        path = PurePosixPath(text)
        if not text.strip() or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
            yield problem(
                f"{text!r} does not lie inside the release",
                f"slipway_shared_directories[{index}]",
                "give a path relative to the release, without ..",
            )


def schema_range(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """An empty range fits no database."""
    bounds = values["slipway_schema_range"]
    if bounds and not 0 <= bounds["min"] <= bounds["max"]:
        yield problem(f"{bounds['min']} to {bounds['max']} is empty", "slipway_schema_range", "give 0 <= min <= max")


def user(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Linux refuses user names above 32 characters, also the one made from the application's name."""
    name = values["slipway_user"] or f"slipway-{values['slipway_app']}"
    if not values["slipway_user"] and not APP.fullmatch(values["slipway_app"]):
        return
    if not USER.fullmatch(name):
        yield problem(
            f"{name!r} is not a name of a system user", "slipway_user", "set one of at most 32 characters a-z 0-9 _ -"
        )
    elif name == "root":
        yield problem("an application does not run as root", "slipway_user", "name an unprivileged user")


def keep_revisions(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Two slots hold two revisions."""
    if values["slipway_keep_revisions"] < 2:
        yield problem("two slots hold two revisions", "slipway_keep_revisions", "keep at least 2")
