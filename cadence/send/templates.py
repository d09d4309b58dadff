"""Reading a campaign's template without rendering it: what is wrong with it, and which content it is.

Errors are found when a marketer checks, not when the mail is due: syntax, files that aren't there, and variables that
no contact can have. Whether one contact lacks an attribute that others have shows only in rendering (`render`).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from jinja2 import Environment, TemplateError, TemplateNotFound, TemplateSyntaxError, meta, nodes

from cadence.send.render import Environments, MailTemplate, Source, TemplateRefused, sources_of

MAX_INCLUDED = 100
"""Files that one template may draw in, one through another."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong with a template: `place` is a file below the folder, or the part (subject, html, text)."""

    place: str
    line: int
    severity: Literal["error", "warning"]
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}, line {self.line}: {self.sentence}"


def check_template(
    subject: str,
    html: str | None = None,
    text: str | None = None,
    folder: Path | None = None,
    *,
    known: Collection[str] | None,
    members: Mapping[str, Collection[str]] | None = None,
    perhaps: Collection[str] = (),
) -> list[Finding]:
    """All that is wrong with a template, sorted by place; an empty list if nothing is.

    `known` are the variables there can be (the contact's fields and attributes, the campaign's variables), None if that isn't
    known and none is judged; `members`
    the known attributes of those that have some (`{"contact": {"first_name", ...}}`). A variable that can't exist is
    an error; where the template provides for that (`default`, `is defined`) it is a warning, and for one of `perhaps`, which
    nobody has yet, nothing. Never raises.
    """
    environments = Environments(folder)
    try:
        sources = sources_of(environments, subject, html, text)
    except TemplateRefused as error:
        return [Finding("template", 1, "error", str(error))]
    checker = _Checker(None if known is None else frozenset(known), members or {}, frozenset(perhaps))
    for source in sources:
        checker.check(environments.of(source.part), source.place, source.text, frozenset())
    return sorted(set(checker.findings))


