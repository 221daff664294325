# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a balancer host must know about an application: ports, servers, stickiness and health.

Reads ``/etc/slipway/balancer/<app>.json``, which the role ``balancer`` writes; touches nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common.canonical import digest
from .._common.errors import InputError, StateError

SCHEMA = 1
SLOTS = ("blue", "green")
KINDS = ("nginx", "haproxy")
DIRECTORY = Path("/etc/slipway/balancer")

_APP = re.compile(r"[a-z][a-z0-9-]{0,30}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_SERVER_NAME = re.compile(r"[A-Za-z0-9_*.-]+")
PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,=:@%/?-]*")
MATCHED_BY = ("header", "cookie")
MATCH_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
STICKY_NAME = {
    "cookie": re.compile(r"[A-Za-z][A-Za-z0-9_]*"),
    "header": re.compile(r"[A-Za-z][A-Za-z0-9-]*"),
    "address": re.compile(r""),
    "request": re.compile(r""),
}


def other_slot(slot: str) -> str:
    """The slot that ``slot`` is not."""
    return SLOTS[1 - SLOTS.index(slot)]


@dataclass(frozen=True)
class Sticky:
    """What keeps a user in a slot: the key that is hashed into a bucket.

    :param by: ``cookie``, ``header``, ``address`` or ``request`` (not sticky).
    :param name: name of the cookie or header, empty otherwise.
    """

    by: str = "cookie"
    name: str = "slipway"


