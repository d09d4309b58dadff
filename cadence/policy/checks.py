"""What only shows when a policy's parts are laid side by side: names that clash, segments nobody reaches, rules that
can't bind, includes that were loosened, holidays nobody knows.

Each check adds findings and changes nothing. What one section or one rule shows by itself, `build` has found already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cadence.calendar import categories_known, holidays_of, tz_version
from cadence.facts import CHANNEL_KEYS, DAY, NEVER
from cadence.policy import absurd, unbuilt
from cadence.policy.absurd import governs_all
from cadence.policy.build import category_of
from cadence.policy.comparisons import texts
from cadence.policy.condition import Condition
from cadence.policy.condition_reader import RESERVED
from cadence.policy.conditions import leaves
from cadence.policy.finding import Place, error, listed, nearest, warning
from cadence.policy.implied import implies
from cadence.policy.nodes import Node
from cadence.policy.places import validate
from cadence.policy.ready import Built, Reading, make_rule
from cadence.policy.sections import CategorySection
from cadence.policy.strictness import as_strict, needs_less
from cadence.policy.week import interval_of
from cadence.policy.written import Replaced, WrittenRule
from cadence.rules.registry import RULES
from cadence.rules.rule import Category, Rule


def check(reading: Reading) -> None:
    """All checks, in the order of the language's page."""
    _names(reading)
    _old_names(reading)
    _exempt(reading)
    _segments(reading)
    _governs_nobody(reading)
    _never_binds(reading)
    _keeps_in_touch(reading)
    _looser(reading)
    _holidays(reading)
    absurd.check(reading)


def _names(reading: Reading) -> None:
    """A given name stands once within a kind, and a segment's name once."""
    first: dict[tuple[str, str], Place] = {}
    segments = reading.written.segments
    for written in [*reading.written.rails, *(r for s in segments for r in s.rules)]:
        name = written.node.get("name")
        if name is None or not isinstance(name.value, str):
            continue
        known = (written.kind, name.value)
        if known in first:
            message = f"{written.path}.name: '{name.value}' stands twice within {written.kind}"
            at = first[known]
            reading.findings.append(
                error(name.place, f"{message}, first in {_line(at, name.place)}", found=name.shown())
            )
        first.setdefault(known, name.place)
    names: dict[str, Place] = {}
    for segment in reading.written.segments:
        node = segment.node.get("name")
        if node is None or not isinstance(node.value, str):
            continue
        if node.value in names:
            message = f"{segment.path}.name: two segments are called '{node.value}'"
            at = names[node.value]
            message += f", the first in {_line(at, node.place)}"
            reading.findings.append(error(node.place, message, found=node.shown()))
        names.setdefault(node.value, node.place)


def _line(place: Place, here: Place) -> str:
    """Where the other stands, told to one who reads `here`."""
    if place.file != here.file:
        return str(place)
    return f"line {place.line}" if place.line else "the same file"


def _old_names(reading: Reading) -> None:
    """An old name belongs to one category, to none that is there, and to nothing else that consents name."""
    owner: dict[str, str] = {}
    for category in reading.categories.values():
        place = reading.written.categories[category.name].node.place_of(("was",))
        for old in category.was:
            if old in RESERVED:
                message = f"categories.{category.name}.was: '{old}' was no category's name: {RESERVED[old]}"
                reading.findings.append(error(place, message, found=old))
            elif old in reading.categories:
                message = f"categories.{category.name}.was: '{old}' is a category of this policy, not an old name"
                reading.findings.append(error(place, message, found=old))
            elif owner.setdefault(old, category.name) != category.name:
                message = f"categories.{category.name}.was: '{old}' is an old name of '{owner[old]}' already"
                reading.findings.append(error(place, message, found=old))


def _exempt(reading: Reading) -> None:
    """`exempt` names kinds or rules there are, and for marketing none of those that are always on."""
    kinds = list(RULES)
    names = [b.rule.name for b in reading.rules]
    known = dict.fromkeys(["all", *kinds, *names])
    always_on = [k for k, m in RULES.items() if m.ALWAYS_ON]
    for category in reading.categories.values():
        node = reading.written.categories[category.name].node
        written = node.get("exempt")
        for i, item in enumerate(written.items if written else ()):
            word, place = item.value, node.place_of(("exempt", i))
            called = f"categories.{category.name}.exempt"
            if not isinstance(word, str):
                continue
            if word in unbuilt.SECTIONS:
                reading.findings.append(error(place, f"{called}: '{word}' isn't built yet; leave it out", found=word))
            elif word not in known:
                message = f"{called}: '{word}' is neither a kind of rule nor the name of one"
                reading.findings.append(
                    error(place, message, found=word, allowed=listed(known), suggestion=nearest(word, known))
                )
            elif not category.transactional and (word == "all" or word in always_on):
                message = f"{called}: marketing can't be exempt from {listed(always_on)}"
                reading.findings.append(
                    error(
                        place,
                        message,
                        found=word,
                        allowed=listed(k for k in known if k not in always_on and k != "all"),
                    )
                )


