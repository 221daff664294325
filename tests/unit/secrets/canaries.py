# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that can be told from everything else, and a scan that finds them however they are written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

LENGTH = 15
ISSUED: set[str] = set()
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def core(name: str) -> str:
    """What of the secret of this name has the same signs plain, in a URL and in JSON."""
    return f"c{hashlib.sha256(name.encode()).hexdigest()[: LENGTH - 1]}"


def canary(name: str) -> str:
    """A secret of its own, with signs that URLs and JSON escape."""
    ISSUED.add(name)
    return f'{core(name)}"/+'


def in_url(name: str) -> str:
    """The same, as a part of a URL."""
    return quote(canary(name), safe="")


class Scan:
    """Looks for the secrets of these names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._needles: dict[str, str] = {}
        for name in names:
            self._needles[core(name)] = name
            for offset in range(3):
                self._needles[_in_base64(core(name), offset)] = name
        self._pattern = re.compile("|".join(map(re.escape, self._needles)))

    @property
    def needles(self) -> list[str]:
        """What a program that knows no escapes can look for: each secret plain and in base64."""
        return sorted(self._needles)

    def text(self, text: str) -> set[str]:
        """Names of the secrets in a text: plain, in base64, with the escapes of URLs or of JSON."""
        forms = {text, unquote(text), _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)}
        return {self._needles[found] for form in forms for found in self._pattern.findall(form)}

    def files(self, directory: Path, besides: Iterable[Path] = ()) -> dict[str, set[str]]:
        """File below the directory to the names of the secrets in it, or in its name."""
        left_out = set(besides)
        found = {}
        for path in sorted(directory.rglob("*")):
            if path in left_out:
                continue
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            names = self.text(f"{path.name}\n{content.decode('utf-8', 'replace')}")
            if names:
                found[str(path)] = names
        return found


def every_form(secret: str) -> dict[str, str]:
    """How a secret may be written."""
    return {
        "plain": secret,
        "base64": base64.b64encode(f"user:{secret}".encode()).decode(),
        "base64 at another place": base64.b64encode(f"me:{secret}".encode()).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(f"{secret}>".encode()).decode(),
        "URL": quote(secret, safe=""),
        "URL, every sign": "".join(f"%{byte:02X}" for byte in secret.encode()),
        "JSON": json.dumps(secret),
        "JSON, every sign": "".join(f"\\u{ord(sign):04x}" for sign in secret),
        "JSON in JSON": json.dumps(json.dumps({"a": secret})),
    }


def _in_base64(text: str, offset: int) -> str:
    """The signs that stand in the base64 of anything that has the text at this place of three."""
    coded = binascii.b2a_base64(b"\0" * offset + text.encode(), newline=False).decode().rstrip("=")
    return coded[offset + (1 if offset else 0) : len(coded) - 1]
