# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy: traffic moves by runtime commands; the same is recorded first, so that a reload or restart keeps it.

Touches ``/var/lib/slipway/balancer/<app>/`` and ``/run/slipway/balancer/<app>/``; speaks to HAProxy over its admin
and master sockets. The files:

    state.json                    the recorded state, from which the others are made
    slots.map, servers.state      what HAProxy starts from (see ``haproxy_files``)
    open, gate.map                in the run directory: may serve, and the same for HAProxy to start from

Drained and quarantined instances are both in HAProxy's state DRAIN: it goes on checking them, so that a return sends
them no request before they are ready. From MAINT it would return a dead instance to rotation at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from .._common.errors import SystemFailure
from .._common.files import read_state, write_state
from .base import Balancer, Capabilities, Live
from .config import SLOTS
from .haproxy_files import (
    CLOSED,
    GATE_KEY,
    OPEN,
    Route,
    backend_name,
    map_text,
    parse_map,
    parse_servers,
    read_text,
    servers_text,
    structure_variable,
    write_when_other,
)
from .haproxy_socket import (
    UNKNOWN_MAP,
    Interrupted,
    Processes,
    Worker,
    WorkerGone,
    ask,
    parse_admin_states,
    parse_processes,
    parse_shown_map,
    parse_used_connections,
)
from .state import SCHEMA, State

MASTER_SOCKET = "/run/haproxy-master.sock"
OUT_OF_ROTATION = 0x3B
_RELOADED_WITHIN = 10
_POLL = 0.02
_LEFTOVER = re.compile(r"\.(state\.json|slots\.map|servers\.state|gate\.map|token|barred)\..+")

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class View:
    """What one worker does.

    :param known: the instances it has.
    :param out: those that take no new requests.
    """

    route: dict[str, str]
    gate: dict[str, str]
    known: frozenset[str]
    out: frozenset[str]
    structure: str


