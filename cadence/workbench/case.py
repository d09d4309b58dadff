"""A policy test's file (language.md section 8) read with places: the policy, and each case ready to be decided.

Whatever is wrong is a finding with its place; the other cases stand. Running them is `runner.py`'s work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from cadence.decide.told import Instant, Name, Told, ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.facts import CHANNELS, key
from cadence.policy.condition_reader import RESERVED_CONSENTS
from cadence.policy.load import Loaded, from_mapping, load
from cadence.policy.places import (
    Entry,
    Finding,
    Node,
    Place,
    error,
    has_errors,
    listed,
    nearest,
    read,
    validate,
    warning,
)
from cadence.policy.policy import Policy

ONLY = ""
"""Under this stands what is expected of a case's only message."""
_ZONES = ("timezone", "timezones")
_BESIDES_CATEGORIES = (*CHANNELS, "all", *RESERVED_CONSENTS)
"""What a consent or a stop may name besides."""


class Expected(Told):
    """What a message should come to: any of these keys."""

    verdict: Literal["send", "defer", "suppress"] | None = None
    until: Instant | None = None
    """Matches within one second; null only null."""
    rule: str | None = None


class ToldCase(Told):
    """One case, but for what is expected of it."""

    name: Name
    contact: ToldContact = ToldContact()
    history: list[ToldEvent] = Field(default_factory=list)
    message: ToldMessage | None = None
    messages: list[ToldMessage] | None = Field(default=None, min_length=1)
    now: Instant
    circle: list[ToldMember] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """A case that can be run."""

    name: str
    place: Place
    told: ToldCase
    expected: Mapping[str, Expected]
    """By the id of the message; under ONLY for a case with one."""

    @property
    def messages(self) -> list[ToldMessage]:
        """The message or messages."""
        return (
            self.told.messages if self.told.messages is not None else [self.told.message] if self.told.message else []
        )


@dataclass(frozen=True, slots=True)
class Broken:
    """A case that can't be run, and why."""

    name: str
    place: Place
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What a file came to. Without a policy no case of it can be run."""

    name: str
    policy: Policy | None
    cases: tuple[Case | Broken, ...]
    findings: tuple[Finding, ...]
    """What is wrong with the file as a whole, and warnings."""


def read_cases(source: Path | str, *, base: Path | None = None, name: str = "policy test") -> CaseFile:
    """A policy test's file, or its text (then `base` is where its policy's path is looked for). Never raises for its
    content."""
    file = str(source) if isinstance(source, Path) else name
    node, findings = read(source, file=file)
    if node is None:
        return CaseFile(file, None, (), findings)
    if not node.is_mapping:
        wrong = error(
            node.place, "a policy test is a mapping with the keys policy, contact and cases", found=node.shown()
        )
        return CaseFile(file, None, (), (*findings, wrong))
    found = [*findings, *_keys(node, ("policy", "contact", "cases"), "a policy test")]
    policy = _policy(node, source.parent if isinstance(source, Path) else base, found)
    cases = tuple(_case(node, item, i, policy, found) for i, item in enumerate(_listed(node, found)))
    return CaseFile(file, None if has_errors(found) else policy, cases, tuple(found))


def is_policy_test(path: Path) -> bool:
    """Whether a YAML file has cases in it."""
    node, _ = read(path)
    return node is not None and node.get("cases") is not None


def overlaid(shared: Node | None, own: Node | None) -> Node | None:
    """What a case says laid over what cases share: mapping into mapping, everything else replaced."""
    if shared is None or own is None or not shared.is_mapping or not own.is_mapping:
        return shared if own is None else own
    kept = {k: e for k, e in shared.entries.items() if not (k in _ZONES and any(z in own.entries for z in _ZONES))}
    for name, entry in own.entries.items():
        under = kept.get(name)
        merged = overlaid(under.node if under else None, entry.node)
        kept[name] = entry if merged is None else replace(entry, node=merged)
    return replace(own, value=kept)


def _policy(node: Node, base: Path | None, found: list[Finding]) -> Policy | None:
    """The policy: a path beside the file, or written inline."""
    written = node.get("policy")
    if written is None:
        found.append(error(node.place, "a policy test needs the key 'policy': a path, or the policy itself"))
        return None
    if written.is_mapping:
        loaded = from_mapping(written, base)
    elif isinstance(written.value, str):
        path = (base or Path()) / written.value
        loaded = load(path) if path.exists() else _lost(written, path)
    else:
        loaded = Loaded(None, (error(written.place, "policy must be a path or a mapping", found=written.shown()),))
    found.extend(loaded.errors)
    return loaded.policy


def _lost(written: Node, path: Path) -> Loaded:
    message = f"there is no policy at {path}; the path goes from the policy test's own folder"
    return Loaded(None, (error(written.place, message, found=written.shown()),))


def _listed(node: Node, found: list[Finding]) -> tuple[Node, ...]:
    cases = node.get("cases")
    if cases is not None and cases.is_list and cases.items:
        return cases.items
    place, shown = (node.place, None) if cases is None else (cases.place, cases.shown())
    found.append(
        error(place, "a policy test needs a list of cases, each with a name, now, message and expect", found=shown)
    )
    return ()


def _case(node: Node, item: Node, index: int, policy: Policy | None, found: list[Finding]) -> Case | Broken:
    """One case, or what is wrong with it. Warnings go to the file's findings."""
    given = item.get("name")
    name = given.value if given is not None and isinstance(given.value, str) else f"case {index + 1}"
    if not item.is_mapping:
        return Broken(name, item.place, (error(item.place, f"cases[{index}] must be a mapping", found=item.shown()),))
    contact = overlaid(node.get("contact"), item.get("contact"))
    entries = {k: e for k, e in item.entries.items() if k not in ("expect", "contact")}
    if contact is not None:
        entries["contact"] = Entry("contact", contact.place, contact)
    told, wrong = validate(ToldCase, replace(item, value=entries), name=f"cases[{index}]")
    expected, also = _expected(item, index)
    if told is None or also:
        return Broken(name, item.place, (*wrong, *also))
    case = Case(name, item.place, told, expected)
    if odd := _unfit(case, item, index):
        return Broken(name, item.place, odd)
    if policy is not None:
        found.extend(_unknown(case, item, policy))
    return case


