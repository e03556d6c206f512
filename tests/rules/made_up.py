"""Rules and tables made up at random: everything that a file may say, on tables as messy as they come."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import yaml

#: What made-up tables hold lies in these days.
BEGIN, DAYS = date(2026, 1, 20), 70

TEXTS = {
    "Job Title": ["Head of Sales", " head of sales ", "DIRECTOR", "Leiterin Einkauf", "Intern", "Dr. Müller", "n/a"],
    "country": ["DE", "de", " At ", "CH", "Select", "5", "fr"],
}
NUMBERS = {"employees": [0, 1, 5, 10, 49.5, 50, 249, 250, 1200], "budget": [-20.5, -5, 0, 0.1, 2.5, 10000]}
FLAGS = ["newsletter", "partner"]
DATES = ["last call", "contract end"]
EVENTS = ["page_view", "ebook download", "demo_request", "unsubscribed"]
#: How the same event is written in a log.
SPELT = {"page_view": ["page_view", "Page View", " page view"], "demo_request": ["demo_request", "DEMO REQUEST"]}
PATHS = ["/pricing", "/PRICING ", "/pricing/eu", "/blog", "/", "Select"]


def some_day(chance: Random) -> date:
    return BEGIN + timedelta(days=chance.randrange(DAYS))


# ---------------------------------------------------------------------------------- tables


def made_tables(chance: Random, leads: int, events: int, tidy: bool) -> tuple[list[list[Any]], list[list[Any]]]:
    """Leads and events. ``tidy``: a column holds one kind of value, as in a data frame."""
    identifiers = [f"L{number}" for number in range(1, leads + 1)]
    identifiers = [chance.choice(identifiers) if chance.random() < 0.1 else one for one in identifiers]
    headers: list[str] = ["lead_id", *TEXTS, *NUMBERS, *FLAGS, *DATES]
    created = chance.choice([None, "created", "Known since"])
    if created:
        headers.insert(chance.randrange(1, len(headers) + 1), created)
    flags = {name: chance.choice([["yes", "no", "Ja", " NEIN", "TRUE"], [True, False]]) for name in FLAGS}

    def cell(header: str, identifier: str) -> Any:
        if header == "lead_id":
            return identifier if tidy or chance.random() < 0.8 else f" {identifier} "
        if chance.random() < 0.2:
            return blank(chance, tidy)
        if header in TEXTS:
            return chance.choice(TEXTS[header])
        if header in NUMBERS:
            return number_cell(chance, chance.choice(NUMBERS[header]), tidy)
        if header in flags:
            return chance.choice(flags[header] if tidy else ["yes", "No", "ja", 1, 0, 1.0, True, False, " n "])
        # Most leads are there from the beginning.
        day = some_day(chance) if header != "created" or chance.random() < 0.3 else BEGIN
        return day_cell(chance, day, tidy)

    lead_table = [headers, *([cell(header, identifier) for header in headers] for identifier in identifiers)]
    names = ["lead_id", "event", "date", "path", "amount"]
    event_table: list[list[Any]] = [names]
    for _ in range(events):
        name = chance.choice([*EVENTS, "page_view", "other"])
        row = [
            chance.choice([*identifiers, *identifiers, "nobody"]) if chance.random() < 0.97 else None,
            chance.choice(SPELT.get(name, [name])),
            day_cell(chance, some_day(chance), tidy) if chance.random() < 0.97 else None,
            chance.choice(PATHS) if chance.random() < 0.8 else blank(chance, tidy),
            number_cell(chance, chance.choice(NUMBERS["employees"]), tidy) if chance.random() < 0.8 else None,
        ]
        event_table += [row] * (2 if chance.random() < 0.1 else 1)
    # At least one day is known, whatever the rest of the table holds.
    event_table.append([identifiers[0], "page view", day_cell(chance, some_day(chance), tidy), "/pricing", 1.0])
    return lead_table, event_table


def blank(chance: Random, tidy: bool) -> Any:
    return None if tidy else chance.choice([None, "", "  "])


def number_cell(chance: Random, number: float, tidy: bool) -> Any:
    if tidy:
        return float(number)
    return chance.choice([number, float(number), f"{number:g}", f" {number:g} "])


def day_cell(chance: Random, day: date, tidy: bool) -> Any:
    if tidy:
        return day
    serial = (day - date(1899, 12, 30)).days
    return chance.choice([day, datetime.combine(day, time(23, 59)), day.isoformat(), serial, serial + 0.75])


# ---------------------------------------------------------------------------------- rules


def made_rules(chance: Random, headers: list[str]) -> str:
    """A rules file for a lead table. A few are refused: for a threshold that no points reach, for example."""
    shared: dict[str, Any] = {"schema": "kpi_udfs.qualification/1", "leads": {"id": "lead_id"}}
    if "Known since" in headers:
        shared["leads"]["created"] = "known since"
    if chance.random() < 0.5:
        shared["missing"] = ["select", "N/A"]
    shared["fields"] = {"title": "Job Title", "Call": "last call"}
    if chance.random() < 0.3:
        return dump({**shared, **RuleMaker(chance).version()})
    first = some_day(chance) + timedelta(days=DAYS // 4)
    gap = chance.choice([0, 0, 0, 10])
    before = {"version": 1, "effective_to": first - timedelta(days=1 + gap), **RuleMaker(chance).version()}
    after = {"version": 2, "effective_from": first, **RuleMaker(chance).version()}
    if chance.random() < 0.3:
        before["effective_from"] = BEGIN + timedelta(days=5)
        if before["effective_to"] < before["effective_from"]:
            del before["effective_from"]
    if chance.random() < 0.2:
        after["effective_to"] = first + timedelta(days=20)
    versions = [before, after]
    chance.shuffle(versions)
    return dump({**shared, "versions": versions})


class _Plain(yaml.SafeDumper):
    """Writes what is the same twice, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1000)


