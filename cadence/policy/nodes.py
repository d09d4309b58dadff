"""YAML 1.2 as a tree in which every key and value knows its place; merge keys and anchors resolved, limits kept.

It knows nothing of what the content means. Whatever the text, it answers with a tree or with findings and raises
nothing: duplicate keys, cycles, alias bombs, odd tags, wrong encodings, texts too big or too deep are findings.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from cadence.policy.finding import Finding, Place, error, has_errors

MAX_BYTES = 1_000_000
"""The largest file that is read."""
MAX_DEPTH = 40
"""How deep lists and mappings may be nested."""
MAX_NODES = 200_000
"""How many values a file may hold, with each alias counted as often as it is used."""

Scalar = str | int | float | bool | None

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, where it is written, and its value."""

    key: str
    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place: a scalar, a list of nodes, or a mapping (its entries by key, in the order written)."""

    place: Place
    value: Scalar | tuple[Node, ...] | Mapping[str, Entry]

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The mapping's entries; none where it is no mapping."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The list's nodes; none where it is no list."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def is_mapping(self) -> bool:
        """True for a mapping."""
        return isinstance(self.value, Mapping)

    @property
    def is_list(self) -> bool:
        """True for a list."""
        return isinstance(self.value, tuple)

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def plain(self) -> Any:
        """The content without places: texts, numbers, booleans, None, lists and dicts."""
        if isinstance(self.value, Mapping):
            return {k: e.node.plain() for k, e in self.value.items()}
        return [n.plain() for n in self.value] if isinstance(self.value, tuple) else self.value

    def shown(self) -> str:
        """What was written here, short enough for a sentence."""
        if isinstance(self.value, Mapping):
            return "a mapping" if self.value else "an empty mapping"
        if isinstance(self.value, tuple):
            return "a list" if self.value else "an empty list"
        if self.value is None:
            return "nothing"
        text = repr(self.value) if isinstance(self.value, str) else str(self.value)
        text = text.lower() if isinstance(self.value, bool) else text
        return text if len(text) <= 60 else text[:57] + "..."

    def place_of(self, path: tuple[str | int, ...], *, key: bool = False) -> Place:
        """Where the value at a path is written (with `key`, its key). Elements not in the content are skipped."""
        node, place = self, self.place
        for step in path:
            if isinstance(step, int) and node.is_list and 0 <= step < len(node.items):
                node = node.items[step]
                place = node.place
            elif entry := node.entries.get(str(step)):
                node = entry.node
                place = entry.place if key else node.place
        return place

    def at(self, path: tuple[str | int, ...]) -> Node:
        """The node at a path. Elements that are not in the content are skipped."""
        node = self
        for step in path:
            if isinstance(step, int) and node.is_list and 0 <= step < len(node.items):
                node = node.items[step]
            elif entry := node.entries.get(str(step)):
                node = entry.node
        return node

    def with_entries(self, entries: Mapping[str, Entry]) -> Node:
        """The same place with other entries."""
        return Node(self.place, dict(entries))

    def walk(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
        """Each node under this one with its path, itself first."""
        yield path, self
        for entry in self.entries.values():
            yield from entry.node.walk((*path, entry.key))
        for i, item in enumerate(self.items):
            yield from item.walk((*path, i))


def of_plain(content: object, file: str = "", place: Place | None = None) -> Node:
    """Python values as nodes, all at one place; dates and datetimes become ISO texts. Raises TypeError for the rest."""
    at = place or Place(file)
    if isinstance(content, Node):
        return content
    if isinstance(content, Mapping):
        return Node(at, {str(k): Entry(str(k), at, of_plain(v, place=at)) for k, v in content.items()})
    if isinstance(content, list | tuple | set | frozenset):
        return Node(at, tuple(of_plain(v, place=at) for v in content))
    if content is None or isinstance(content, str | bool | int | float):
        return Node(at, content)
    if isinstance(content, date):
        return Node(at, content.isoformat())
    raise TypeError(
        f"{type(content).__name__} can't be read; allowed: texts, numbers, booleans, dates, lists, mappings"
    )


def read_text(text: str, file: str = "") -> tuple[Node | None, tuple[Finding, ...]]:
    """YAML text as a tree; None with findings where it can't be read. An empty text is a node with None."""
    if len(text) > MAX_BYTES:
        return None, (error(Place(file, 1, 1), f"the text is longer than {MAX_BYTES:,} characters; split it"),)
    if control := _CONTROL.search(text):
        place = _place_of_offset(text, control.start(), file)
        return None, (error(place, f"a character that YAML doesn't allow (U+{ord(control[0]):04X})"),)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            root = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except RecursionError:
        return None, (error(Place(file, 1, 1), f"nested deeper than {MAX_DEPTH} levels"),)
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, KeyError, AssertionError) as broken:
        return None, (_unreadable(broken, text, file),)
    walk = _Walk(file)
    if version := re.search(r"^%YAML[ \t]+(?!1\.2\b)(\S+)", text, re.MULTILINE):
        place = _place_of_offset(text, version.start(), file)
        walk.findings.append(error(place, "another version of YAML is asked for", found=version[1], allowed="1.2"))
    node = Node(Place(file, 1, 1), None) if root is None else walk.node(root, ())
    if walk.too_many:
        too_many = f"with its aliases written out it holds more than {MAX_NODES:,} values"
        walk.findings.append(error(Place(file, 1, 1), too_many))
    return (None if has_errors(walk.findings) else node), tuple(walk.findings)


