# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the balancer provider. Touches nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .base import Balancer
from .config import BalancerConfig
from .haproxy import HAProxy
from .haproxy_service import HAProxyService
from .nginx import Nginx
from .nginx_service import NginxService
from .structure import Service

PROVIDERS: dict[str, type[Balancer]] = {"nginx": Nginx, "haproxy": HAProxy}
SERVICES: dict[str, Callable[[BalancerConfig], Service]] = {"nginx": NginxService, "haproxy": HAProxyService}


def balancer(config: BalancerConfig, directory: Path | None = None, run_directory: Path | None = None) -> Balancer:
    """The provider that ``config.kind`` names."""
    return PROVIDERS[config.kind](config, directory, run_directory)


def service(config: BalancerConfig) -> Service:
    """The program that ``config.kind`` names, as far as its configuration is concerned."""
    return SERVICES[config.kind](config)
