# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx: the routing is a directory that nginx reads on every request, so nothing is ever reloaded for traffic.

Touches ``/var/lib/slipway/balancer/<app>/`` and ``/run/slipway/balancer/<app>/open``; asks nginx on its loopback
status port. The directory:

    servers/<instance>                          empty; their names are what nginx reads
    servers/slot-<slot>/<slot>                  the same for all instances of a slot
    links/<instance>                            one symbolic link for each server, hard-linked into the generations
    generations/<N>/b000 .. b999                links to the server of each bucket
    generations/<N>/preview                     link to the slot that is not stable
    generations/<N>/usable/<instance>           links for every usable instance
    generations/<N>/state.json                  the state this generation was made from
    current -> generations/<N>                  swapped by rename: everything changes at once
    stable -> servers/slot-<slot>               where a request goes whose bucket link is missing
"""

from __future__ import annotations

import os
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .._common.errors import StateError, SystemFailure
from .._common.files import fsync_directory, link_atomic, read_state, write_state
from .ask import Answer, ask
from .assign import BUCKETS, assignment
from .base import Balancer, Capabilities, Live
from .config import SLOTS, other_slot
from .connections import count
from .state import SCHEMA, State

KEPT_GENERATIONS = 3
RANDOM_PROBES = 16
_BUCKET_NAMES = tuple(f"b{bucket:03d}" for bucket in range(BUCKETS))
_TO_SERVERS = "../../servers/"
_LEFTOVER = re.compile(r"\.((token|barred)\..+|.+\.[0-9]+\.link)")


@dataclass(frozen=True)
class NginxLive(Live):
    """What nginx does.

    :param links: the server of every bucket, in the generation that nginx serves from.
    """

    links: tuple[str, ...]


class Nginx(Balancer):
    """nginx of this host."""

    capabilities = Capabilities(sticky=True, native_health=False, connections=True)

    def recorded(self) -> State | None:
        content = read_state(self.directory / "current" / "state.json", SCHEMA)
        return None if content is None else State.from_dict(content)

    def apply(self, state: State) -> None:
        buckets = assignment(self.config, state)
        self._sweep()
        if not (self._is_recorded(state) and _read_links(self.directory / "current") == buckets):
            self._make_servers()
            self._make_generation(state, buckets)
            link_atomic(self.directory / "stable", f"servers/{_group(state.stable)}")
            link_atomic(self.directory / "current", f"generations/{state.generation}")
        self._prune()

    def live(self) -> Live:
        running = _Running(self)
        links = running.links()
        running.probe(links)
        return NginxLive(
            generation=running.generation,
            stable=running.stable,
            percents=self._percents(links),
            usable=running.usable(),
            open=running.open.status == 200,
            links=links,
        )

    def structure(self) -> str:
        """Digest of the configuration that the running nginx has loaded."""
        return _Running(self).structure

    def agrees(self, state: State, live: Live) -> bool:
        return (
            super().agrees(state, live)
            and isinstance(live, NginxLive)
            and live.links == assignment(self.config, state)
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

    def _server_paths(self) -> list[Path]:
        servers = self.directory / "servers"
        instances = [servers / name for name in self.config.all_instances()]
        return instances + [servers / _group(slot) / slot for slot in SLOTS]

    def _make_servers(self) -> None:
        servers = self.directory / "servers"
        for path in self._server_paths():
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        links = self.directory / "links"
        links.mkdir(mode=0o755, exist_ok=True)
        for name in self.config.all_instances():
            if _target(links / name) != _TO_SERVERS + name:
                link_atomic(links / name, _TO_SERVERS + name)
        for directory in (*map(servers.joinpath, map(_group, SLOTS)), servers, links, self.directory):
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
        (partial / "usable").mkdir(mode=0o755, parents=True)
        _write_links(self.directory / "links", partial, buckets)
        os.symlink(f"../../servers/{_group(other_slot(state.stable))}", partial / "preview")
        for slot in SLOTS:
            for instance in state.usable(self.config, slot):
                os.symlink(f"../../../servers/{instance}", partial / "usable" / instance)
        content = state.to_dict()
        write_state(partial / "state.json", content.pop("schema"), content)
        fsync_directory(partial / "usable")
        fsync_directory(partial)
        os.rename(partial, complete)
        fsync_directory(self._generations)

    def _is_recorded(self, state: State) -> bool:
        """Whether all that is on disk beside the bucket links is as ``apply`` leaves it."""
        current = self.directory / "current"
        return (
            self.recorded() == state
            and _target(self.directory / "stable") == f"servers/{_group(state.stable)}"
            and all(path.is_dir() for path in self._server_paths())
            and _server(current / "preview") == _group(other_slot(state.stable))
            and _usable_links(current) == {name for slot in SLOTS for name in state.usable(self.config, slot)}
        )

    def _sweep(self) -> None:
        """Remove what a killed run left half-made."""
        self._generations.mkdir(mode=0o755, parents=True, exist_ok=True)
        for partial in self._generations.glob(".*.partial"):
            shutil.rmtree(partial)
        for leftover in [*self.directory.glob(".*"), *self.directory.glob("links/.*")]:
            if _LEFTOVER.fullmatch(leftover.name):
                leftover.unlink()

    def _prune(self) -> None:
        complete = sorted((path for path in self._generations.iterdir() if path.name.isdigit()), key=_number)
        current = _target(self.directory / "current")
        for path in complete[:-KEPT_GENERATIONS]:
            if f"generations/{path.name}" != current:
                shutil.rmtree(path)

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
        return _read_links(self.path)

    def usable(self) -> dict[str, tuple[str, ...]]:
        """The usable instances of the generation nginx serves from."""
        names = _usable_links(self.path)
        config = self.nginx.config
        return {slot: tuple(name for name in config.instances(slot) if name in names) for slot in SLOTS}

    def probe(self, links: tuple[str, ...]) -> None:
        """Let nginx route one bucket of every server, both sides of the split and some at random.

        :raises StateError: it routes one of them to another server than the link names.
        """
        first = {name: bucket for bucket, name in reversed(list(enumerate(links)))}
        last = {name: bucket for bucket, name in enumerate(links)}
        chosen = sorted({*first.values(), *last.values(), *random.sample(range(BUCKETS), RANDOM_PROBES)})
        answers = ask(self.port, [f"/bucket/{_BUCKET_NAMES[bucket]}" for bucket in chosen])
        for bucket, answer in zip(chosen, answers):
            routed = self._server_of(answer)
            if routed != links[bucket]:
                raise StateError(
                    f"nginx routes bucket {bucket} to {routed or 'nothing'!r}, its link names {links[bucket]!r}",
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


def _write_links(links: Path, generation: Path, buckets: tuple[str, ...]) -> None:
    """Hard links to a symbolic link: a thousand of these cost a twentieth of a thousand symbolic links."""
    source = os.open(links, os.O_RDONLY | os.O_DIRECTORY)
    target = os.open(generation, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name, instance in zip(_BUCKET_NAMES, buckets):
            os.link(instance, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    finally:
        os.close(target)
        os.close(source)


def _read_links(generation: Path) -> tuple[str, ...]:
    """The server of every bucket; an empty name where the link is missing or leads elsewhere."""
    try:
        descriptor = os.open(generation, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return ("",) * BUCKETS
    try:
        targets = [_read_link(name, descriptor) for name in _BUCKET_NAMES]
    finally:
        os.close(descriptor)
    return tuple(target[len(_TO_SERVERS) :] if target.startswith(_TO_SERVERS) else "" for target in targets)


def _read_link(name: str, directory: int) -> str:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return ""


def _usable_links(generation: Path) -> set[str]:
    try:
        return set(os.listdir(generation / "usable"))
    except FileNotFoundError:
        return set()


def _number(path: Path) -> int:
    return int(path.name)
