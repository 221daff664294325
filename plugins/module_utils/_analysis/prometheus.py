# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source: an instant query of Prometheus' HTTP API, or of anything that speaks it.

Asks the server; touches nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from .._gate.options import Options
from .model import Moment, Reading, Source, SourceError
from .sides import Sides, placed
from .web import Server, server_of

T = TypeVar("T")


class Api:
    """Prometheus' HTTP API.

    :param server: where it is.
    """

    def __init__(self, server: Server) -> None:
        self.server = server

    def asked(self, path: str, read: Callable[[Any], T], timeout: float, **parameters: str) -> tuple[T, list[str]]:
        """What is read of the data of an answer, and what the server warns of.

        :param path: such as ``query``.
        :param read: raises ``KeyError``, ``IndexError``, ``TypeError`` or ``ValueError`` for data of another form.
        :raises SourceError: there is no answer, or none of the API.
        """
        url = f"{self.server.url.rstrip('/')}/api/v1/{path}?{urlencode(parameters)}"
        status, answer = self.server.get(url, timeout)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise self.server.refused(status, answer.get("error", answer) if isinstance(answer, dict) else answer)
        try:
            warnings = [f"Prometheus warns: {text}" for text in answer.get("warnings") or []]
            return read(answer["data"]), warnings
        except (KeyError, IndexError, TypeError, ValueError) as exc:
            what = f"the answer is none of Prometheus' API: {exc}"
            remedy = "give the URL of the server, and a query of an instant vector or a scalar"
            raise SourceError(what, where=self.server.shown(), remedy=remedy) from exc


class Prometheus(Source):
    """A query that gives a vector or a scalar, once for each side.

    A vector is the list of its values, so of one series both ``result`` and ``result[0]`` are its value.
    """

    def __init__(self, server: Server, query: str, sides: Sides) -> None:
        self.api = Api(server)
        self.query = query
        self.sides = sides

    @classmethod
    def from_options(cls, options: Options, sides: Sides) -> Prometheus:
        """Read ``url`` (that of the server) and ``query``, and how to reach the server."""
        query = placed(options, sides, "query", options.text("query"))
        return cls(server_of(options), query, sides)

    def target(self) -> str:
        return f"{self.api.server.shown()}: {self.query}"

    def measure(self, moment: Moment) -> Reading:
        values: dict[str, Any] = {}
        notes: list[str] = []
        for side, query in self.sides.filled(self.query).items():
            timeout = moment.timeout / len(self.sides.names)
            values[side], warnings = self.api.asked("query", _value, timeout, query=query)
            notes += warnings
        return Reading(values, note="; ".join(notes))


def _value(data: dict[str, Any]) -> Any:
    """The value of an answer; the numbers in it are texts.

    :raises ValueError: or KeyError, IndexError, TypeError: it is none of a vector or a scalar.
    """
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return float(result[1])
    if kind != "vector":
        raise ValueError(f"a {kind} where a vector or a scalar must be")
    return [float(sample["value"][1]) for sample in result]
