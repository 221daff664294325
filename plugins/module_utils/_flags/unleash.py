# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: a feature of an Unleash server, in one environment, through its admin API. Touches the server.

The strategies of a feature are joined by "or", so beside one that was not written here nothing is set. Those written
here are known by their titles: one for the share of the users, with the tenants for whom it is off left out, and one
for the tenants for whom it is on. The group that users are drawn in stays what it was, so that growing keeps them.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from .._common.errors import InputError, StateError, SystemFailure
from .base import Allow, Capabilities, Change, Provider, Unmanaged, present
from .http import Service
from .model import CANARY, FULL, GRADUAL, KILL_SWITCH, OFF, STICKY, STRATEGIES, Flag

TITLE = "slipway"
TENANTS = f"{TITLE} tenants"
ROLLOUT = "flexibleRollout"
USER = "userId"
CLIENT_FEATURES = "/api/client/features"
Found = dict[str, Any]


class Unleash(Provider):
    """The features of one project, as one environment has them.

    :param admin: the server, with a token of the admin API.
    :param client: the same with a token of the client API, to read what evaluators get; ``None`` without one.
    """

    capabilities = Capabilities(shares=True, marks=True, lists=True, at_once=True)

    def __init__(self, admin: Service, client: Service | None, project: str, environment: str) -> None:
        self.admin = admin
        self.client = client
        self.environment = environment
        self.features = f"/api/admin/projects/{quote(project, safe='')}/features"

    def place(self) -> str:
        return f"{self.admin.shown()} (environment {self.environment})"

    def refuse(self, flag: Flag) -> None:
        super().refuse(flag)
        if flag.sticky == USER:
            what = f"{USER} is what users are drawn by where nothing else is said"
            raise InputError(what, where="sticky", remedy="leave it out")

    def names(self) -> list[str]:
        answer = self._asked("GET", "")
        return [str(one["name"]) for one in answer["features"]]

    def find(self, name: str) -> Flag | None:
        return self._read(self._environment(name), name)

    def seen(self, name: str) -> Flag | None:
        kept = self.find(name)
        if self.client is None or kept is None:
            return kept
        got = self._evaluated(self.client, name)
        return kept if got is not None and got.same_users(kept) else got

    def change(self, flag: Flag, allow: Allow, *, dry: bool = False) -> Change:
        found = self._environment(flag.name)
        before, foreign = present(partial(self._read, _kept(found)), flag)
        allow(before)
        if not flag.off_for_all:
            self._refuse_others(flag.name, found or {})
        calls = self._calls(flag, found)
        if not dry:
            for method, path, content in calls:
                self._asked(method, path, content)
        return Change(before, flag, written=bool(calls), foreign=foreign)

    def _calls(self, flag: Flag, found: Found | None) -> list[tuple[str, str, Any]]:
        """What must be asked for: what turns off comes first, what turns on comes last."""
        feature = f"/{quote(flag.name, safe='')}"
        here = f"{feature}/environments/{quote(self.environment, safe='')}"
        calls: list[tuple[str, str, Any]] = []
        if found is None:
            calls.append(("POST", "", {"name": flag.name, "type": "release"}))
        enabled = bool(found and found["enabled"])
        if enabled and flag.off_for_all:
            calls.append(("POST", f"{here}/off", None))
        mains, tenants = _ours(found)
        main = mains[0] if mains else None
        for one, wanted in ((main, _main(flag, main)), (tenants[0] if tenants else None, _tenants(flag))):
            if one is None and wanted is not None:
                calls.append(("POST", f"{here}/strategies", wanted))
            elif one is not None and wanted is None:
                calls.append(("DELETE", f"{here}/strategies/{one['id']}", None))
            elif one is not None and wanted is not None and (one.get("disabled") or _plain(one) != _plain(wanted)):
                calls.append(("PUT", f"{here}/strategies/{one['id']}", wanted))
        calls += [("DELETE", f"{here}/strategies/{one['id']}", None) for one in [*mains[1:], *tenants[1:]]]
        if not enabled and not flag.off_for_all:
            calls.append(("POST", f"{here}/on", None))
        return calls

    def _environment(self, name: str) -> Found | None:
        """The feature in the environment; ``None`` when there is no such feature."""
        feature = f"{self.features}/{quote(name, safe='')}"
        status, answer = self.admin.ask("GET", f"{feature}/environments/{quote(self.environment, safe='')}")
        if status == 404:
            if self.admin.ask("GET", feature)[0] == 404:
                return None
            what = f"its project has no environment {self.environment}"
            raise StateError(what, where=self.admin.shown(), remedy="correct environment, or enable it for the project")
        if status != 200 or not isinstance(answer, dict):
            raise self.admin.refused(status, answer)
        return answer

    def _asked(self, method: str, path: str, content: Any = None) -> Any:
        status, answer = self.admin.ask(method, self.features + path, content)
        if not 200 <= status <= 299:
            raise self.admin.refused(status, answer)
        return answer

    def _read(self, found: Found | None, name: str) -> Flag | None:
        if found is None:
            return None
        titles = [one["title"] for one in found["strategies"] if _is_ours(one)]
        mark = next((title.partition(" ")[2] for title in titles if title != TENANTS), "")
        if not found["enabled"]:
            return Flag(name, KILL_SWITCH if mark == KILL_SWITCH else OFF)
        self._refuse_others(name, found)
        return self._understood(name, found["strategies"], mark)

    def _evaluated(self, client: Service, name: str) -> Flag | None:
        answer = self._client_features(client, name)
        environment = (answer.get("query") or {}).get("environment", self.environment)
        if environment != self.environment:
            what = f"client_token is of environment {environment}, not {self.environment}"
            raise StateError(what, where=client.shown(), remedy="give the token of that environment")
        for one in answer["features"]:
            if one["name"] == name:
                if not one["enabled"]:
                    return Flag(name, OFF)
                if one.get("dependencies"):
                    remedy = "see that feature, or leave client_token out"
                    raise Unmanaged(f"feature {name} depends on another one too", where=client.shown(), remedy=remedy)
                return self._understood(name, one["strategies"], "")
        return None

    def _client_features(self, client: Service, name: str) -> Found:
        """What SDKs get, by the same request, since the server remembers the answer to each; too much of it is cut."""
        try:
            status, answer = client.ask("GET", CLIENT_FEATURES)
        except SystemFailure:
            status, answer = client.ask("GET", f"{CLIENT_FEATURES}?namePrefix={quote(name, safe='')}")
        if status != 200 or not isinstance(answer, dict):
            raise client.refused(status, answer)
        return answer

    def _refuse_others(self, name: str, found: Found) -> None:
        others = [one for one in found.get("strategies", []) if not _is_ours(one) and not one.get("disabled")]
        if others:
            other = others[0].get("title") or others[0]["name"]
            what = f"feature {name} has a strategy that was not written here: {other}"
            remedy = "remove it in Unleash, since strategies are joined by 'or'; kill_switch and off work without that"
            raise Unmanaged(what, where=self.place(), remedy=remedy)

    def _understood(self, name: str, strategies: list[Found], mark: str) -> Flag:
        """The flag that strategies add up to.

        :raises Unmanaged: they are not of the form that is written here.
        """
        if not strategies:
            return Flag(name, FULL, 100)
        percentage, segments, sticky = 0, (), STICKY
        tenants: dict[str, bool] = {}
        seen: set[bool] = set()
        for one in strategies:
            if one.get("disabled"):
                continue
            limits = {(limit["contextName"], limit["operator"]): limit for limit in one.get("constraints", [])}
            of_tenants = ("tenant", "IN") in limits
            if of_tenants in seen:
                what = f"feature {name} has two strategies of slipway, of which either gives it to users"
                raise Unmanaged(what, where=self.place(), remedy="set it once more, which removes one of them")
            seen.add(of_tenants)
            if not _is_known(one, limits):
                what = f"feature {name} has a strategy that is not of the form that is written here"
                raise Unmanaged(
                    what, where=self.place(), remedy="remove it in Unleash, or end the flag with kill_switch"
                )
            if of_tenants:
                tenants.update(dict.fromkeys(limits["tenant", "IN"]["values"], True))
                continue
            parameters = one["parameters"]
            percentage = int(parameters["rollout"])
            sticky = STICKY if parameters["stickiness"] == USER else parameters["stickiness"]
            if ("tenant", "NOT_IN") in limits:
                tenants.update(dict.fromkeys(limits["tenant", "NOT_IN"]["values"], False))
            if ("segment", "IN") in limits:
                segments = tuple(sorted(limits["segment", "IN"]["values"]))
        derived = CANARY if segments else FULL if percentage == 100 else GRADUAL if percentage else OFF
        strategy = mark if mark in STRATEGIES and mark != KILL_SWITCH and _fits(mark, percentage, segments) else derived
        return Flag(name, strategy, percentage, segments, tenants, sticky)


