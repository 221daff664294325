# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx: the routing is a directory that nginx reads on every request, so nothing is ever reloaded for traffic.

Touches ``/var/lib/slipway/balancer/<app>/`` and ``/run/slipway/balancer/<app>/open``; asks nginx on its loopback
status port. The directory:

    servers/<instance>/<instance>               empty; their names are what nginx reads
    servers/slot-<slot>/<slot>                  the same for all instances of a slot
    links/<instance>                            one symbolic link for each server, hard-linked into the generations
    generations/<N>/b000 .. b999                links to the server of each bucket
    generations/<N>/matched                     link to the directory in which matched requests look for their bucket:
                                                the generation itself, or while the override is open the next one
    matched/<digest>/b000 .. b999               links to the server of each bucket, all in the slot that is not stable
    generations/<N>/preview                     link to the slot that is not stable
    generations/<N>/usable/<instance>           links for every usable instance
    generations/<N>/state.json                  the state this generation was made from
    current -> generations/<N>                  swapped by rename: everything changes at once
    stable -> servers/slot-<slot>               where a request goes whose bucket link is missing

Whether a bucket leads to the instance that it prefers, nginx finds with one look at a path that ends in the instance's
name; otherwise it resolves the link, which costs a system call for each directory of the path.

A generation is made from an older one that looks much the same, because a thousand links take longer to make and to
remove than everything else. The newest ones are never touched: a request may be on its way through them.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .._common.canonical import digest
from .._common.errors import StateError, SystemFailure
from .._common.files import fsync_directory, fsync_file, link_atomic, read_state, state_text
from .ask import Answer, ask
from .assign import BUCKETS, assignment, overriding_assignment
from .base import Balancer, Capabilities, Live
from .config import SLOTS, other_slot
from .connections import count
from .state import SCHEMA, State

IN_FLIGHT = 2
SPARES = 4
RANDOM_PROBES = 16
_BUCKET_NAMES = tuple(f"b{bucket:03d}" for bucket in range(BUCKETS))
_TO_SERVERS = "../../servers/"
_EVERYONE = "."
_LEFTOVER = re.compile(r"\.((token|barred)\..+|.+\.[0-9]+\.link)")


@dataclass(frozen=True)
class NginxLive(Live):
    """What nginx does.

    :param links: the server of every bucket, in the generation that nginx serves from.
    :param matched: the same for matched requests; empty when these go where everyone goes.
    """

    links: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()


