# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks an HTTP(S) address from the controller. Whatever goes wrong is said without what the address hides."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException

from .reports import NotUnderstood

TIMEOUT = 10
LARGEST = 1 << 20


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        return None


def fetched(url: str) -> str:
    """The body of an answer of 200 to 299.

    :raises NotUnderstood: there is none.
    """
    if not url.startswith(("http://", "https://")):
        raise NotUnderstood("only http and https are asked")
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=TIMEOUT) as answer:
            return str(answer.read(LARGEST).decode("utf-8", "replace"))
    except urllib.error.HTTPError as exc:
        raise NotUnderstood(f"it answers with status {exc.code}") from exc
    except (OSError, HTTPException, ValueError) as exc:
        raise NotUnderstood(f"it does not answer ({type(exc).__name__})") from exc
