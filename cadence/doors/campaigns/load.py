"""Campaigns from a folder of YAML files, with everything that is wrong in them, each at its place.

What a campaign's words refer to is checked here: the category, the conditions' names, template files and variables,
the list of an audience. A broken file keeps no other from being read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cadence.doors.campaigns.campaign import Campaign, Desk
from cadence.doors.campaigns.languages import is_locale
from cadence.doors.campaigns.spec import Spec, Words
from cadence.doors.reading import FileRefused, Shape, open_rows
from cadence.doors.rows.cells import Context, Row
from cadence.facts import CHANNELS
from cadence.policy.conditions import Condition, ConditionError, parse
from cadence.policy.finding import Finding, Place, error, has_errors, in_order, listed, nearest, warning
from cadence.policy.nodes import Node
from cadence.policy.places import read, validate
from cadence.policy.policy import Policy

LIST_SHAPE = Shape(("id",), ("id",), ())
"""The columns of an audience's file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The campaigns that can be used, and what is to be said of all."""

    campaigns: tuple[Campaign, ...]
    findings: tuple[Finding, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong (warnings aside)."""
        return not has_errors(self.findings)


def load_campaigns(
    folder: Path,
    policy: Policy,
    desk: Desk,
    *,
    attributes: Collection[str] | None = None,
    channels: Collection[str] = CHANNELS,
) -> Loaded:
    """All campaigns of a folder (its *.yaml and *.yml, folders in it included), by file name.

    attributes: the names that contacts have, for the variables of templates; None: not known, so that an unknown
    variable is only warned of. channels: those that somebody here sends on. Never raises for what stands in the
    files."""
    if not folder.is_dir():
        return Loaded((), (error(Place(str(folder)), "there is no such folder of campaigns"),))
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".yaml", ".yml") and p.is_file())
    made: list[Campaign] = []
    findings: list[Finding] = []
    places: dict[str, Place] = {}
    for file in files:
        node, found = read(file)
        findings += found
        if node is None or has_errors(found):
            continue
        campaign, said = _campaign(file, node, policy, desk, attributes, channels)
        findings += said
        if campaign is None:
            continue
        place = node.place_of(("name",))
        names = (campaign.name, *campaign.spec.was)
        taken = [name for name in names if name in places]
        findings += [
            error(place, f"the name {name!r} is taken already, at {places[name]}", found=name) for name in taken
        ]
        places |= {name: place for name in names if name not in places}
        if not taken:
            made.append(campaign)
    return Loaded(tuple(made), in_order(findings))


def _campaign(
    file: Path, node: Node, policy: Policy, desk: Desk, attributes: Collection[str] | None, channels: Collection[str]
) -> tuple[Campaign | None, list[Finding]]:
    spec, found = validate(Spec, node)
    findings = list(found)
    if spec is None:
        return None, findings
    findings += _category(spec, node, policy) + _channel(spec, node, channels)
    findings += _templates(spec, node, file.parent, desk, attributes) + _languages(spec, node)
    audience, found_audience = _condition(spec.audience and spec.audience.where, node, ("audience", "where"), policy)
    still_if, found_still = _condition(spec.still_if and spec.still_if.where, node, ("still_if", "where"), policy)
    findings += found_audience + found_still + _list(spec, node, file.parent)
    if has_errors(findings):
        return None, findings
    written = json.dumps(node.plain(), sort_keys=True, ensure_ascii=False)
    words = [(w.subject, w.html, w.text) for w in _all_words(spec)]
    return Campaign(
        spec=spec,
        file=file,
        written=written,
        hash=hashlib.sha256(written.encode()).hexdigest(),
        content=spec.content or desk.content(words, file.parent, spec.variables),
        audience=audience,
        still_if=still_if,
    ), findings


def _all_words(spec: Spec) -> list[Words]:
    return [spec.template, *(spec.template.translations[name] for name in sorted(spec.template.translations))]


def _category(spec: Spec, node: Node, policy: Policy) -> list[Finding]:
    if spec.category in policy.categories:
        return []
    renamed = next((c.name for c in policy.categories.values() if spec.category in c.was), None)
    place = node.place_of(("category",))
    if renamed is not None:
        return [
            warning(
                place, f"the category {spec.category} is called {renamed} now", found=spec.category, suggestion=renamed
            )
        ]
    return [
        error(
            place,
            "is no category of the policy",
            found=spec.category,
            allowed=listed(policy.categories),
            suggestion=nearest(spec.category, policy.categories),
        )
    ]


def _channel(spec: Spec, node: Node, channels: Collection[str]) -> list[Finding]:
    if spec.channel in channels:
        return []
    place = node.place_of(("channel",))
    return [
        error(
            place,
            f"nothing here sends on the channel {spec.channel}",
            found=spec.channel,
            allowed=listed(sorted(channels)),
        )
    ]


def _condition(
    where: object, node: Node, path: tuple[str, ...], policy: Policy
) -> tuple[Condition | None, list[Finding]]:
    if not where:
        return None, []
    try:
        segments = [segment.name for segment in policy.segments]
        return parse(where, path=path, segments=segments, categories=policy.categories), []
    except ConditionError as broken:
        return None, [
            error(node.place_of(one.path, key=True), one.message, suggestion=one.suggestion) for one in broken.errors
        ]


def _templates(spec: Spec, node: Node, folder: Path, desk: Desk, attributes: Collection[str] | None) -> list[Finding]:
    known = {*desk.variables, *spec.variables, *(attributes or ())}
    paths = [("template",), *(("template", "translations", name) for name in sorted(spec.template.translations))]
    out: list[Finding] = []
    for path, words in zip(paths, _all_words(spec), strict=True):
        for complaint in desk.check(words.subject, words.html, words.text, folder, known=known):
            inline = complaint.place in ("subject", "html", "text")
            if inline or complaint.place == "template":
                place = node.place_of((*path, complaint.place) if inline else path)
                line = f", line {complaint.line} of it" if inline and complaint.line > 1 else ""
            else:
                place, line = Place(str(folder / complaint.place), complaint.line, 1), ""
            unsure = attributes is None and complaint.sentence.startswith("unknown variable")
            say = warning if unsure or complaint.severity == "warning" else error
            out.append(say(place, f"{complaint.sentence}{line}"))
    return out


def _languages(spec: Spec, node: Node) -> list[Finding]:
    """Translations for what no contact is likely to have as a locale."""
    return [
        warning(
            node.place_of(("template", "translations", name), key=True),
            f"{name!r} is no locale, so only who is on record with just that reads it; a locale is a language's code, as in sv "
            "or pt-BR",
        )
        for name in spec.template.translations
        if not is_locale(name)
    ]


def _list(spec: Spec, node: Node, folder: Path) -> list[Finding]:
    """Whether the audience's file can be read."""
    if spec.audience is None or spec.audience.file is None:
        return []
    place = node.place_of(("audience", "file"))
    if Path(spec.audience.file).is_absolute() or ".." in Path(spec.audience.file).parts:
        return [error(place, "must stand in the campaign's own folder", found=spec.audience.file)]
    try:
        read_list(folder / spec.audience.file)
    except FileRefused as refused:
        return [error(place, str(refused))]
    return []


def read_list(path: Path) -> Sequence[str]:
    """The contacts' own ids in an audience's file, each once. Raises `FileRefused` where it can't be read."""
    try:
        written = path.stat()
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from None
    return _listed_in(path, written.st_mtime_ns, written.st_size)


@lru_cache(maxsize=8)
def _listed_in(path: Path, mtime: int, size: int) -> tuple[str, ...]:
    """Read once for all pages of a run; again when the file has changed. Ids are read as imports read them."""
    rows = (Row(line.cells, Context(now=0)) for line in open_rows(path, LIST_SHAPE).rows if line.broken is None)
    return tuple(dict.fromkeys(one for row in rows if (one := row.key("id"))))