def content_of(subject: str, sources: Iterable[str], variables: Mapping[str, object]) -> str:
    """What makes two messages the same content (rule repetition): a hash, as 32 hex digits.

    Of the subject's source, the template's sources and the run's variables; never of the contact's, so that everyone
    in a run has the same.
    """
    described = json.dumps([subject, list(sources), variables], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(described.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def content_of_template(template: MailTemplate, variables: Mapping[str, object]) -> str:
    """`content_of` a loaded template, the files that it draws in included."""
    subject, *parts = template.sources
    drawn: dict[tuple[str, str], str] = {}
    for part in parts:
        drawn.update(_drawn_in(template.environment, part))
    return content_of(subject.text, [part.text for part in parts] + [drawn[key] for key in sorted(drawn)], variables)


def _drawn_in(environments: Environments, source: Source) -> Iterator[tuple[tuple[str, str], str]]:
    """The files that a part includes, imports or extends, directly or through others."""
    environment = environments.of(source.part)
    ahead, seen = [source.text], {source.place}
    while ahead and len(seen) <= MAX_INCLUDED:
        for name in meta.find_referenced_templates(environment.parse(ahead.pop())):
            if name is None or name in seen or environment.loader is None:
                continue
            seen.add(name)
            try:
                text = environment.loader.get_source(environment, name)[0]
            except TemplateNotFound:  # `include ... ignore missing`; a needed one has failed at loading or rendering
                continue
            ahead.append(text)
            yield (source.part, name), text


@dataclass
class _Checker:
    known: frozenset[str] | None
    members: Mapping[str, Collection[str]]
    perhaps: frozenset[str] = frozenset()
    findings: list[Finding] = field(default_factory=list)
    seen: set[tuple[int, str]] = field(default_factory=set)

    def check(self, environment: Environment, place: str, text: str, given: frozenset[str]) -> None:
        """Check one source and what it draws in; `given` are names that the drawing template has set."""
        try:
            tree = environment.parse(text)
            environment.compile(text)  # unknown filters and tests show only here
        except TemplateSyntaxError as error:
            self.findings.append(Finding(place, error.lineno, "error", f"the template can't be read: {error.message}"))
            return
        except TemplateError as error:
            self.findings.append(Finding(place, 1, "error", f"the template can't be read: {error}"))
            return
        known = self.known
        guarded = _guarded(tree)
        for name in sorted(() if known is None else meta.find_undeclared_variables(tree) - known - given):
            lines = sorted(
                {node.lineno for node in tree.find_all(nodes.Name) if node.name == name and node.ctx == "load"}
            )
            provided = all((name, line) in guarded for line in lines)
            if provided and name in self.perhaps:
                continue
            told = _nobody_has(name) if name in self.perhaps else _unknown(name, (known or frozenset()) | self.perhaps)
            for line in lines or [1]:
                self.findings.append(Finding(place, line, "warning" if provided else "error", told))
        self._check_members(tree, place, guarded)
        own = frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx == "store")
        self._check_drawn_in(environment, tree, place, given | own)

    def _check_members(self, tree: nodes.Template, place: str, guarded: Collection[tuple[str, int]]) -> None:
        stored = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
        for node in tree.find_all(nodes.Getattr):
            whole = node.node
            if not isinstance(whole, nodes.Name) or whole.name in stored or whole.name not in self.members:
                continue
            if node.attr not in self.members[whole.name]:
                provided = (f"{whole.name}.{node.attr}", node.lineno) in guarded
                sentence = _unknown(node.attr, self.members[whole.name], f"{whole.name}.")
                self.findings.append(Finding(place, node.lineno, "warning" if provided else "error", sentence))

    def _check_drawn_in(
        self, environment: Environment, tree: nodes.Template, place: str, given: frozenset[str]
    ) -> None:
        for name in meta.find_referenced_templates(tree):
            if name is None or (id(environment), name) in self.seen:
                continue
            line = _line_of(tree, name)
            self.seen.add((id(environment), name))
            if len(self.seen) > MAX_INCLUDED:
                self.findings.append(Finding(place, line, "error", f"more than {MAX_INCLUDED} files are drawn in"))
                return
            if environment.loader is None:
                self.findings.append(
                    Finding(place, line, "error", f"{name!r} can't be found: there is no folder of templates")
                )
                continue
            try:
                text = environment.loader.get_source(environment, name)[0]
            except TemplateNotFound as error:
                if not _may_be_missing(tree, name):
                    self.findings.append(Finding(place, line, "error", str(error)))
                continue
            self.check(environment, name, text, given)


def _guarded(tree: nodes.Template) -> frozenset[tuple[str, int]]:
    """Names (and `whole.part`), with their lines, that the template provides for when they are missing."""
    found = set()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        if isinstance(node, nodes.Filter) and node.name not in ("default", "d"):
            continue
        if isinstance(node, nodes.Test) and node.name not in ("defined", "undefined"):
            continue
        inner = node.node
        if isinstance(inner, nodes.Name):
            found.add((inner.name, inner.lineno))
        elif isinstance(inner, nodes.Getattr) and isinstance(inner.node, nodes.Name):
            found.add((f"{inner.node.name}.{inner.attr}", inner.lineno))
    asking: list[nodes.If | nodes.CondExpr] = [*tree.find_all(nodes.If), *tree.find_all(nodes.CondExpr)]
    for asked in asking:
        wondered = {name for name, _ in _mentioned(asked.test)}
        found |= {(name, line) for name, line in _mentioned(asked) if name in wondered}
    return frozenset(found)


def _mentioned(node: nodes.Node) -> Iterator[tuple[str, int]]:
    """The names (and `whole.part`) below a node, with their lines."""
    for below in (node, *node.find_all((nodes.Name, nodes.Getattr))):
        if isinstance(below, nodes.Name):
            yield below.name, below.lineno
        elif isinstance(below, nodes.Getattr) and isinstance(below.node, nodes.Name):
            yield f"{below.node.name}.{below.attr}", below.lineno


def _line_of(tree: nodes.Template, name: str) -> int:
    for node in tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)):
        if name in {constant.value for constant in node.find_all(nodes.Const)}:
            return node.lineno
    return 1


def _may_be_missing(tree: nodes.Template, name: str) -> bool:
    """Whether each place that includes the file says `ignore missing`."""
    naming = [node for node in tree.find_all(nodes.Include) if name in {c.value for c in node.find_all(nodes.Const)}]
    return bool(naming) and all(node.ignore_missing for node in naming)


def _nobody_has(name: str) -> str:
    return f"unknown variable {name}: no contact has it; ask first, {{% if {name} %}}, or import it"


def _unknown(name: str, known: Collection[str], prefix: str = "") -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    hint = f"did you mean {prefix}{near[0]}?" if near else f"allowed are {', '.join(sorted(known)[:20]) or 'none'}"
    return f"unknown variable {prefix}{name}; {hint}"
