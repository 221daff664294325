# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of each kind with other flags, comments and unknown keys in it, and the store that edits it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._flags.base import Change, Provider
from ansible_collections.slipway.release.plugins.module_utils._flags.factory import store
from ansible_collections.slipway.release.plugins.module_utils._flags.model import Flag, wanted

FLAGD = """{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "banner": {
      "state": "ENABLED",
      "variants": {"red": "#f00", "blue": "#00f"},
      "defaultVariant": "red",
      "targeting": {"if": [{"$ref": "isStaff"}, "blue", null]},
      "metadata": {"owner": "shop"}
    },
    "search": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}
  },
  "$evaluators": {"isStaff": {"ends_with": [{"var": "email"}, "@example.org"]}}
}
"""
JSON = """{
    "version": 3,
    "flags": {
        "search": true,
        "banner": {"enabled": true, "owner": "shop", "rollout": {"strategy": "full", "percentage": 100, "note": "é"}}
    },
    "limits": {"rate": 1.5}
}
"""
ENV = """# flags of the shop
SHOP_PORT=8080
export SHOP_FF_SEARCH="1"   # since 1.2
OTHER_FF_SEARCH=0
SHOP_FF_BANNER=0
"""
TOML = '''# flags of the shop
title = """
[feature_flags]
enabled = ["fake"]
"""

[feature_flags]
# what is on
enabled = [
  "search",  # since 1.2
  'lru_cache',
]
disabled = ["banner", "verbose"] # off

[server]
port = 8080
enabled = ["http"]
'''
CONFIGMAP = """apiVersion: v1
kind: Service
metadata:
  name: shop
data: none
---
# flags of the shop
apiVersion: v1
kind: ConfigMap
metadata:
  name: shop-flags
  labels: {app: shop}
data:
  SHOP_FF_SEARCH: "1"  # since 1.2
  motd: |
    Hello
    SHOP_FF_FAKE: "1"
  SHOP_FF_BANNER: "0"
immutable: false
"""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    :param shares: whether it keeps shares of the users.
    """

    kind: str
    file: str
    text: str
    shares: bool
    options: dict[str, Any]

    def store(self, directory: Path, **more: Any) -> Provider:
        """The store on such a file, which is made when it is not there."""
        path = directory / self.file
        if not path.exists() and not more.get("create"):
            path.write_text(self.text, encoding="utf-8")
        return store({"kind": self.kind, "path": str(path), **self.options, **more})


KINDS = [
    Kind("flagd", "flags.flagd.json", FLAGD, True, {}),
    Kind("json", "flags.json", JSON, True, {}),
    Kind("env", "shop.env", ENV, False, {"prefix": "SHOP"}),
    Kind("toml", "flags.toml", TOML, False, {}),
    Kind("configmap", "flags.yaml", CONFIGMAP, False, {"prefix": "SHOP"}),
]
FLAGD_KIND, JSON_KIND, ENV_KIND, TOML_KIND, CONFIGMAP_KIND = KINDS


def changed(provider: Provider, name: str, strategy: str, **more: Any) -> Change:
    """Keep a flag without asking whether it may be changed."""
    return provider.change(wanted(name, strategy, **more), lambda _before: None)


def full(name: str) -> Flag:
    """A flag that is on for everybody."""
    return wanted(name, "full")