def _segments(reading: Reading) -> None:
    """The last segment, and only the last, is everyone's; none repeats the condition of one before it."""
    written = reading.written.segments
    made = [s.where for s in reading.segments]
    for i, segment in enumerate(written):
        where = segment.node.entries.get("where")
        called = _called(segment.node, segment.path)
        if i == len(written) - 1 and where is not None:
            message = f"{called} is the last and has a condition, so that some contacts would be in no segment"
            reading.findings.append(error(where.place, f"{message}; add one without where"))
        for j, before in enumerate(written[:i]):
            earlier = before.node.entries.get("where")
            if earlier is None:
                taken = f"{_called(before.node, before.path)} before it has no where and takes everyone"
                reading.findings.append(error(segment.node.place, f"{called} is never reached: {taken}"))
                break
            if where is not None and where.node.plain() == earlier.node.plain():
                same = f"{_called(before.node, before.path)} before it has the same where"
                reading.findings.append(error(where.place, f"{called} is never reached: {same}"))
                break
            if where is not None and len(made) == len(written) and _takes_all(made[j], made[i]):
                wider = f"{_called(before.node, before.path)} before it takes everyone for whom its where holds"
                reading.findings.append(error(where.place, f"{called} is never reached: {wider}; put it before that"))
                break


def _takes_all(earlier: Condition | None, later: Condition | None) -> bool:
    return earlier is not None and later is not None and implies(later, earlier)


def _called(node: Node, path: str) -> str:
    name = node.get("name")
    return f"the segment '{name.value}'" if name and isinstance(name.value, str) else path


def _governs_nobody(reading: Reading) -> None:
    """A rule whose categories it can't govern: transactional ones where it is for marketing, ones that are exempt from it,
    or ones that this policy hasn't."""
    for built in reading.rules:
        rule = built.rule
        if not rule.filters.categories:
            continue
        named = [c for c in reading.categories.values() if c.keys & rule.filters.categories]
        open_ = [c for c in named if not (c.transactional and RULES[rule.kind].MARKETING_ONLY)]
        if any(not _exempt_from(c, rule) for c in open_):
            continue
        found = listed(c.name for c in named)
        why = "these categories are exempt from it"
        if not open_:
            why = f"'{rule.kind}' is for marketing, and these categories are transactional"
        if not named:
            found = listed(type(rule.keys).categories_unless_named)
            why = "this policy has no such category; name yours in 'categories'"
        names = built.written.node.get("categories") or built.written.node
        reading.findings.append(warning(names.place, f"{built.written.path} governs nothing: {why}", found=found))


def _exempt_from(category: Category, rule: Rule) -> bool:
    """Whether a category names the rule, or its kind, in `exempt`. `caps` covers `gap`."""
    words = {"all", rule.kind, rule.name} | ({"caps"} if rule.kind == "gap" else set())
    return bool(words & category.exempt)


def _never_binds(reading: Reading) -> None:
    """A rule beside another with the same filters that is as strict: a guard rail, or one of its own segment.

    Of an include's rule that a stricter one makes idle nothing is said: that is how a file tightens what it includes."""
    for i, built in enumerate(reading.rules):
        for j, other in enumerate(reading.rules):
            if (
                i != j
                and _makes_idle(other.rule, built.rule, before=j < i)
                and not any(_exempt_from_one(c, other.rule, built.rule) for c in reading.categories.values())
                and _changeable(built, other, reading)
            ):
                whose = "the guard rail" if other.rule.segment is None else "its segment's rule"
                why = f"{whose} '{other.rule.name}' has the same filters and is as strict"
                message = f"{built.written.path} ('{built.rule.name}') can never bind: {why}"
                reading.findings.append(warning(built.written.node.place, message))
                break


def _makes_idle(one: Rule, other: Rule, before: bool) -> bool:
    """Whether `one` always stops what `other` would. Of two that are the same the later one is idle."""
    if one.only_watch or one.segment not in (None, other.segment) or not as_strict(one, other):
        return False
    beside = one.segment == other.segment
    return before or not beside or not as_strict(other, one)


def _exempt_from_one(category: Category, one: Rule, other: Rule) -> bool:
    """Whether a category names `one` itself in its `exempt`, so that just `other` governs it."""
    return _exempt_from(category, one) and not _exempt_from(category, other)