def _is_ours(strategy: Found) -> bool:
    title = strategy.get("title") or ""
    return title == TENANTS or title in [f"{TITLE} {one}" for one in STRATEGIES]


def _ours(found: Found | None) -> tuple[list[Found], list[Found]]:
    """The strategies written here: those for a share of the users, and those for tenants.

    Of each there are several where two runs have made one at once, or somebody has copied one.
    """
    ours = [one for one in (found or {}).get("strategies", []) if _is_ours(one)]
    return [one for one in ours if one["title"] != TENANTS], [one for one in ours if one["title"] == TENANTS]


def _kept(found: Found | None) -> Found | None:
    """The feature with those of its strategies that stay when it is set."""
    if found is None:
        return None
    gone = [one for ours in _ours(found) for one in ours[1:]]
    return {**found, "strategies": [one for one in found.get("strategies", []) if one not in gone]}


def _is_known(strategy: Found, limits: dict[tuple[str, str], Found]) -> bool:
    if strategy["name"] != ROLLOUT or strategy.get("segments") or strategy.get("variants"):
        return False
    for limit in limits.values():
        if limit.get("inverted") or limit.get("caseInsensitive") or not isinstance(limit.get("values"), list):
            return False
    parameters = strategy.get("parameters", {})
    if not str(parameters.get("rollout")).isdecimal() or "stickiness" not in parameters:
        return False
    if ("tenant", "IN") in limits:
        return len(limits) == 1 and parameters["rollout"] == "100"
    return set(limits) <= {("tenant", "NOT_IN"), ("segment", "IN")}