def read_file(path: Path) -> tuple[Node | None, tuple[Finding, ...]]:
    """A YAML file as a tree; None with findings where it can't be read."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as broken:
        return None, (error(Place(file), f"it can't be read: {broken.strerror or broken}"),)
    if len(raw) > MAX_BYTES:
        return None, (error(Place(file, 1, 1), f"the file is larger than {MAX_BYTES:,} bytes; split it"),)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        before = raw[: broken.start].decode("utf-8-sig", "replace")
        place = _place_of_offset(before, len(before), file)
        return None, (error(place, f"byte 0x{raw[broken.start]:02X} is no UTF-8; save the file as UTF-8"),)
    return read_text(text, file)


def _place_of_offset(text: str, offset: int, file: str) -> Place:
    before = text[:offset]
    return Place(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _unreadable(broken: Exception, text: str, file: str) -> Finding:
    """What the YAML reader complains of, as a finding."""
    if isinstance(broken, MarkedYAMLError):
        mark = broken.problem_mark or broken.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        said = " ".join(str(part) for part in (broken.context, broken.problem) if part)
        return error(place, f"this is not valid YAML: {said or 'it can not be read'}")
    if isinstance(broken, ReaderError):
        place = _place_of_offset(text, int(broken.position or 0), file)
        return error(place, f"this is not valid YAML: {broken.reason}")
    return error(Place(file, 1, 1), f"this is not valid YAML: {' '.join(str(broken).split()) or type(broken).__name__}")


@dataclass
class _Walk:
    """One walk over what the reader composed; shared nodes are made once, so that a bomb of aliases stays small."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    made: dict[int, Node] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    depths: dict[int, int] = field(default_factory=dict)
    too_many: bool = False

    def node(self, raw: Any, above: tuple[int, ...]) -> Node:
        place = Place(self.file, raw.start_mark.line + 1, raw.start_mark.column + 1)
        if id(raw) in above:
            self.findings.append(error(place, "an alias inside of what it stands for: this never ends"))
            return Node(place, None)
        if id(raw) in self.made:
            return self._again(raw, above, place)
        if len(above) >= MAX_DEPTH:
            self.findings.append(error(place, f"nested deeper than {MAX_DEPTH} levels"))
            return Node(place, None)
        if isinstance(raw, ScalarNode):
            made = Node(place, self._scalar(raw, place))
        elif isinstance(raw, SequenceNode):
            self._refuse_tag(raw, "seq", place)
            made = Node(place, tuple(self.node(child, (*above, id(raw))) for child in raw.value))
        else:
            self._refuse_tag(raw, "map", place)
            made = Node(place, self._mapping(raw, (*above, id(raw))))
        self._remember(raw, made)
        return made

    def _again(self, raw: Any, above: tuple[int, ...], place: Place) -> Node:
        """What an alias stands for, made before."""
        if len(above) + self.depths[id(raw)] > MAX_DEPTH:
            self.findings.append(error(place, f"nested deeper than {MAX_DEPTH} levels"))
            return Node(place, None)
        return self.made[id(raw)]

    def _remember(self, raw: Any, made: Node) -> None:
        """Keep what was made, with how many values it holds written out and how deep it is."""
        children = [c for pair in raw.value for c in pair] if isinstance(raw, MappingNode) else raw.value
        nested = () if isinstance(raw, ScalarNode) else children
        size = 1 + sum(self.sizes.get(id(c), 1) for c in nested)
        self.depths[id(raw)] = 1 + max((self.depths.get(id(c), 0) for c in nested), default=0)
        self.sizes[id(raw)] = min(size, MAX_NODES + 1)
        self.too_many |= size > MAX_NODES
        self.made[id(raw)] = made

    def _mapping(self, raw: MappingNode, above: tuple[int, ...]) -> dict[str, Entry]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        merge_at: Place | None = None
        for raw_key, raw_value in raw.value:
            place = Place(self.file, raw_key.start_mark.line + 1, raw_key.start_mark.column + 1)
            if not isinstance(raw_key, ScalarNode):
                self.findings.append(error(place, "a key must be a plain word", found="a list or a mapping"))
                continue
            if str(raw_key.tag) == _TAG + "merge":
                if merge_at:
                    twice = f"'<<' stands twice, first in line {merge_at.line}; write a list after one"
                    self.findings.append(error(place, twice))
                merge_at = place
                merged = self._merged(self.node(raw_value, above), place)
                continue
            name = self._text(raw_key, place)
            if name in own:
                first = own[name].place
                self.findings.append(error(place, f"the key '{name}' stands twice, first in line {first.line}"))
            value = self.node(raw_value, above)
            # The reader puts an empty value where the next thing begins; who looks for it looks at its key.
            own[name] = Entry(name, place, Node(place, None) if value.value is None and not raw_value.value else value)
        return {**{k: e for k, e in merged.items() if k not in own}, **own}

    def _merged(self, node: Node, place: Place) -> dict[str, Entry]:
        """What `<<` brings: of several mappings the first that has a key gives it."""
        sources = node.items if node.is_list else (node,)
        out: dict[str, Entry] = {}
        for source in sources:
            if not source.is_mapping:
                self.findings.append(error(place, "'<<' takes a mapping or a list of mappings", found=source.shown()))
            out.update({k: e for k, e in source.entries.items() if k not in out})
        return out

    def _refuse_tag(self, raw: Any, kind: str, place: Place) -> None:
        if str(raw.tag) != _TAG + kind:
            self.findings.append(error(place, "a tag that isn't known", found=str(raw.tag), allowed="no tag"))

    def _scalar(self, raw: ScalarNode, place: Place) -> Scalar:
        """By YAML 1.2's core schema: dates, times and `1_000` stay texts."""
        tag, text = str(raw.tag), self._text(raw, place)
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "bool":
            return text.lower() == "true"
        if tag in (_TAG + "int", _TAG + "float"):
            return self._number(text, place)
        if tag not in (_TAG + "str", _TAG + "timestamp", _TAG + "value", _TAG + "merge"):
            self.findings.append(error(place, "a tag that isn't known", found=tag, allowed="no tag"))
        return text

    def _text(self, raw: ScalarNode, place: Place) -> str:
        """What was written. Escapes may stand for what no text holds, and JSON writes a sign like an emoji as two of
        them."""
        text = str(raw.value)
        if _CONTROL.search(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if control := _CONTROL.search(text):
            message = f"an escape for a character that no text can hold (U+{ord(control[0]):04X})"
            self.findings.append(error(place, message))
        return text

    def _number(self, text: str, place: Place) -> Scalar:
        if _INT.fullmatch(text):
            if len(text) > 18:
                self.findings.append(error(place, "a number with more than 18 digits", found=text[:20] + "..."))
                return 0
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text):
            value = float(text)
            if math.isfinite(value):
                return value
        elif not text.lower().lstrip("+-").startswith((".inf", ".nan")):
            return text
        self.findings.append(error(place, "a number must be finite", found=text[:40]))
        return 0
