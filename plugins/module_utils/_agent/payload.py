# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's own source, as it is part of the module that places it.

Reads the modules it was imported with, from files or from Ansible's archive; touches nothing. The imports below make
Ansible put everything into that archive that runs on the balancer host.
"""

from __future__ import annotations

import importlib.util
import pkgutil
from types import ModuleType

from .. import _agent, _analysis, _audit, _balancer, _common, _gate, _hooks, _judge, _release, _warm, _watch
from .._balancer import haproxy_prepare
from .._common.errors import SystemFailure
from .._warm import __main__ as warm_line
from .._watch import __main__ as watch_line
from . import __main__ as command_line

PACKAGES: tuple[ModuleType, ...] = (
    _agent,
    _analysis,
    _audit,
    _balancer,
    _common,
    _gate,
    _hooks,
    _judge,
    _release,
    _warm,
    _watch,
)
ENTRY_POINTS: tuple[ModuleType, ...] = (command_line, haproxy_prepare, warm_line, watch_line)


def sources() -> dict[str, bytes]:
    """Content of every file of the agent by its path below the library, packages included."""
    found: dict[str, bytes] = {}
    for package in PACKAGES:
        found[_path(package.__name__, is_package=True)] = _source(package.__name__)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            found[_path(module.name, is_package=module.ispkg)] = _source(module.name)
    parts = _agent.__name__.split(".")
    for depth in range(1, len(parts)):
        found.setdefault(_path(".".join(parts[:depth]), is_package=True), b"")
    return dict(sorted(found.items()))


def _path(name: str, *, is_package: bool) -> str:
    return name.replace(".", "/") + ("/__init__.py" if is_package else ".py")


def _source(name: str) -> bytes:
    spec = importlib.util.find_spec(name)
    read = getattr(spec.loader, "get_source", None) if spec else None
    text = read(name) if read else None
    if text is None:
        raise SystemFailure(f"the source of {name} cannot be read", where=name, remedy="install the collection again")
    return str(text).encode("utf-8")
