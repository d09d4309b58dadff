"""From files to one written policy: folders, includes and packs put together, later ones over earlier ones.

It looks at shapes and names only, as far as needed to know what replaces what (language.md, end of section 4). Whether
what is written makes sense is the work of `build` and `checks`; nothing here is a rule or a segment yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cadence.policy import unbuilt
from cadence.policy.finding import Finding, Place, error, listed, nearest, warning
from cadence.policy.nodes import Entry, Node, read_file
from cadence.policy.places import validate
from cadence.policy.sections import Document
from cadence.policy.stricter import stricter
from cadence.policy.written import LOOSENING, Gathered, Replaced, WrittenRule, WrittenSegment, loosening
from cadence.rules.registry import RULES

_T = TypeVar("_T")
SHIPPED = Path(__file__).resolve().parents[2] / "config"
"""Where the ready packs are that come with the program."""
MAX_FILES = 200
"""How many files one policy may be made of."""


def ready_packs() -> list[str]:
    """The packs that come with the program, as an include names them."""
    return sorted(f"packs/{p.name}" for p in (SHIPPED / "packs").glob("*.yaml"))


def gather_path(path: Path, findings: list[Finding]) -> Gathered:
    """A file, or a folder whose `.yaml` and `.yml` files are read by name as if written one after another."""
    gathering = _Gathering(findings)
    if not path.is_dir():
        return gathering.all_of([path])
    try:
        # A link to nothing is a file that can't be read: what it would bring must not be missing in silence.
        files = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml") and (p.is_file() or not p.exists()))
    except OSError as broken:
        findings.append(error(Place(str(path)), f"the folder can't be read: {broken.strerror or broken}"))
        return Gathered()
    if not files:
        findings.append(
            error(Place(str(path)), "the folder holds no policy: it has no file that ends in .yaml or .yml")
        )
    return gathering.all_of(files)


def gather_node(node: Node, base_dir: Path | None, findings: list[Finding]) -> Gathered:
    """A policy that is written inside of something else; its includes are looked for in `base_dir`."""
    return _Gathering(findings).inline(node, base_dir or Path())


class _Gathering:
    """One reading of all files of a policy; each file is read once."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self.seen: set[Path] = set()
        self.included: dict[Path, Gathered] = {}
        self.open: list[Path] = []

    def all_of(self, files: Sequence[Path]) -> Gathered:
        """The policy that these files are, with the names of all that were read for it."""
        return replace(self.layer(files), files=tuple(sorted(self.seen)))

    def layer(self, files: Sequence[Path]) -> Gathered:
        """These files as if written one after another, over what they include."""
        parts: list[tuple[Path, Node]] = []
        for file in files:
            self.seen.add(file.resolve())
            node, found = read_file(file)
            self.findings.extend(found)
            if node is not None:
                parts.append((file, node))
        resolved = [f.resolve() for f in files]
        self.open.extend(resolved)
        included = [g for file, node in parts for g in self._included(node, file.parent)]
        del self.open[len(self.open) - len(resolved) :]
        own = self._joined([self._part(node, is_pack=file.parent.name == "packs") for file, node in parts])
        return self._over(_side_by_side(included), own)

    def inline(self, node: Node, base_dir: Path) -> Gathered:
        """A node as a file of its own."""
        included = self._included(node, base_dir)
        return self._over(_side_by_side(included), self._part(node, is_pack=False))

    def _included(self, node: Node, base_dir: Path) -> list[Gathered]:
        """What the includes of one file bring, each file once."""
        out = []
        include = node.get("include")
        for item in include.items if include else ():
            if not isinstance(item.value, str) or not item.value:
                continue  # the model of the document says what is wrong with it
            file = self._find(item.value, base_dir)
            if file is None:
                packs = ready_packs()
                self.findings.append(
                    error(
                        item.place,
                        "there is no such file to include, neither beside this one nor among the ready packs",
                        found=item.shown(),
                        allowed=listed(packs) or None,
                        suggestion=nearest(item.value, packs),
                    )
                )
            elif file.resolve() in self.open:
                self.findings.append(error(item.place, "an include that leads back to itself", found=item.shown()))
            elif len(self.seen) >= MAX_FILES:
                self.findings.append(error(item.place, f"a policy may be made of {MAX_FILES} files at most"))
            else:
                if file.resolve() not in self.included:
                    self.included[file.resolve()] = self.layer([file])
                out.append(self.included[file.resolve()])
        return out

    def _find(self, name: str, base_dir: Path) -> Path | None:
        if Path(name).is_absolute() or "\0" in name:
            return None
        for folder in (base_dir, SHIPPED, SHIPPED / "packs"):
            file = Path(os.path.normpath(folder / name))
            try:
                found = file.is_file()
            except OSError:  # a name that no file system takes
                found = False
            if found:
                return Path(os.path.relpath(file)) if folder != base_dir and Path.cwd() in file.parents else file
        return None

    def _part(self, node: Node, *, is_pack: bool) -> Gathered:
        """One file's own content by section. What has a wrong shape is reported and left out."""
        out = Gathered(node.place)
        if node.value is None:
            self.findings.append(error(node.place, "the policy is empty; write at least version: 1 and segments"))
            return out
        for section, what in unbuilt.SECTIONS.items():
            if entry := node.entries.get(section):
                message = f"the section '{section}' ({what}) isn't built yet; leave it out"
                self.findings.append(error(entry.place, message, found=section))
        known = node.with_entries({k: e for k, e in node.entries.items() if k not in unbuilt.SECTIONS})
        if node.is_mapping:
            node = known
        _, found = validate(Document, node)
        self.findings.extend(found)
        for section, into in out.mappings().items():
            if holder := node.get(section):
                into.update(holder.entries)
                out.places[section] = holder.place
        if rails := node.get("guard_rails"):
            out.rails.extend(self._rules(rails, "guard_rails"))
        if segments := node.get("segments"):
            if is_pack:
                message = "a pack has no segments; write them into the policy that includes it"
                self.findings.append(error(node.entries["segments"].place, message))
            else:
                out.segments.extend(self._segments(segments))
        return out

    def _rules(self, holder: Node, path: str) -> list[WrittenRule]:
        """The rules of a mapping from kind to one rule or a list of them, as written."""
        out: list[WrittenRule] = []
        for kind, entry in holder.entries.items():
            if kind not in RULES:
                self.findings.append(_unknown_kind(entry, path))
                continue
            several = entry.node.is_list
            written = entry.node.items if several else (entry.node,)
            if several and not written:
                self.findings.append(
                    error(entry.place, f"{path}.{kind} is an empty list; write a rule or leave it out")
                )
            for i, node in enumerate(written):
                called = f"{path}.{kind}[{i}]" if several else f"{path}.{kind}"
                if node.is_mapping:
                    out.append(WrittenRule(kind, node, called))
                elif node.value is not None:
                    self.findings.append(error(node.place, f"{called} must be a mapping", found=node.shown()))
        return out

    def _segments(self, holder: Node) -> list[WrittenSegment]:
        out: list[WrittenSegment] = []
        for i, node in enumerate(holder.items):
            path = f"segments[{i}]"
            if not node.is_mapping:
                self.findings.append(error(node.place, f"{path} must be a mapping", found=node.shown()))
                continue
            cadence = node.get("cadence")
            body = dict(cadence.entries) if cadence else {}
            keep = body.pop("keep_in_touch", None)
            for key in [k for k in body if k not in RULES and k in LOOSENING]:
                self.findings.append(loosening(body.pop(key), f"{path}.cadence"))
            rules = self._rules(cadence.with_entries(body), f"{path}.cadence") if cadence else []
            own = dict(node.entries)
            for key in [k for k in own if k in LOOSENING]:
                self.findings.append(loosening(own.pop(key), path))
            out.append(WrittenSegment(node.with_entries(own), tuple(rules), keep.node if keep else None, path))
        return out

    def _joined(self, parts: Sequence[Gathered]) -> Gathered:
        """Files written one after another, as if they were one: a name in two of them is an error."""
        out = Gathered(parts[0].place) if parts else Gathered()
        for part in parts:
            for section, into in out.mappings().items():
                for name, entry in part.mappings()[section].items():
                    if name in into:
                        message = f"{section}.{name} stands twice, first in {into[name].place}"
                        self.findings.append(error(entry.place, message))
                    into.setdefault(name, entry)
            out.places = {**part.places, **out.places}
            out.rails.extend(part.rails)
            out.segments.extend(part.segments)
        return out

    def _over(self, included: Gathered, own: Gathered) -> Gathered:
        """A file's own content over what it includes: same names replaced in place, all else added up."""
        for section, entry, other in included.clashes:
            if entry.key not in own.mappings()[section]:
                message = f"{section}.{entry.key} is said differently in {other.place}; say here which goes"
                self.findings.append(error(entry.place, message))
        replaced = [*included.replaced, *own.replaced]
        for section, entry, other in included.clashes:
            if section == "categories" and entry.key in own.categories:
                replaced.append(Replaced(entry.key, other.node, own.categories[entry.key].node))
        out = Gathered(own.place, replaced=replaced, places={**included.places, **own.places})
        for section, into in out.mappings().items():
            into.update(included.mappings()[section])
            for name, entry in own.mappings()[section].items():
                if section == "categories" and name in into:
                    out.replaced.append(Replaced(name, into[name].node, entry.node))
                if name == "unknown_zone" and name in into and into[name].node.value == "strict" != entry.node.value:
                    looser = f"defaults.{name} is looser than what it replaces in {into[name].place}"
                    self.findings.append(warning(entry.place, f"{looser}: whose zone isn't known may be woken"))
                into[name] = entry
        out.rails = _rails_over(included.rails, own.rails, out.replaced)
        out.segments = [*own.segments, *included.segments]
        return out


