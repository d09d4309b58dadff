"""The generated parts of the other pages: settings, commands, the keys of campaigns, the columns of imported files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr
from shapes import keys, said, sentence, table

from cadence.cli import COMMANDS, command_of
from cadence.doors.campaigns import spec
from cadence.doors.files import KINDS
from cadence.providers.registry import PROVIDERS
from cadence.send.desk import VARIABLES
from cadence.settings import Settings

_TYPES = {"Path": "PATH", "str": "TEXT", "int": "NUMBER", "float": "NUMBER"}


def settings_parts() -> Mapping[str, Callable[[], str]]:
    """What is generated in docs/settings.md."""
    return {"installation": lambda: _settings(Settings, "CADENCE_"), "providers": _providers}


def commands_parts() -> Mapping[str, Callable[[], str]]:
    """What is generated in docs/commands.md."""
    return {"commands": _commands}


def campaign_parts() -> Mapping[str, Callable[[], str]]:
    """What is generated in docs/writing-campaigns.md."""
    return {
        "keys": _campaign,
        "variables": lambda: _listed(VARIABLES),
        "triggers": lambda: _listed(spec.TRIGGERS),
        "stops": lambda: _listed(spec.STOPS),
    }


def import_parts() -> Mapping[str, Callable[[], str]]:
    """What is generated in docs/importing.md."""
    return {f"columns of {kind}": lambda kind=kind: _columns(kind) for kind in KINDS}  # type: ignore[misc]


def _settings(model: type[BaseModel], prefix: str) -> str:
    """A table of settings; those of a model inside follow with a double underscore."""
    return table(("variable", "holds", "default", "meaning"), _setting_rows(model, prefix))


def _setting_rows(model: type[BaseModel], prefix: str) -> Iterable[tuple[str, str, str, str]]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            yield from _setting_rows(field.annotation, f"{prefix}{name.upper()}__")
            continue
        part = schema["properties"][name]
        holds = (
            "secret" if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ())) else said(part, {})
        )
        holds = "path" if "path" in (part.get("format"), *(b.get("format") for b in part.get("anyOf", ()))) else holds
        given = "must be given" if field.is_required() else "" if field.default is None else f"`{field.default}`"
        yield f"`{prefix}{name.upper()}`", holds, given, sentence(field.description or "")


def _providers() -> str:
    return "\n".join(
        f"### {name}\n\n{_settings(module.Settings, f'CADENCE_{name.upper()}_')}" for name, module in PROVIDERS.items()
    )


def _commands() -> str:
    lines: list[str] = []
    for name in COMMANDS:
        command = command_of(name)
        lines.append(f"## cadence {name}\n")
        if not hasattr(command, "commands"):
            lines.append(_command(f"cadence {name}", command))
            continue
        lines.append(f"{sentence(command.help or '')}\n")
        for below, part in command.commands.items():
            lines += [f"### cadence {name} {below}\n", _command(f"cadence {name} {below}", part)]
    return "\n".join(lines)


def _command(name: str, command: Any) -> str:
    """One command: how it is written, what it does, what it takes."""
    arguments = [p for p in command.params if not p.opts[0].startswith("-")]
    options = [p for p in command.params if p.opts[0].startswith("-")]
    usage = " ".join([name, *(_argument(p) for p in arguments), *(["[OPTIONS]"] if options else [])])
    told = "\n\n".join(sentence(p) for p in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")))
    rows = [(f"`{_argument(p)}`", sentence(p.help or ""), "") for p in arguments]
    rows += [(f"`{_option(p)}`", sentence(p.help or ""), _default(p)) for p in options]
    return f"```text\n{usage}\n```\n\n{told}\n\n" + (table(("", "", "default"), rows) if rows else "")


def _argument(param: Any) -> str:
    shown = param.name.upper() + ("..." if param.multiple or param.nargs == -1 else "")
    return shown if param.required else f"[{shown}]"


def _option(param: Any) -> str:
    if getattr(param, "is_flag", False):
        return str(param.opts[0])
    kind = param.type_descriptor.annotation
    inner = getattr(kind, "__args__", (kind,))[0]
    return f"{param.opts[0]} {_TYPES.get(getattr(inner, '__name__', ''), 'TEXT')}{'...' if param.multiple else ''}"


def _default(param: Any) -> str:
    if param.required:
        return "must be given"
    value = getattr(param, "default", None)
    return "" if value in (None, False, "", [], ()) or getattr(param, "is_flag", False) else f"`{value}`"


def _campaign() -> str:
    """A campaign's keys, then those of the parts inside it."""
    inside = {"Audience": "audience", "Schedule": "schedule", "Template": "template", "AtMost": "at_most"}
    schema = spec.Spec.model_json_schema()
    defs = schema["$defs"]
    out = [keys(schema, defs)]
    for model, name in inside.items():
        out.append(f"`{name}`: {sentence(defs[model].get('description', ''))}\n\n{keys(defs[model], defs)}")
    return "\n".join(out)


def _columns(kind: str) -> str:
    shape = KINDS[kind].shape
    columns = [f"`{c}`" + (" (needed)" if c in shape.required else "") for c in shape.columns]
    more = [f"`{p}.NAME`" if p == "attributes" else f"`{p}.CHANNEL`" for p in shape.prefixes if kind == "contacts"]
    if not more and shape.prefixes:
        more = [f"`{p}.KEY`" for p in shape.prefixes]
    return ", ".join(columns) + (f"; besides {', '.join(more)}" if more else "") + ".\n"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{w}`" for w in words) + ".\n"