class Nginx(Balancer):
    """nginx of this host."""

    capabilities = Capabilities(sticky=True, native_health=False, connections=True)

    def recorded(self) -> State | None:
        content = read_state(self.directory / "current" / "state.json", SCHEMA)
        return None if content is None else State.from_dict(content)

    def apply(self, state: State) -> None:
        buckets = assignment(self.config, state)
        self._sweep()
        if not (self._is_recorded(state) and self._leads(buckets, overriding_assignment(self.config, state))):
            if not self._has_servers():
                self._make_servers()
            self._make_generation(state, buckets)
            if not self._falls_back_to(state.stable):
                link_atomic(self.directory / "stable", f"servers/{_group(state.stable)}")
            link_atomic(self.directory / "current", f"generations/{state.generation}")
        self._prune()

    def live(self) -> Live:
        running = _Running(self)
        links = running.links()
        matched = running.matched()
        running.probe("bucket", links)
        if self.config.match:
            running.probe("matched", matched or links)
        return NginxLive(
            generation=running.generation,
            stable=running.stable,
            percents=self._percents(links),
            usable=running.usable(),
            open=running.open.status == 200,
            override=any(matched),
            links=links,
            matched=matched,
        )

    def structure(self) -> str:
        """Digest of the configuration that the running nginx has loaded."""
        return _Running(self).structure

    def agrees(self, state: State, live: Live) -> bool:
        return (
            super().agrees(state, live)
            and isinstance(live, NginxLive)
            and live.links == assignment(self.config, state)
            and live.matched == overriding_assignment(self.config, state)
            and self._is_recorded(state)
        )

    def instance_connections(self, instance: str) -> int:
        return count([self.config.address(instance)])

    def connections(self, slot: str) -> int:
        return count(map(self.config.address, self.config.instances(slot)))

    def open(self) -> None:
        self.run_directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.open_file.touch(mode=0o644)

    def close(self) -> None:
        self.open_file.unlink(missing_ok=True)

    @property
    def _generations(self) -> Path:
        return self.directory / "generations"

    @property
    def _matched(self) -> Path:
        return self.directory / "matched"

    def _server_paths(self) -> list[Path]:
        servers = self.directory / "servers"
        instances = [servers / name / name for name in self.config.all_instances()]
        return instances + [servers / _group(slot) / slot for slot in SLOTS]

    def links(self, generation: Path) -> tuple[str, ...]:
        """The server of every bucket; an empty name where the link is missing or leads elsewhere.

        Most are hard links to the links of the servers and known by their inode, without being read.
        """
        entries = _entries(self.directory / "links")
        servers = {inode: name for name, inode in entries.items() if self._is_link(name)}
        found = _entries(generation)
        known = [servers.get(found.get(name, 0), "") for name in _BUCKET_NAMES]
        if "" in known:
            known = [server or _server_of_bucket(generation / name) for name, server in zip(_BUCKET_NAMES, known)]
        return tuple(known)

    def _leads(self, buckets: tuple[str, ...], matched: tuple[str, ...]) -> bool:
        current = self.directory / "current"
        return self.links(current) == buckets and self.matched_links(current) == matched

    def _is_link(self, server: str) -> bool:
        return _target(self.directory / "links" / server) == _TO_SERVERS + server

    def _has_servers(self) -> bool:
        return all(path.is_dir() for path in self._server_paths()) and all(
            map(self._is_link, self.config.all_instances())
        )

    def _falls_back_to(self, slot: str) -> bool:
        return _target(self.directory / "stable") == f"servers/{_group(slot)}"

    def _make_servers(self) -> None:
        servers = self.directory / "servers"
        for path in self._server_paths():
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        links = self.directory / "links"
        links.mkdir(mode=0o755, exist_ok=True)
        for name in self.config.all_instances():
            if not self._is_link(name):
                link_atomic(links / name, _TO_SERVERS + name)
        for directory in (*(path.parent for path in self._server_paths()), servers, links, self.directory):
            fsync_directory(directory)

    def _make_generation(self, state: State, buckets: tuple[str, ...]) -> None:
        complete = self._generations / str(state.generation)
        if _target(self.directory / "current") == f"generations/{state.generation}":
            raise StateError(
                f"generation {state.generation} is being served with other content",
                where=str(complete),
                remedy="run lb_switch, which makes the next generation",
            )
        shutil.rmtree(complete, ignore_errors=True)
        partial = self._generations / f".{state.generation}.partial"
        self._begin(partial, buckets)
        os.symlink(self._made_for_matched(overriding_assignment(self.config, state)), partial / "matched")
        os.symlink(f"../../servers/{_group(other_slot(state.stable))}", partial / "preview")
        (partial / "usable").mkdir(mode=0o755)
        for slot in SLOTS:
            for instance in state.usable(self.config, slot):
                os.symlink(f"../../../servers/{instance}", partial / "usable" / instance)
        content = state.to_dict()
        (partial / "state.json").write_text(state_text(content.pop("schema"), content), encoding="utf-8")
        os.rename(partial, complete)
        fsync_file(complete / "state.json")
        for directory in (complete / "usable", complete, self._generations):
            fsync_directory(directory)

    def _made_for_matched(self, buckets: tuple[str, ...]) -> str:
        """Where matched requests look for their bucket, seen from a generation; made unless it is there."""
        if not buckets:
            return _EVERYONE
        name = digest(list(buckets))[:16]
        complete = self._matched / name
        if self.links(complete) != buckets:
            shutil.rmtree(complete, ignore_errors=True)
            partial = self._matched / f".{name}.partial"
            partial.mkdir(mode=0o755, parents=True)
            _write_links(self.directory / "links", partial, dict(zip(_BUCKET_NAMES, buckets)))
            os.rename(partial, complete)
            for directory in (complete, self._matched, self.directory):
                fsync_directory(directory)
        return f"../../matched/{name}"

    def matched_links(self, generation: Path) -> tuple[str, ...]:
        """The server of every bucket for matched requests; empty when these go where everyone goes."""
        matched = generation / "matched"
        return () if not self.config.match or _target(matched) == _EVERYONE else self.links(matched)

    def _begin(self, partial: Path, buckets: tuple[str, ...]) -> None:
        """Make the directory of a generation with its bucket links and nothing else."""
        missing = dict(zip(_BUCKET_NAMES, buckets))
        cost = {path: _different(self.links(path), buckets) for path in self._spares()}
        spare = min(cost, key=lambda path: len(cost[path]), default=None)
        if spare is not None and 2 * len(cost[spare]) < BUCKETS:
            missing = {name: missing[name] for name in cost[spare]}
            os.rename(spare, partial)
            for name in (*missing, "matched", "preview", "state.json"):
                (partial / name).unlink(missing_ok=True)
            shutil.rmtree(partial / "usable", ignore_errors=True)
        else:
            partial.mkdir(mode=0o755)
        _write_links(self.directory / "links", partial, missing)

    def _spares(self) -> list[Path]:
        """Generations that no request is on its way through, the newest first."""
        complete = sorted((path for path in self._generations.iterdir() if path.name.isdigit()), key=_number)
        current = self.directory / _target(self.directory / "current")
        return [path for path in complete[-IN_FLIGHT - 1 :: -1] if path != current]

    def _is_recorded(self, state: State) -> bool:
        """Whether all that is on disk beside the bucket links is as ``apply`` leaves it."""
        current = self.directory / "current"
        return (
            self.recorded() == state
            and self._falls_back_to(state.stable)
            and self._has_servers()
            and _server(current / "preview") == _group(other_slot(state.stable))
            and _usable_links(current) == {name for slot in SLOTS for name in state.usable(self.config, slot)}
        )

    def _sweep(self) -> None:
        """Remove what a killed run left half-made."""
        self._generations.mkdir(mode=0o755, parents=True, exist_ok=True)
        for partial in [*self._generations.glob(".*.partial"), *self._matched.glob(".*.partial")]:
            shutil.rmtree(partial)
        for leftover in [*self.directory.glob(".*"), *self.directory.glob("links/.*")]:
            if _LEFTOVER.fullmatch(leftover.name):
                leftover.unlink()

    def _prune(self) -> None:
        """Keep the newest generations, before these one of a kind, and what matched requests look for in them."""
        kept: set[tuple[str, ...]] = set()
        for path in self._spares():
            links = self.links(path)
            if links in kept or len(kept) == SPARES:
                shutil.rmtree(path)
            else:
                kept.add(links)
        linked = {_server(path / "matched") for path in self._generations.iterdir()}
        for tree in self._matched.glob("*"):
            if tree.name not in linked:
                shutil.rmtree(tree)

    def _percents(self, links: tuple[str, ...]) -> dict[str, int]:
        counted = {slot: sum(name.startswith(f"{slot}-") for name in links) for slot in SLOTS}
        if sum(counted.values()) != BUCKETS or any(count % 10 for count in counted.values()):
            raise StateError(
                f"the bucket links make no whole percents: {counted}",
                where=str(self.directory / "current"),
                remedy="run lb_switch with the percents you want, which makes the next generation",
            )
        return {slot: count * 100 // BUCKETS for slot, count in counted.items()}


class _Running:
    """What the running nginx says over one connection, and the generation it serves from."""

    def __init__(self, nginx: Nginx) -> None:
        self.nginx = nginx
        self.port = nginx.config.status_port
        where, stable, self.open = ask(self.port, ["/current", "/stable", "/open"])
        self.structure, self.path = self._where(where)
        self.generation = int(self.path.name)
        self.stable = self._slot_of_group(stable)

    def links(self) -> tuple[str, ...]:
        """The server of every bucket in the generation nginx serves from."""
        return self.nginx.links(self.path)

    def matched(self) -> tuple[str, ...]:
        """The server of every bucket for matched requests; empty when these go where everyone goes."""
        return self.nginx.matched_links(self.path)

    def usable(self) -> dict[str, tuple[str, ...]]:
        """The usable instances of the generation nginx serves from."""
        names = _usable_links(self.path)
        config = self.nginx.config
        return {slot: tuple(name for name in config.instances(slot) if name in names) for slot in SLOTS}

    def probe(self, kind: str, links: tuple[str, ...]) -> None:
        """Let nginx route one bucket of every server, both sides of the split and some at random.

        :param kind: ``bucket`` for what everyone gets, ``matched`` for matched requests.
        :raises StateError: it routes one of them to another server than the link names.
        """
        first = {name: bucket for bucket, name in reversed(list(enumerate(links)))}
        last = {name: bucket for bucket, name in enumerate(links)}
        chosen = sorted({*first.values(), *last.values(), *random.sample(range(BUCKETS), RANDOM_PROBES)})
        answers = ask(self.port, [f"/{kind}/{_BUCKET_NAMES[bucket]}" for bucket in chosen])
        for bucket, answer in zip(chosen, answers):
            routed = self._server_of(answer)
            if routed != links[bucket]:
                raise StateError(
                    f"nginx routes {kind} {bucket} to {routed or 'nothing'!r}, its link names {links[bucket]!r}",
                    where=str(self.path),
                    remedy="run site.yml, which installs the configuration and the directory again",
                )

    def _where(self, answer: Answer) -> tuple[str, Path]:
        app, structure, path = (answer.text.split() + ["", "", ""])[:3]
        if answer.status != 200 or app != self.nginx.config.app:
            raise SystemFailure(
                f"something else than nginx with the configuration of {self.nginx.config.app} answers"
                f" (status {answer.status})",
                where=f"127.0.0.1:{self.port}",
                remedy="run site.yml, which installs the configuration, or choose another status port",
            )
        generations = os.path.realpath(self.nginx.directory / "generations")
        if os.path.dirname(path) != generations or not os.path.basename(path).isdigit():
            raise StateError(
                f"nginx serves from {path or 'no generation'}, not from a generation in {generations}",
                where=f"127.0.0.1:{self.port}",
                remedy="run lb_switch to make a generation; if that exists, let nginx read the directory (mode 0755)",
            )
        return structure, Path(path)

    def _server_of(self, answer: Answer) -> str:
        prefix = f"slipway_{self.nginx.config.app}_"
        name = answer.text.strip()
        return name[len(prefix) :] if name.startswith(prefix) else ""

    def _slot_of_group(self, answer: Answer) -> str:
        group = self._server_of(answer)
        return next((slot for slot in SLOTS if _group(slot) == group), "")


def _group(slot: str) -> str:
    return f"slot-{slot}"


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _server(link: Path) -> str:
    return os.path.basename(_target(link))


def _server_of_bucket(link: Path) -> str:
    target = _target(link)
    return target[len(_TO_SERVERS) :] if target.startswith(_TO_SERVERS) else ""


def _entries(directory: Path) -> dict[str, int]:
    """Inodes by name."""
    try:
        with os.scandir(directory) as entries:
            return {entry.name: entry.inode() for entry in entries}
    except FileNotFoundError:
        return {}


def _different(found: tuple[str, ...], wanted: tuple[str, ...]) -> list[str]:
    return [name for name, one, other in zip(_BUCKET_NAMES, found, wanted) if one != other]


def _write_links(links: Path, generation: Path, buckets: Mapping[str, str]) -> None:
    """Hard links to a symbolic link: a thousand of these cost a twentieth of a thousand symbolic links."""
    source = os.open(links, os.O_RDONLY | os.O_DIRECTORY)
    target = os.open(generation, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name, instance in buckets.items():
            os.link(instance, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    finally:
        os.close(target)
        os.close(source)


def _usable_links(generation: Path) -> set[str]:
    try:
        return set(os.listdir(generation / "usable"))
    except FileNotFoundError:
        return set()


def _number(path: Path) -> int:
    return int(path.name)