class HAProxy(Balancer):
    """HAProxy of this host."""

    capabilities = Capabilities(sticky=True, native_health=True, connections=True)
    master_socket = MASTER_SOCKET

    @property
    def slots_map(self) -> Path:
        """The map file that decides where requests go."""
        return self.directory / "slots.map"

    @property
    def servers_file(self) -> Path:
        """The server state file of both slots."""
        return self.directory / "servers.state"

    @property
    def gate_map(self) -> Path:
        """The map file that decides whether requests are answered."""
        return self.run_directory / "gate.map"

    def recorded(self) -> State | None:
        content = read_state(self.directory / "state.json", SCHEMA)
        return None if content is None else State.from_dict(content)

    def live(self) -> Live:
        """What the running workers do; generation 0 when an old worker does other than the newest."""
        views = [view for _worker, view in _unless_reloaded(self._workers)]
        newest = views[0]
        route = Route.read(newest.route)
        return Live(
            generation=route.generation if all(_alike(view, newest) for view in views) else 0,
            stable=route.stable,
            percents=route.percents,
            usable={slot: tuple(n for n in self.config.instances(slot) if n not in newest.out) for slot in SLOTS},
            open=all(view.gate.get(GATE_KEY) == OPEN for view in views) and self.open_file.exists(),
            override=route.override,
        )

    def structure(self) -> str:
        """Digest of the configuration that the newest worker was started with."""
        return next(view.structure for _worker, view in _unless_reloaded(self._workers))

    def apply(self, state: State) -> None:
        state.check(self.config)
        self._record(state)
        _unless_reloaded(lambda: self._command(state))

    def agrees(self, state: State, live: Live) -> bool:
        return super().agrees(state, live) and live.override == state.override and self._is_recorded(state)

    def prepare(self) -> None:
        """Make the files HAProxy starts from, out of the recorded state; never fails for want of one."""
        self._make_directories()
        state = self.recorded()
        if state is not None:
            self._write_start_files(state.fitted(self.config))
        elif not self.slots_map.exists():
            self._write_start_files(State.initial(self.config.app))
        write_when_other(self.gate_map, map_text({GATE_KEY: OPEN if self.open_file.exists() else CLOSED}))

    def instance_connections(self, instance: str) -> int:
        return self._used(self.config.slot_of(instance)).get(instance, 0)

    def connections(self, slot: str) -> int:
        return sum(self._used(slot).values())

    def open(self) -> None:
        self._make_directories()
        self._set_gate(OPEN)
        self.open_file.touch(mode=0o644)

    def close(self) -> None:
        self._make_directories()
        self.open_file.unlink(missing_ok=True)
        self._set_gate(CLOSED)

    def processes(self) -> Processes | None:
        """The master and its workers; ``None`` when HAProxy runs without a master socket.

        :raises SystemFailure: the master does not answer.
        """
        return _unless_reloaded(self._processes)

    def _processes(self) -> Processes | None:
        if not Path(self.master_socket).exists():
            return None
        return parse_processes(ask(self.master_socket, ["show proc"])[0])

    def _command(self, state: State) -> None:
        """Bring every worker to what is recorded."""
        out = self._out(state)
        entries = Route.of(state).entries()
        for worker, view in self._workers():
            missing = out & view.known
            with suppress(WorkerGone):
                worker.do(self._server_commands(view.out - missing, "ready"))
                worker.do(_map_commands(self.slots_map, view.route, entries))
                worker.do(self._server_commands(missing - view.out, "drain"))

    def _set_gate(self, value: str) -> None:
        entries = {GATE_KEY: value}
        _sweep(self.run_directory)
        write_when_other(self.gate_map, map_text(entries))

        def command() -> None:
            for worker, view in self._workers():
                with suppress(WorkerGone):
                    worker.do(_map_commands(self.gate_map, view.gate, entries))

        _unless_reloaded(command)

    def _workers(self) -> list[tuple[Worker, View]]:
        """The newest worker, then those that a reload replaced: they still answer on the connections they have.

        A worker that is being started may have read the files before they were written. The master answers before it
        reads them and once the worker is there, so the same answer before and after means that none was missed.

        :raises Interrupted: a reload came in between.
        """
        processes = self._processes()
        found = self._found(processes.old_workers if processes else ())
        now = self._processes()
        if processes and now and (processes.workers, processes.reloads) != (now.workers, now.reloads):
            raise Interrupted("HAProxy was reloaded meanwhile", where=self.master_socket, remedy="run again")
        return found

    def _found(self, old_workers: Iterable[int]) -> list[tuple[Worker, View]]:
        newest = Worker(self.config.socket)
        view = self._view(newest)
        if view is None:
            raise SystemFailure(
                f"HAProxy runs without the configuration of {self.config.app}",
                where=self.config.socket,
                remedy="run site.yml, which installs it",
            )
        found = [(newest, view)]
        for process in old_workers:
            worker = Worker(self.master_socket, f"@!{process} ")
            with suppress(WorkerGone):
                view = self._view(worker)
                if view is not None:
                    found.append((worker, view))
        return found

    def _view(self, worker: Worker) -> View | None:
        """What a worker does; ``None`` when it was started without this application."""
        backends = [backend_name(self.config.app, slot) for slot in SLOTS]
        route, gate, variable, *servers = worker.ask(
            [
                f"show map {self.slots_map}",
                f"show map {self.gate_map}",
                f"show env {structure_variable(self.config.app)}",
                *(f"show servers state {backend}" for backend in backends),
            ]
        )
        if route.startswith(UNKNOWN_MAP):
            return None
        admin = {name: mask for text in servers for name, mask in parse_admin_states(text).items()}
        return View(
            route=parse_shown_map(route),
            gate=parse_shown_map(gate),
            known=frozenset(admin),
            out=frozenset(name for name, mask in admin.items() if mask & OUT_OF_ROTATION),
            structure=variable.partition("=")[2],
        )

    def _used(self, slot: str) -> Counter[str]:
        return _unless_reloaded(lambda: self._counted(slot))

    def _counted(self, slot: str) -> Counter[str]:
        command = f"show servers conn {backend_name(self.config.app, slot)}"
        used: Counter[str] = Counter()
        for worker, _view in self._workers():
            with suppress(WorkerGone):
                used.update(parse_used_connections(worker.ask([command])[0]))
        return used

    def _server_commands(self, instances: Iterable[str], asked: str) -> list[str]:
        app, slot_of = self.config.app, self.config.slot_of
        return [f"set server {backend_name(app, slot_of(n))}/{n} state {asked}" for n in sorted(instances)]

    def _out(self, state: State) -> frozenset[str]:
        return frozenset(self.config.all_instances()).difference(*(state.usable(self.config, slot) for slot in SLOTS))

    def _record(self, state: State) -> None:
        self._make_directories()
        _sweep(self.directory)
        if self.recorded() != state:
            content = state.to_dict()
            write_state(self.directory / "state.json", content.pop("schema"), content)
        self._write_start_files(state)

    def _write_start_files(self, state: State) -> None:
        """Returned servers, then the route, then removed servers: HAProxy may be started between any two."""
        out = self._out(state)
        still_out = parse_servers(read_text(self.servers_file)) & out
        write_when_other(self.servers_file, servers_text(self.config, still_out))
        write_when_other(self.slots_map, map_text(Route.of(state).entries()))
        write_when_other(self.servers_file, servers_text(self.config, out))

    def _is_recorded(self, state: State) -> bool:
        return (
            self.recorded() == state
            and parse_map(read_text(self.slots_map)) == Route.of(state).entries()
            and read_text(self.servers_file).encode("utf-8") == servers_text(self.config, self._out(state))
        )

    def _make_directories(self) -> None:
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.run_directory.mkdir(mode=0o755, parents=True, exist_ok=True)


def _unless_reloaded(act: Callable[[], Answer]) -> Answer:
    """The answer of ``act``, which is carried out again when a reload interrupts it.

    :raises Interrupted: one reload follows the other.
    """
    give_up = monotonic() + _RELOADED_WITHIN
    while True:
        try:
            return act()
        except Interrupted:
            if monotonic() >= give_up:
                raise
            sleep(_POLL)


def _sweep(directory: Path) -> None:
    """Remove what a killed run left half-written."""
    for leftover in directory.glob(".*"):
        if _LEFTOVER.fullmatch(leftover.name):
            leftover.unlink()


def _alike(view: View, newest: View) -> bool:
    common = view.known & newest.known
    return view.route == newest.route and view.out & common == newest.out & common


def _map_commands(path: Path, current: dict[str, str], wanted: dict[str, str]) -> list[str]:
    return [
        f"{'set' if key in current else 'add'} map {path} {key} {value}"
        for key, value in wanted.items()
        if current.get(key) != value
    ]