def _fits(mark: str, percentage: int, segments: tuple[str, ...]) -> bool:
    if mark == FULL:
        return percentage == 100 and not segments
    return bool(segments) if mark == CANARY else not (mark == OFF and percentage)


def _main(flag: Flag, existing: Found | None) -> Found:
    """The strategy for the share of the users."""
    group = (existing or {}).get("parameters", {}).get("groupId") or flag.name
    limits = [("segment", "IN", list(flag.segments)), ("tenant", "NOT_IN", flag.tenants_with(False))]
    return _strategy(f"{TITLE} {flag.strategy}", flag.percentage, flag.sticky, group, limits)


def _tenants(flag: Flag) -> Found | None:
    """The strategy for the tenants for whom it is on; ``None`` where there are none."""
    tenants = flag.tenants_with(True)
    return _strategy(TENANTS, 100, STICKY, flag.name, [("tenant", "IN", tenants)]) if tenants else None


def _strategy(title: str, percentage: int, sticky: str, group: str, limits: list[tuple[str, str, list[str]]]) -> Found:
    return {
        "name": ROLLOUT,
        "title": title,
        "parameters": {
            "rollout": str(percentage),
            "stickiness": USER if sticky == STICKY else sticky,
            "groupId": group,
        },
        "constraints": [
            {"contextName": field, "operator": operator, "values": values}
            for field, operator, values in limits
            if values
        ],
    }


def _plain(strategy: Found) -> Found:
    """What counts of a strategy."""
    limits = [
        (limit["contextName"], limit["operator"], tuple(limit.get("values", ())))
        for limit in strategy.get("constraints", [])
    ]
    return {
        "title": strategy["title"],
        "parameters": strategy.get("parameters", {}),
        "constraints": sorted(limits),
        "more": bool(strategy.get("segments") or strategy.get("variants")),
    }