class RuleMaker:
    """Makes up one version."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.rules = chance, 0

    def perhaps(self, share: float) -> bool:
        return self.chance.random() < share

    def some(self, values: list[Any], most: int = 3) -> list[Any]:
        return self.chance.sample(values, self.chance.randint(1, min(most, len(values))))

    def version(self) -> dict[str, Any]:
        version: dict[str, Any] = {}
        for group in ("fit", "engagement"):
            if self.perhaps(0.8):
                version[group] = self.points(group)
        if version and self.perhaps(0.3):
            version["score"] = {"cap": self.chance.choice([40, 60.5])} if self.perhaps(0.5) else {"floor": -10}
        if self.perhaps(0.4):
            version["suppress"] = self.condition()
        groups = [group for group in ("fit", "engagement") if group in version]
        version["mql"] = self.stage(groups)
        if self.perhaps(0.7):
            version["sql"] = self.stage(groups)
        return version

    # ------------------------------------------------------------------------------ conditions

    def condition(self, depth: int = 2) -> dict[str, Any]:
        kind = self.chance.choice(["field", "field", "event", "event", "group"] if depth else ["field", "event"])
        if kind == "field":
            return self.of_field()
        return self.of_event() if kind == "event" else self.group(depth - 1)

    def group(self, depth: int) -> dict[str, Any]:
        of = [self.condition(depth) for _ in range(self.chance.randint(1, 3))]
        kind = self.chance.choice(["all", "any", "none", "at_least"])
        if kind != "at_least":
            return {kind: of}
        return {"at_least": self.chance.randint(1, len(of)), "of": of}

    def of_field(self) -> dict[str, Any]:
        kind = self.chance.choice(["text", "text", "number", "flag", "day", "day"])
        if kind == "text":
            name = self.chance.choice(["title", "Job Title", "country"])
            asked = self.of_text("country" if name == "country" else "Job Title")
        elif kind == "number":
            name = self.chance.choice(list(NUMBERS))
            asked = self.of_number(name)
        elif kind == "flag":
            name, asked = self.chance.choice(FLAGS), {self.chance.choice(["eq", "ne"]): self.perhaps(0.5)}
        else:
            name, asked = self.chance.choice(["call", "last call", "contract end"]), self.of_day()
        if self.perhaps(0.1):
            asked = {"is": self.chance.choice(["blank", "not_blank"])}
        if self.perhaps(0.4):
            asked["when_missing"] = self.chance.choice(["fail", "pass", "unknown"])
        return {"field": name, **asked}

    def of_text(self, name: str) -> dict[str, Any]:
        values = TEXTS[name]
        value = self.chance.choice(values)
        parts = ["e", "head", "le", "D", "müll", "5"]
        return self.chance.choice(
            [
                {"eq": value}, {"ne": value}, {"in": self.some(values)}, {"not_in": self.some(values)},
                {"contains": self.some(parts)}, {"contains": "sales"}, {"not_contains": self.some(parts, 2)},
                {"starts_with": self.some(parts)}, {"ends_with": ["f", "r", "E", "sales"]},
                {"regex": self.chance.choice(["head|direct", "^d", "leiter(in)?", "[a-c]$", "^[a-z][a-z]$", "m.ller"])},
                {"starts_with": "d", "ends_with": ["e", "r"]}, {"ne": value, "contains": "e"},
            ]
        )  # fmt: skip

    def of_number(self, name: str) -> dict[str, Any]:
        values = NUMBERS[name]
        value, (low, high) = self.chance.choice(values), sorted(self.chance.sample(values, 2))
        operator = self.chance.choice(["eq", "ne", "gt", "gte", "lt", "lte"])
        return self.chance.choice(
            [
                {operator: value}, {operator: value}, {"in": self.some(values)}, {"not_in": self.some(values)},
                {"between": [low, high]}, {"gt": low, "lte": high}, {"gte": low, "lt": high}, {"eq": f"{value:g}"},
                {"starts_with": "1"}, {"in": ["5", "50", "few"]},
            ]
        )  # fmt: skip

    def of_day(self) -> dict[str, Any]:
        low, high = sorted([some_day(self.chance), some_day(self.chance)])
        window = f"{self.chance.choice([0, 1, 7, 20])}d"
        operator = self.chance.choice(["eq", "ne", "gt", "gte", "lt", "lte", "before", "after"])
        return self.chance.choice(
            [
                {"within_last": window}, {"older_than": window}, {"within_last": "3w"}, {operator: low},
                {operator: high}, {"between": [low, high]}, {"in": [low, high]}, {"not_in": [low, high]},
                {"after": low, "older_than": "2d"},
            ]
        )  # fmt: skip

    def of_event(self) -> dict[str, Any]:
        event: dict[str, Any] = {}
        window = self.chance.choice(["0d", "5d", "14d", "4w"])
        kind = self.chance.choice(["bare", "within_last", "count", "distinct_days", "last_event_within"])
        if self.perhaps(0.85) or kind in ("bare", "within_last"):
            event["event"] = self.chance.choice([self.chance.choice(EVENTS), "Page View", self.some(EVENTS)])
        if self.perhaps(0.3):
            event["where"] = self.where()
        if kind in ("within_last", "last_event_within"):
            event[kind] = window
        elif kind != "bare":
            bounds = self.chance.choice([{"gte": 2}, {"gt": 2}, {"eq": 1}, {"lt": 2}, {"lte": 3, "gte": 1}, {"eq": 0}])
            event[kind] = {**bounds, "within": window} if self.perhaps(0.5) else bounds
        return event

    def where(self) -> dict[str, Any]:
        return self.chance.choice(
            [
                {"path": "/pricing"}, {"path": ["/pricing", "/blog"]}, {"path": {"starts_with": "/pricing"}},
                {"path": {"ne": "/blog"}}, {"path": {"is": "blank"}}, {"amount": 50}, {"amount": {"gte": 5, "lt": 250}},
                {"path": {"contains": "p"}, "amount": {"not_in": [1, 5]}}, {"path": {"regex": "^/[a-z]*$"}},
            ]
        )  # fmt: skip

    # ------------------------------------------------------------------------------ points

    def points(self, group: str) -> dict[str, Any]:
        points: dict[str, Any] = {}
        if self.perhaps(0.3):
            points["cap"] = self.chance.choice([20, 35.5, 50])
        if self.perhaps(0.3):
            points["floor"] = self.chance.choice([-10, 0, 2.5])
        if self.perhaps(0.5):
            points["decay"] = self.decay()
        points["rules"] = [self.rule(group) for _ in range(self.chance.randint(1, 5))]
        return points

    def decay(self) -> dict[str, Any]:
        return {self.chance.choice(["half_life", "linear", "expire"]): self.chance.choice(["1d", "10d", "30d", "3w"])}

    def rule(self, group: str) -> dict[str, Any]:
        self.rules += 1
        rule: dict[str, Any] = {"id": f"{group}_{self.rules}"}
        kind = self.chance.choice(["field", "values", "bands", "group", "each", "each", "each", "counted"])
        if kind in ("values", "bands"):
            return {**rule, **(self.values() if kind == "values" else self.bands())}
        rule["points"] = self.chance.choice([-20, -5, -2.5, 0.1, 5, 10, 12.5, 30])
        if kind == "field":
            return {**rule, **self.of_field()}
        if kind == "group":
            return {**rule, **self.group(1)}
        if self.perhaps(0.4):
            rule["decay"] = "none" if self.perhaps(0.2) else self.decay()
        if kind == "counted":
            event = self.of_event()
            while not {"count", "distinct_days", "last_event_within"} & event.keys():
                event = self.of_event()
            return {**rule, **event}
        rule["event"] = self.chance.choice([self.chance.choice(EVENTS), self.some(EVENTS)])
        if self.perhaps(0.3):
            rule["where"] = self.where()
        if self.perhaps(0.4):
            rule["within_last"] = self.chance.choice(["0d", "5d", "14d", "4w"])
        if self.perhaps(0.25):
            return {**rule, "once": True}
        if self.perhaps(0.4):
            rule["max_per_day"] = self.chance.choice([3, 10, 12.5])
        if self.perhaps(0.4):
            rule["max_total"] = self.chance.choice([4, 15, 25.5])
        return rule

    def values(self) -> dict[str, Any]:
        def given(keys: list[Any]) -> dict[Any, Any]:
            return {key: self.chance.choice([-5, 2.5, 10, 20]) for key in keys}

        return self.chance.choice(
            [
                {"field": "country", "values": given(["DE", "at", "Select"])},
                {"field": "title", "values": given(["head of sales", "Intern"])},
                {"field": "employees", "values": given([5, 49.5, 250])},
                {"field": "newsletter", "values": given([True, False])},
                {"field": "contract end", "values": given([some_day(self.chance)])},
            ]
        )

    def bands(self) -> dict[str, Any]:
        points = self.chance.choices([-5, 2.5, 10, 20], k=3)
        low, middle, high = ({"points": one} for one in points)
        bands = self.chance.choice(
            [
                [{"below": 5, **low}, {"from": 5, "to": 49.5, **middle}, {"from": 50, **high}],
                [{"from": 0, "to": 49, **low}, {"from": 250, **high}],
                [{"to": 0, **low}, {"from": 1, "below": 250, **middle}],
                [{"from": 10, "to": 10, **low}],
            ]
        )
        return {"field": self.chance.choice(list(NUMBERS)), "bands": bands}

    # ------------------------------------------------------------------------------ stages

    def stage(self, groups: list[str]) -> dict[str, Any]:
        stage: dict[str, Any] = {}
        if groups and self.perhaps(0.6):
            stage["threshold"] = self.threshold(groups)
        if self.perhaps(0.4):
            stage["fast_track"] = self.condition()
        if self.perhaps(0.5) or not stage:
            condition = self.condition()
            stage = {**stage, "require": condition} if self.perhaps(0.5) else {**stage, **condition}
        if self.perhaps(0.4):
            stage["sticky"] = True
        return stage

    def threshold(self, groups: list[str]) -> Any:
        number = self.chance.choice([0, 2.5, 5, 10, 15])
        one = {group: self.chance.choice([0, 2.5, 5, 10]) for group in groups}
        return self.chance.choice([number, {"score": number}, one, [one, {"score": number + 5}]])
