# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The revision document: all that decides what a slot runs, and its identifier.

Touches nothing. Equal inputs give equal documents on every host and controller.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._common.canonical import digest
from .._common.errors import InputError
from .order import cycle

SCHEMA = 1
UNIT_FORMAT = 1
"""Raised whenever ``units.py`` renders other text for the same components, so that the revision differs too."""

KINDS = ("http", "worker", "singleton", "scheduled")
SLOTS = ("blue", "green")
RESERVED_ENVIRONMENT = frozenset({"PORT", "SLOT", "RELEASE", "CREDENTIALS_DIRECTORY"})
STOP_TIMEOUT = 30

_APP = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_COMPONENT = re.compile(r"[a-z][a-z0-9-]{0,40}\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SECRET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}\Z")
_MEMORY = re.compile(r"(\d+[KMGT]?|\d{1,3}%)?\Z")
_DIRECTORY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_EXEC_PREFIX = "@-:+!|"


def build(
    *,
    app: str,
    version: str,
    artifact_sha256: str,
    components: Sequence[Mapping[str, Any]],
    commit: str | None = None,
    built: int | None = None,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    secrets_key: str | None = None,
    shared_directories: Sequence[str] = (),
    schema_range: Mapping[str, int] | None = None,
    user: str | None = None,
) -> dict[str, Any]:
    """Build the revision document that ``release_place`` takes and whose identifier names the revision.

    :param app: ``slipway_app``.
    :param version: ``slipway_version``.
    :param artifact_sha256: SHA-256 of the artifact's bytes, as ``artifact.resolve`` returns it.
    :param components: ``slipway_components``; defaults are filled in and the list is sorted by name.
    :param commit: commit the artifact was built from, when known.
    :param built: build time in seconds since the epoch, when known.
    :param config: ``slipway_config``; values become strings.
    :param secrets: secret values by name; the document holds their HMACs only.
    :param secrets_key: key of those HMACs, the same for all hosts; required when there are secrets.
    :param shared_directories: ``slipway_shared_directories``, relative paths.
    :param schema_range: ``{"min": int, "max": int}`` or ``None``.
    :param user: account the components run as; ``slipway-<app>`` when not given.
    :raises InputError: a value cannot be accepted; it names the operator variable.
    """
    require_app(app)
    _require(
        _VERSION.match(version), "slipway_version", f"{version!r} is not a version", "use letters, digits and . _ + ~ -"
    )
    sha256 = artifact_sha256.lower()
    _require(
        _SHA256.match(sha256),
        "slipway_artifact_sha256",
        f"{artifact_sha256!r} is not a SHA-256",
        "give 64 hexadecimal digits, as sha256sum prints them",
    )
    account = user or f"slipway-{app}"
    _require(_USER.match(account), "slipway_user", f"{account!r} is not a user name", "use a-z, 0-9, '_' and '-'")
    return {
        "schema": SCHEMA,
        "unit_format": UNIT_FORMAT,
        "app": app,
        "version": version,
        "artifact": {"sha256": sha256, "commit": commit, "built": built},
        "components": _components(components),
        "config": _environment(config or {}, "slipway_config"),
        "secrets": seal(secrets or {}, secrets_key),
        "shared_directories": _shared_directories(shared_directories),
        "schema_range": _schema_range(schema_range),
        "user": account,
    }


def revision_id(document: Mapping[str, Any]) -> str:
    """The identifier of a revision document: 16 hexadecimal digits."""
    return digest(dict(document))[:16]


def require_app(app: str) -> str:
    """``app``, when it can name an application: it becomes part of paths and unit names.

    :raises InputError: it cannot.
    """
    _require(_APP.match(app), "slipway_app", f"{app!r} is not a name", "use a-z, 0-9 and '-', 31 characters at most")
    return app