def _side_by_side(parts: Iterable[Gathered]) -> Gathered:
    """What several includes bring. What two of them share counts once, and what one of them replaced of it is replaced.
    Of two categories the stricter goes; what else differs is kept as a clash."""
    out = Gathered()
    for part in parts:
        over, under = {id(r.old) for r in part.replaced}, {id(r.old) for r in out.replaced}
        for section, into in out.mappings().items():
            for name, entry in part.mappings()[section].items():
                known = into.get(name)
                if known is None or id(known.node) in over:
                    into[name] = entry
                elif id(entry.node) not in under and known.node.plain() != entry.node.plain():
                    both = stricter(known, entry) if section == "categories" else None
                    if both is None:
                        out.clashes.append((section, known, entry))
                    else:
                        into[name] = both
        out.places = {**part.places, **out.places}
        out.rails = [r for r in _once([*out.rails, *part.rails]) if id(r) not in over | under]
        out.segments = _once([*out.segments, *part.segments])
        out.replaced = _once([*out.replaced, *part.replaced])
        out.clashes = _once([*out.clashes, *part.clashes])
    return out


def _once(things: list[_T]) -> list[_T]:
    """The same things, each of them once."""
    return list({id(thing): thing for thing in things}.values())


def _rails_over(
    included: Sequence[WrittenRule], own: Sequence[WrittenRule], replaced: list[Replaced]
) -> list[WrittenRule]:
    """Own rules in the place of the included ones of their kind and name; the others behind."""
    left: list[WrittenRule | None] = list(included)
    names = [(r.kind, r.name()) for r in included]
    behind = []
    for rule in own:
        name = rule.name()
        same = [i for i, known in enumerate(names) if name and known == (rule.kind, name) and left[i] is included[i]]
        for i in same:
            replaced.append(Replaced(f"{rule.kind} '{name}'", included[i], rule))
            left[i] = rule if i == same[0] else None
        if not same:
            behind.append(rule)
    return [*(r for r in left if r is not None), *behind]


def _unknown_kind(entry: Entry, path: str) -> Finding:
    kinds = [k for k, m in RULES.items() if m.Keys]
    if path != "guard_rails":
        kinds.append("keep_in_touch")
    message = f"{path}: there is no kind of rule called '{entry.key}'"
    return error(
        entry.place,
        message,
        found=entry.key,
        allowed=listed(kinds),
        suggestion=nearest(entry.key, kinds),
    )