def _changeable(idle: Built, stricter: Built, reading: Reading) -> bool:
    """Whether the idle one is the file's own to leave out, or stands in one file with the one that makes it so."""
    file = idle.written.node.place.file
    return file in (reading.written.place.file, stricter.written.node.place.file)


def _keeps_in_touch(reading: Reading) -> None:
    """A silence that a segment wants broken sooner than rules for all its marketing let anyone be written to."""
    for written, segment in zip(reading.written.segments, reading.segments, strict=False):
        if segment.keep_in_touch is None or written.keep_in_touch is None:
            continue
        wanted = segment.keep_in_touch.at_least_every
        for built in [b for b in reading.rules if b.rule.segment in (None, segment.name) and governs_all(b.rule)]:
            if built.rule.keys.spacing > wanted.micros:
                whose = "the guard rail" if built.rule.segment is None else "its own rule"
                message = (
                    f"{written.path}.cadence.keep_in_touch wants a contact every {wanted.text}, and {whose} "
                    f"'{built.rule.name}' lets those who don't answer be reached {_often(built.rule.keys.spacing)}"
                )
                reading.findings.append(warning(written.keep_in_touch.place, message))


def _often(spacing: int) -> str:
    return "in the end no more" if spacing == NEVER else f"only every {spacing / DAY:.3g} days"


def _looser(reading: Reading) -> None:
    """What replaces something included and is looser than it, or might be."""
    for replaced in reading.written.replaced:
        if isinstance(replaced.new, WrittenRule) and isinstance(replaced.old, WrittenRule):
            _looser_rule(replaced, replaced.old, replaced.new, reading)
        elif isinstance(replaced.new, Node) and isinstance(replaced.old, Node):
            for how in _looser_category(replaced.old, replaced.new):
                message = f"categories.{replaced.name} is looser than what it replaces in {replaced.old.place}: {how}"
                reading.findings.append(warning(replaced.new.place, message))


def _looser_rule(replaced: Replaced, old: WrittenRule, new: WrittenRule, reading: Reading) -> None:
    now = next((b.rule for b in reading.rails if b.written is new), None)
    aside = Reading(reading.written, None, [], reading.defaults, reading.categories, reading.segment_names)
    before = make_rule(old, None, aside)
    if now is None or before is None or as_strict(now, before.rule):
        return
    how = "is looser than" if as_strict(before.rule, now) else "is not in every case as strict as"
    message = f"{replaced.name} {how} the rule it replaces in {old.node.place}"
    reading.findings.append(warning(new.node.place, message))


def _looser_category(old: Node, new: Node) -> Iterator[str]:
    """In which ways a category asks less than the one it replaces."""
    was, _ = validate(CategorySection, old)
    made, _ = validate(CategorySection, new)
    if was is None or made is None:
        return
    before, now = category_of("before", was), category_of("now", made)
    if now.transactional and not before.transactional:
        yield "it is transactional now"
        return
    if not now.transactional and not before.transactional and any(needs_less(now, before, c) for c in CHANNEL_KEYS):
        yield "it needs less consent"
    if "all" not in before.exempt and (added := now.exempt - before.exempt):
        yield f"it is exempt from {listed(sorted(added))}"
    if before.counted and not now.counted:
        yield "its touches no longer count"


def _holidays(reading: Reading) -> None:
    """Quiet holidays of countries without known ones. The year is that of the time zone data: no clock is read."""
    year = int(tz_version()[:4])
    asking = [
        (b, i.holidays, _countries(b.rule.where)) for b in reading.rules if (i := interval_of(b.rule)) and i.holidays
    ]
    covered = {c for _, categories, own in asking for c in own if holidays_of(c, categories).count(year)}
    conditions = [s.where for s in reading.segments] + [b.rule.where for b in reading.rules]
    named = {c for where in conditions for c in _countries(where)} | {c for c in [reading.defaults.country] if c}
    for built, categories, own in asking:
        for country in sorted(own or named - covered):
            if holidays_of(country, categories).count(year):
                continue
            have = [c for c in categories_known(country) if holidays_of(country, (c,)).count(year)]
            message = f"{built.written.path}: no {listed(categories)} holiday of {country} is known in {year}"
            allowed = f"for {country} these have days: {listed(have)}" if have else None
            place = built.written.node.place_of(("holidays",), key=True)
            reading.findings.append(warning(place, message, allowed=allowed))


def _countries(where: Any) -> set[str]:
    """The countries that a condition names."""
    asked = [leaf for leaf in leaves(where) if leaf.name == "country"] if where is not None else []
    return {country for leaf in asked if leaf.word in ("is", "in") for country in texts(leaf.operand)}
