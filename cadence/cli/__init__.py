"""The command line: `cadence`. One file per family of commands; this page lists them and says how errors are told.

A command is loaded when it is called for, so that `cadence --help` is quick. Exit codes: 0 fine, 1 a check said no, 2 wrong use
or input.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import typer

COMMANDS: Mapping[str, tuple[str, str]] = {
    "check": ("check", "Check a policy: every error and warning at its place."),
    "test": ("test", "Run policy tests."),
    "explain": ("explain", "Why a contact would, or would not, be written to."),
    "import": ("bring_in", "Take in contacts, touches, events or consents from a file."),
    "campaign": ("campaign", "List, preview, try, pause, resume or end campaigns."),
    "run": ("run", "The daemon: plan, decide, send, until stopped."),
    "demo": ("demo", "The daemon on real customers, some weeks on a virtual clock."),
    "status": ("status", "Who is at work, how far behind, and what is in doubt."),
    "queue": ("queue", "What waits, until when, and by which rule."),
    "suppressed": ("suppressed", "What was stopped or held, by which rule."),
    "contact": ("contact", "Everything about one contact, in order of time."),
    "release": ("by_hand", "Let one message pass the rules that a release may pass."),
    "stop": ("by_hand", "Stop all marketing to a contact."),
    "hold": ("by_hand", "Hold marketing to a contact, or end such a hold."),
    "audit": ("audit", "Check the record against the promises."),
    "db": ("db", "Make, update and look after the database."),
}
"""Command, the file it is in, and the line that `--help` shows of it."""


class _Lazy(click.Group):
    """The table above as a group of commands, each loaded when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cadence.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command".replace("-", "_"))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def program() -> click.Group:
    """The whole program as a click group."""
    return _Lazy(
        "cadence",
        help="Cadence decides when outreach is welcome, sends it then, and can always say why.",
        params=[click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version)],
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"cadence {version('cadence')}")
        ctx.exit()


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the program; exits with the command's code. What a user did wrong is told in a sentence, never as a traceback."""
    from cadence.cli.screen import tell_wrong

    try:
        code = program().main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except Exception as problem:  # noqa: BLE001 - sorted out there: what a user can mend is told in words
        sys.exit(tell_wrong(problem))
    sys.exit(code if isinstance(code, int) else 0)