def _expected(item: Node, index: int) -> tuple[Mapping[str, Expected], tuple[Finding, ...]]:
    """What is expected, by message id where the case has several."""
    written = item.get("expect")
    label = f"cases[{index}].expect"
    if written is None or not written.is_mapping or not written.entries:
        place = item.place if written is None else written.place
        shown = None if written is None else written.shown()
        return {}, (error(place, f"{label} must say what is expected: any of verdict, until and rule", found=shown),)
    if item.get("messages") is None:
        one, findings = validate(Expected, written, name=label, nulls=True)
        return ({ONLY: one} if one is not None else {}), findings
    several, findings = validate(dict[str, Expected], written, name=label, nulls=True)
    return several or {}, findings


def _unfit(case: Case, item: Node, index: int) -> tuple[Finding, ...]:
    """What is wrong with a case whose parts are each right."""
    told, label = case.told, f"cases[{index}]"
    if (told.message is None) == (told.messages is None):
        return (error(item.place, f"{label} needs either message or messages"),)
    if told.messages is None:
        return ()
    ids = [m.id for m in told.messages]
    if None in ids or len(set(ids)) != len(ids):
        return (error(item.place_of(("messages",)), f"{label}.messages need an id each, and no two the same"),)
    names = [i for i in ids if i is not None]
    return tuple(
        error(
            item.place_of(("expect", name), key=True),
            f"{label}.expect names a message that the case doesn't have",
            found=name,
            allowed=listed(names),
            suggestion=nearest(name, names),
        )
        for name in case.expected
        if name not in names
    )


_NO_SUCH = {
    "category": "the policy has no such category; the message is taken for marketing that needs an opt-in",
    "touch": "the policy has no such category; the touch counts all the same",
    "opt_in": "the policy has no such category; it allows nothing else",
    "opt_out": "the policy has no such category; it stops nothing else",
}
_MAY_NAME_MORE = ("opt_in", "opt_out")


def _unknown(case: Case, item: Node, policy: Policy) -> list[Finding]:
    """Warnings of names that the policy doesn't know, and what becomes of what they stand in. What happened may name
    what only others know: there, just what looks misspelt is told."""
    found = []
    for path, name in _named(case):
        word, near = str(path[-1]), nearest(name, policy.categories)
        known = key(name) in policy.by_key or (word in _MAY_NAME_MORE and name in _BESIDES_CATEGORIES)
        if not known and (near or word == "category"):
            allowed = listed(policy.categories)
            found.append(warning(item.place_of(path), _NO_SUCH[word], found=name, allowed=allowed, suggestion=near))
    return found


def _named(case: Case) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each name of a category in the case, and the path to it."""
    several = case.told.messages is not None
    for i, message in enumerate(case.messages):
        yield ("messages", i, "category") if several else ("message", "category"), message.category
    yield from _named_in(("history",), case.told.history)
    for i, member in enumerate(case.told.circle):
        yield from _named_in(("circle", i, "history"), member.history)


def _named_in(path: tuple[str | int, ...], history: Sequence[ToldEvent]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for i, fact in enumerate(history):
        for word in ("touch", *_MAY_NAME_MORE):
            if (name := getattr(fact, word)) is not None:
                yield (*path, i, word), name


def _keys(node: Node, allowed: tuple[str, ...], what: str) -> list[Finding]:
    return [
        error(e.place, f"{what} has no key '{k}'", found=k, allowed=listed(allowed), suggestion=nearest(k, allowed))
        for k, e in node.entries.items()
        if k not in allowed
    ]
