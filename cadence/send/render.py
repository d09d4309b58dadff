"""From a campaign's template and a contact's variables to subject, text and HTML.

Jinja2 in its sandbox, where a variable that is missing is an error and never an empty gap. Templates are inline or
files below the campaign's folder and nowhere else. Checking a template before anything is sent is `templates`' matter.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cadence.send.headers import in_one_line
from cadence.send.plain import plain_text

MAX_SOURCE = 2_000_000
"""Bytes of one template file."""
MAX_RENDERED = 2_000_000
"""Characters of one rendered part."""

_FILE_NAME = re.compile(r"[^\n<>{}]+\.(?:html|htm|txt|md|j2|jinja)")


class Missing(StrictUndefined):
    """A variable that isn't there: an error wherever it is used, but `{% if first_name %}` may ask for it."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]  # strict as it is elsewhere, its stubs say it never returns
        return False


class TemplateRefused(ValueError):
    """A template that can't be loaded or rendered; says which, where (file, line) and what was found."""


class TemplateMissing(TemplateRefused):
    """One that isn't there or is broken: nobody's mail can be written by it as it is now."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail's content. `text` is None only where there is no HTML to derive it from either; `html` may be None."""

    subject: str
    html: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """One part of a campaign's template as it was written: `place` is its file, or says that it is inline."""

    part: str
    place: str
    text: str
    is_file: bool


@dataclass(frozen=True)
class MailTemplate:
    """A campaign's template, compiled once and rendered for each contact."""

    sources: tuple[Source, ...]
    environment: "Environments" = field(repr=False)
    compiled: Mapping[str, Template] = field(repr=False)

    def render(self, variables: Mapping[str, object]) -> Rendered:
        """The mail for one contact. Raises `TemplateRefused`: a variable is missing, or the template fails.

        A variable that is None is missing: nobody is to read "Dear None". The subject is one line, whatever is in it.
        """
        there = {name: value for name, value in variables.items() if value is not None}
        made = {part: self._part(part, template, there) for part, template in self.compiled.items()}
        html, text = made.get("html"), made.get("text")
        if text is None and html is not None:
            text = plain_text(html)
        return Rendered(in_one_line(made["subject"]).strip(), html, text)

    def _part(self, part: str, template: Template, variables: Mapping[str, object]) -> str:
        pieces: list[str] = []
        size = 0
        try:
            for piece in template.generate(variables):
                size += len(piece)
                if size > MAX_RENDERED:
                    raise TemplateRefused(f"{self._place(part)}: renders to more than {MAX_RENDERED} characters")
                pieces.append(piece)
        except TemplateRefused:
            raise
        except (TemplateNotFound, TemplateSyntaxError) as error:  # of a file that it draws in
            raise TemplateMissing(f"{self._where(part, error)}: {_sentence(error)}") from None
        except Exception as error:  # noqa: BLE001 - a template is a program: what it throws is about this mail
            raise TemplateRefused(f"{self._where(part, error)}: {_sentence(error)}") from None
        return "".join(pieces)

    def _place(self, part: str) -> str:
        return next(source.place for source in self.sources if source.part == part)

    def _where(self, part: str, error: Exception) -> str:
        """File and line of the innermost template line that the error passed through."""
        line, name, trace = None, None, error.__traceback__
        while trace is not None:
            if "__jinja_exception__" in trace.tb_frame.f_globals:  # jinja's own mark of a frame in a template
                line, name = trace.tb_lineno, trace.tb_frame.f_code.co_filename
            trace = trace.tb_next
        place = self._place(part) if name in (None, "<template>") else str(name)
        return f"{place}, line {line}" if line else place


class Environments:
    """The two ways of rendering, with and without HTML escaping, over the files below one folder."""

    def __init__(self, folder: Path | None) -> None:
        loader = _FolderLoader(folder) if folder is not None else None
        self.folder = folder
        self.html = _environment(loader, autoescape=True)
        self.text = _environment(loader, autoescape=False)

    def of(self, part: str) -> Environment:
        """The environment for a part: "html", "text" or "subject"."""
        return self.html if part == "html" else self.text


def load_template(
    subject: str, html: str | None = None, text: str | None = None, folder: Path | None = None
) -> MailTemplate:
    """Load and compile a campaign's template.

    `html` and `text` are each a file's name (one line ending in .html, .htm, .txt, .md, .j2 or .jinja) below
    `folder`, or the template itself. Raises `TemplateRefused`: no such file, outside the folder, a syntax error.
    """
    environments = Environments(folder)
    sources = sources_of(environments, subject, html, text)
    compiled = {}
    for source in sources:
        environment = environments.of(source.part)
        try:
            compiled[source.part] = (
                environment.get_template(source.place) if source.is_file else environment.from_string(source.text)
            )
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            name = getattr(error, "name", None) or source.place
            raise TemplateRefused(f"{name}{f', line {line}' if line else ''}: {_sentence(error)}") from None
    return MailTemplate(sources, environments, compiled)


def sources_of(environments: Environments, subject: str, html: str | None, text: str | None) -> tuple[Source, ...]:
    """The parts as written, files read. Raises `TemplateRefused` where a file can't be, or nothing is given."""
    if html is None and text is None:
        raise TemplateRefused("the template has neither html nor text; give at least one of them")
    sources = [Source("subject", "subject", subject, is_file=False)]
    for part, value in (("html", html), ("text", text)):
        if value is None:
            continue
        if not is_file_name(value):
            sources.append(Source(part, part, value, is_file=False))
            continue
        name = value.strip()
        loader = environments.of(part).loader
        if loader is None:
            raise TemplateRefused(
                f"{part}: {name!r} is a file's name, and there is no folder of templates to find it in"
            )
        try:
            sources.append(Source(part, name, loader.get_source(environments.of(part), name)[0], is_file=True))
        except TemplateNotFound as error:
            raise TemplateRefused(f"{part}: {_sentence(error)}") from None
    return tuple(sources)


def is_file_name(value: str) -> bool:
    """Whether a template's value is the name of a file rather than the template itself."""
    return bool(_FILE_NAME.fullmatch(value.strip()))


class _FolderLoader(BaseLoader):
    """Files below one folder; a path that leaves it, by dots or by a link, is as if it weren't there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The file as jinja wants it: text, name, and whether it is unchanged since."""
        named = PurePosixPath(template)
        if "\0" in template or "\\" in template or named.is_absolute() or ".." in named.parts:
            raise TemplateNotFound(template, f"{template!r} leads out of the folder of templates {self.folder}")
        path = (self.folder / named).resolve()
        if not path.is_relative_to(self.folder):
            raise TemplateNotFound(template, f"{template!r} leads out of the folder of templates {self.folder}")
        try:
            if path.stat().st_size > MAX_SOURCE:
                raise TemplateNotFound(template, f"{path} is larger than {MAX_SOURCE} bytes")
            written = path.stat().st_mtime_ns
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise TemplateNotFound(template, f"{path} is not UTF-8 (byte {error.start + 1})") from None
        except OSError as error:
            raise TemplateNotFound(template, f"{path}: {error.strerror}") from None
        return source, template, lambda: path.exists() and path.stat().st_mtime_ns == written

    def list_templates(self) -> list[str]:
        """The names of all templates in the folder."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and is_file_name(path.name))
        return sorted(str(path.relative_to(self.folder)) for path in files)


def _environment(loader: BaseLoader | None, *, autoescape: bool) -> Environment:
    return ImmutableSandboxedEnvironment(
        loader=loader, autoescape=autoescape, undefined=Missing, keep_trailing_newline=True, cache_size=200
    )


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