@dataclass(frozen=True)
class Match:
    """A header or a cookie that marks a request as a tester's, or as one of a user segment.

    :param by: ``header`` or ``cookie``.
    :param values: the whole value must be one of these, in exactly this spelling.
    """

    by: str
    name: str
    values: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The dictionary that ``from_dict`` reads."""
        return {self.by: self.name, "values": list(self.values)}


@dataclass(frozen=True)
class Health:
    """How an instance proves that it is ready; durations in seconds."""

    path: str = "/health/ready"
    interval: int = 1
    timeout: int = 1
    fall: int = 2
    rise: int = 2


@dataclass(frozen=True)
class Agent:
    """Where this host's agent listens, and its peers on the other balancer hosts.

    :param solo_open_after: seconds after which a balancer that reaches no peer opens by itself.
    """

    address: str = "127.0.0.1"
    port: int = 8470
    peers: tuple[str, ...] = ()
    solo_open_after: int = 60


@dataclass(frozen=True)
class BalancerConfig:
    """The structure of one application on one balancer host. Changing it needs a reload; traffic does not.

    :param servers: slot, then inventory name, to ``address:port``.
    :param status_port: loopback port on which nginx answers what it does (nginx only).
    :param socket: admin socket (HAProxy only).
    :param match: a request that one of these matches goes to the slot that is not stable while the override is open.
    """

    app: str
    kind: str
    servers: dict[str, dict[str, str]]
    port: int = 80
    preview_port: int = 8480
    server_names: tuple[str, ...] = ("_",)
    sticky: Sticky = field(default_factory=Sticky)
    health: Health = field(default_factory=Health)
    agent: Agent = field(default_factory=Agent)
    status_port: int = 8471
    socket: str = "/run/haproxy/slipway.sock"
    match: tuple[Match, ...] = ()

    def instances(self, slot: str) -> tuple[str, ...]:
        """Names of the instances of ``slot``, in the order that decides which bucket goes where."""
        return tuple(f"{slot}-{host}" for host in sorted(self.servers[slot]))

    def all_instances(self) -> tuple[str, ...]:
        """Names of the instances of both slots."""
        return tuple(name for slot in SLOTS for name in self.instances(slot))

    def slot_of(self, instance: str) -> str:
        """The slot an instance belongs to.

        :raises InputError: there is no such instance.
        """
        for slot in SLOTS:
            if instance in self.instances(slot):
                return slot
        raise InputError(
            f"there is no instance {instance!r}",
            where=f"application {self.app}",
            remedy="name one of " + ", ".join(self.all_instances()),
        )

    def address(self, instance: str) -> str:
        """``address:port`` of an instance."""
        slot = self.slot_of(instance)
        return self.servers[slot][instance[len(slot) + 1 :]]

    def digest(self) -> str:
        """Identifies this structure."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The dictionary that ``from_dict`` reads."""
        return {
            "schema": SCHEMA,
            "app": self.app,
            "kind": self.kind,
            "port": self.port,
            "preview_port": self.preview_port,
            "server_names": list(self.server_names),
            "sticky": {"by": self.sticky.by, "name": self.sticky.name},
            "servers": {slot: dict(hosts) for slot, hosts in self.servers.items()},
            "health": {
                "path": self.health.path,
                "interval": self.health.interval,
                "timeout": self.health.timeout,
                "fall": self.health.fall,
                "rise": self.health.rise,
            },
            "agent": {
                "address": self.agent.address,
                "port": self.agent.port,
                "peers": list(self.agent.peers),
                "solo_open_after": self.agent.solo_open_after,
            },
            "status_port": self.status_port,
            "socket": self.socket,
            "match": [match.to_dict() for match in self.match],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any], where: str = "balancer configuration") -> BalancerConfig:
        """Read and check a dictionary.

        :param where: names the origin in errors.
        :raises InputError: a key is missing, unknown or has a value that cannot be used.
        """
        check = _Check(where)
        check.keys(content, required={"schema", "app", "kind", "servers"}, optional=set(_DEFAULTS))
        check.that(content["schema"] == SCHEMA, "schema", f"must be {SCHEMA}, found {content['schema']!r}")
        content = {**_DEFAULTS, **content}
        check.matches("app", content["app"], _APP)
        check.that(content["kind"] in KINDS, "kind", f"must be one of {', '.join(KINDS)}")
        for name in ("port", "preview_port", "status_port"):
            check.port(name, content[name])
        return cls(
            app=content["app"],
            kind=content["kind"],
            servers=_servers(check, content["servers"]),
            port=content["port"],
            preview_port=content["preview_port"],
            server_names=_names(check, content["server_names"]),
            sticky=_sticky(check, content["sticky"]),
            health=_health(check, content["health"]),
            agent=_agent(check, content["agent"]),
            status_port=content["status_port"],
            socket=str(content["socket"]),
            match=_match(check, content["match"]),
        )

    @classmethod
    def load(cls, app: str, directory: Path = DIRECTORY) -> BalancerConfig:
        """Read the configuration of ``app`` on this host.

        :raises StateError: this host is no balancer of the application.
        """
        path = directory / f"{app}.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as exc:
            raise StateError(
                f"this host is no balancer of application {app!r}",
                where=str(path),
                remedy="run site.yml, which sets the balancer up, or correct 'app'",
            ) from exc
        except ValueError as exc:
            raise StateError(
                "the balancer configuration is not JSON", where=str(path), remedy="run site.yml, which writes it again"
            ) from exc
        return cls.from_dict(content, where=str(path))


_DEFAULTS: dict[str, Any] = {
    key: value
    for key, value in BalancerConfig(app="", kind="nginx", servers={}).to_dict().items()
    if key not in ("schema", "app", "kind", "servers")
}


class _Check:
    """Raises an ``InputError`` that names the key."""

    def __init__(self, where: str) -> None:
        self.where = where

    def that(self, holds: bool, key: str, complaint: str) -> None:
        if not holds:
            raise InputError(f"{key} {complaint}", where=self.where, remedy=f"correct {key}")

    def keys(self, content: Any, required: set[str], optional: set[str], prefix: str = "") -> None:
        self.that(isinstance(content, dict), prefix.rstrip(".") or "the configuration", "must be a dictionary")
        for key in sorted(required - set(content)):
            self.that(False, prefix + key, "is missing")
        for key in sorted(set(content) - required - optional):
            self.that(False, prefix + str(key), "is unknown")

    def integer(self, key: str, value: Any, least: int, most: int) -> None:
        sound = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        self.that(sound, key, f"must be an integer from {least} to {most}, found {value!r}")

    def port(self, key: str, value: Any) -> None:
        self.integer(key, value, 1, 65535)

    def matches(self, key: str, value: Any, pattern: re.Pattern[str]) -> None:
        sound = isinstance(value, str) and pattern.fullmatch(value) is not None
        self.that(sound, key, f"must match {pattern.pattern!r}, found {value!r}")