def seal(secrets: Mapping[str, str], key: str | None) -> dict[str, str]:
    """The HMACs that stand for ``secrets`` in a revision document.

    :raises InputError: a name cannot be a credential's, or the key is missing.
    """
    if secrets and not key:
        raise InputError(
            "secrets are given without a key for their HMACs",
            where="secrets_key",
            remedy="give a random string, the same for every host and run, from your secret store",
        )
    for name in secrets:
        _require(
            _SECRET.match(name), "secrets", f"{name!r} cannot name a credential", "use letters, digits, '_', '.', '-'"
        )
    sealing = (key or "").encode("utf-8")
    return {
        name: hmac.new(sealing, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()
        for name, value in sorted(secrets.items())
    }


def read(document: Mapping[str, Any]) -> dict[str, Any]:
    """A revision document that came from outside, checked as ``build`` would have checked it.

    :raises InputError: it is not one, or was made by another version of the collection.
    """
    if document.get("schema") != SCHEMA or document.get("unit_format") != UNIT_FORMAT:
        raise InputError(
            f"the revision document has schema {document.get('schema')!r}, this collection writes {SCHEMA}",
            where="revision",
            remedy="plan again with the collection that places the revision",
        )
    try:
        rebuilt = build(
            app=document["app"],
            version=document["version"],
            artifact_sha256=document["artifact"]["sha256"],
            commit=document["artifact"]["commit"],
            built=document["artifact"]["built"],
            components=document["components"],
            config=document["config"],
            shared_directories=document["shared_directories"],
            schema_range=document["schema_range"],
            user=document["user"],
        )
        rebuilt["secrets"] = {str(name): str(value) for name, value in document["secrets"].items()}
    except (KeyError, TypeError, AttributeError) as exc:
        raise InputError(
            f"the revision document is incomplete: {exc}",
            where="revision",
            remedy="pass the document that revision planning returned, unchanged",
        ) from exc
    if rebuilt != dict(document):
        raise InputError(
            "the revision document is not in its normal form",
            where="revision",
            remedy="pass the document that revision planning returned, unchanged",
        )
    return rebuilt


def _require(accepted: object, where: str, what: str, remedy: str) -> None:
    if not accepted:
        raise InputError(what, where=where, remedy=remedy)


def _components(components: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    _require(components, "slipway_components", "there are no components", "declare at least one component")
    normalised = sorted((_component(item) for item in components), key=lambda item: str(item["name"]))
    names = [item["name"] for item in normalised]
    _require(len(set(names)) == len(names), "slipway_components", "two components have one name", "rename one of them")
    _require_order(normalised)
    ports = [port for item in normalised for port in item["ports"].values()]
    _require(
        len(set(ports)) == len(ports),
        "slipway_components",
        "a port is used more than once",
        "give every component and slot a port of its own",
    )
    return normalised


def _component(component: Mapping[str, Any]) -> dict[str, Any]:
    name = str(component.get("name", ""))
    _require(_COMPONENT.match(name), "slipway_components", f"{name!r} is not a component name", "use a-z, 0-9 and '-'")
    where = f"slipway_components[{name}]"
    kind = component.get("kind")
    _require(kind in KINDS, where, f"{kind!r} is not a kind of component", f"use one of {', '.join(KINDS)}")
    memory_max = str(component.get("memory_max") or "")
    _require(_MEMORY.match(memory_max), where, f"memory_max {memory_max!r} is not a size", "write it as 512M or 2G")
    schedule = str(component.get("schedule") or "")
    _require(
        bool(schedule) == (kind == "scheduled") and "\n" not in schedule,
        where,
        "schedule belongs to components of kind scheduled, and only to them",
        "give an OnCalendar expression such as 'daily' to a scheduled component",
    )
    stop_timeout = _integer(component.get("stop_timeout", STOP_TIMEOUT), where, "stop_timeout")
    _require(0 < stop_timeout <= 3600, where, f"stop_timeout {stop_timeout} is out of range", "use 1 to 3600 seconds")
    return {
        "name": name,
        "kind": kind,
        "command": _command(str(component.get("command", "")), where),
        "ports": _ports(component.get("ports") or {}, str(kind), where),
        "health": {str(key): str(path) for key, path in sorted((component.get("health") or {}).items()) if path},
        "overlap": bool(component.get("overlap", False)),
        "schedule": schedule,
        "stop_timeout": stop_timeout,
        "environment": _environment(component.get("environment") or {}, where),
        "memory_max": memory_max,
        **_after(component, where),
    }


def _after(component: Mapping[str, Any], where: str) -> dict[str, list[str]]:
    """What the component comes after; nothing in the document where it comes after none, as before there was any."""
    names = sorted({str(name) for name in component.get("after") or ()})
    _require(not names or component.get("kind") != "http", where, "an http component comes after none", "remove after")
    return {"after": names} if names else {}


def _require_order(components: Sequence[Mapping[str, Any]]) -> None:
    kinds = {item["name"]: item["kind"] for item in components}
    before = {item["name"]: item.get("after", []) for item in components}
    for name, firsts in before.items():
        for first in firsts:
            _require(
                kinds.get(first, "scheduled") != "scheduled",
                f"slipway_components[{name}]",
                f"nothing can come after {first!r}",
                "name components of kind http, worker or singleton",
            )
    circle = cycle(before)
    _require(not circle, "slipway_components", f"{' after '.join(circle)} is a circle", "remove one of these after")


def _command(command: str, where: str) -> str:
    stripped = command.strip()
    _require(stripped, where, "there is no command", "give the command that starts the component")
    _require(
        not _CONTROL.search(stripped) and "\n" not in stripped and not stripped.endswith("\\"),
        where,
        "the command has a line break or a control character",
        "write it on one line",
    )
    _require(
        stripped[0] not in _EXEC_PREFIX and ";" not in stripped.split(),
        where,
        "the command begins with a prefix of systemd or has several commands",
        "give one plain command; put more into a script of the release",
    )
    return stripped


def _ports(ports: Mapping[str, Any], kind: str, where: str) -> dict[str, int]:
    if kind != "http":
        _require(not ports, where, "only components of kind http have ports", "remove ports")
        return {}
    _require(
        set(ports) == set(SLOTS), where, "ports must name blue and green", "write ports: {blue: 8081, green: 8082}"
    )
    numbers = {slot: _integer(ports[slot], where, f"ports.{slot}") for slot in SLOTS}
    _require(all(0 < number < 65536 for number in numbers.values()), where, "a port is out of range", "use 1 to 65535")
    return numbers


def _environment(variables: Mapping[str, Any], where: str) -> dict[str, str]:
    return {name: _variable(name, variables[name], where) for name in sorted(variables)}


def _variable(name: str, value: Any, where: str) -> str:
    _require(_VARIABLE.match(name), where, f"{name!r} cannot name an environment variable", "use letters, digits, '_'")
    _require(name not in RESERVED_ENVIRONMENT, where, f"{name} is set by slipway", "choose another name")
    if isinstance(value, bool):
        return "true" if value else "false"
    _require(isinstance(value, (str, int, float)), where, f"{name} is not a string", "quote the value")
    text = str(value)
    _require(not _CONTROL.search(text), where, f"{name} has a control character", "remove it, or encode the value")
    return text


def _shared_directories(directories: Sequence[str]) -> list[str]:
    for directory in directories:
        _require(
            _DIRECTORY.match(directory) and not {".", ".."} & set(directory.split("/")),
            "slipway_shared_directories",
            f"{directory!r} is not a relative path inside the release",
            "name a directory such as uploads or var/media",
        )
    ordered = sorted(set(directories))
    for outer in ordered:
        _require(
            not any(inner.startswith(f"{outer}/") for inner in ordered),
            "slipway_shared_directories",
            f"{outer!r} contains another shared directory",
            "declare the outer directory only",
        )
    return ordered


def _schema_range(schema_range: Mapping[str, int] | None) -> dict[str, int] | None:
    if not schema_range:
        return None
    where = "slipway_schema_range"
    _require(set(schema_range) == {"min", "max"}, where, "min and max are both needed", "write {min: 1, max: 3}")
    limits = {key: _integer(schema_range[key], where, key) for key in ("min", "max")}
    _require(limits["min"] <= limits["max"], where, "min is above max", "swap them")
    return limits


def _integer(value: Any, where: str, name: str) -> int:
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} {value!r} is not an integer", where=where, remedy="give an integer") from None