def _servers(check: _Check, content: Any) -> dict[str, dict[str, str]]:
    check.keys(content, required=set(SLOTS), optional=set(), prefix="servers.")
    for slot in SLOTS:
        check.that(isinstance(content[slot], dict), f"servers.{slot}", "must be a dictionary of host to address:port")
        check.that(bool(content[slot]), f"servers.{slot}", "names no host")
        for host, address in content[slot].items():
            check.matches(f"servers.{slot}: host name", host, _HOST)
            check.matches(f"servers.{slot}.{host}", address, _ADDRESS)
            check.port(f"servers.{slot}.{host}: port", int(address.rsplit(":", 1)[1]))
    addresses = [address for slot in SLOTS for address in content[slot].values()]
    check.that(len(addresses) == len(set(addresses)), "servers", "gives two instances the same address")
    return {slot: dict(content[slot]) for slot in SLOTS}


def _names(check: _Check, content: Any) -> tuple[str, ...]:
    check.that(isinstance(content, list) and bool(content), "server_names", "must be a list of at least one name")
    for name in content:
        check.matches("server_names", name, _SERVER_NAME)
    return tuple(content)


def _sticky(check: _Check, content: Any) -> Sticky:
    check.keys(content, required={"by"}, optional={"name"}, prefix="sticky.")
    by = content["by"]
    check.that(by in STICKY_NAME, "sticky.by", f"must be one of {', '.join(STICKY_NAME)}, found {by!r}")
    name = content.get("name", "") if by in ("cookie", "header") else ""
    check.matches("sticky.name", name, STICKY_NAME[by])
    return Sticky(by=by, name=name)


def _match(check: _Check, content: Any) -> tuple[Match, ...]:
    check.that(isinstance(content, list), "match", "must be a list")
    found = []
    for item in content:
        check.keys(item, required={"values"}, optional=set(MATCHED_BY), prefix="match.")
        by = [name for name in MATCHED_BY if item.get(name)]
        check.that(len(by) == 1, "match", f"must name either a {' or a '.join(MATCHED_BY)}")
        check.matches(f"match.{by[0]}", item[by[0]], STICKY_NAME[by[0]])
        check.that(isinstance(item["values"], list) and bool(item["values"]), "match.values", "must name a value")
        for value in item["values"]:
            check.matches("match.values", value, MATCH_VALUE)
        found.append(Match(by[0], item[by[0]], tuple(item["values"])))
    return tuple(found)


def _health(check: _Check, content: Any) -> Health:
    check.keys(content, required=set(), optional=set(_DEFAULTS["health"]), prefix="health.")
    merged = {**_DEFAULTS["health"], **content}
    check.matches("health.path", merged["path"], PATH)
    for key in ("interval", "timeout", "fall", "rise"):
        check.integer(f"health.{key}", merged[key], 1, 3600)
    return Health(**merged)


def _agent(check: _Check, content: Any) -> Agent:
    check.keys(content, required=set(), optional=set(_DEFAULTS["agent"]), prefix="agent.")
    merged = {**_DEFAULTS["agent"], **content}
    check.port("agent.port", merged["port"])
    check.integer("agent.solo_open_after", merged["solo_open_after"], 1, 86400)
    check.that(isinstance(merged["peers"], list), "agent.peers", "must be a list of address:port")
    for peer in merged["peers"]:
        check.matches("agent.peers", peer, _ADDRESS)
    return Agent(
        address=str(merged["address"]),
        port=merged["port"],
        peers=tuple(merged["peers"]),
        solo_open_after=merged["solo_open_after"],
    )
