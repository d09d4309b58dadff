"""The command line: `cadence`. One file per family of commands; this page lists them and says how errors are told.

A command is loaded when it is called for, so that `cadence --help` is quick. Exit codes: 0 fine, 1 a check said no, 2 wrong
use or input.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

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


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the program; exits with the command's code. What a user did wrong is told in words, never as a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(_answer(words))
    except BrokenPipeError:
        sys.exit(_nobody_reads())


def _answer(words: list[str]) -> int:
    """Do what these words ask for; the exit code."""
    if not words or words[0] in ("-h", "--help", "help"):
        return _overview()
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"cadence {version('cadence')}")
        return 0
    if words[0] not in COMMANDS:
        return _unknown(words[0])
    if odd := next((word for word in words if _is_no_text(word)), None):
        print(f"error: {odd!r} is no text; write it in UTF-8", file=sys.stderr)
        return 2
    code = _run(words[0], words[1:])
    sys.stdout.flush()
    return code


def _is_no_text(word: str) -> bool:
    """Whether it is made of bytes that aren't UTF-8."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return True
    return False


def _nobody_reads() -> int:
    """Whoever read standard output has gone, as `head` does: the code that a shell gives for it, and no further word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def command_of(name: str) -> Any:
    """One command, loaded: an object of typer's with `main`."""
    module = importlib.import_module(f"cadence.cli.{COMMANDS[name][0]}")
    return getattr(module, f"{name}_command")


def _run(name: str, words: Sequence[str]) -> int:
    import typer

    from cadence.cli.screen import tell_wrong

    misuse = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        code = command_of(name).main(args=list(words), prog_name=f"cadence {name}", standalone_mode=False)
    except typer.Exit as ended:
        return int(ended.exit_code)
    except typer.Abort:
        return 130
    except BrokenPipeError:
        raise
    except SystemExit as ended:  # typer's own way out where nobody reads: no command of ours ends so
        raise BrokenPipeError from ended
    except Exception as problem:  # noqa: BLE001 - sorted out here: what a user can mend is told in words
        if isinstance(problem, misuse):
            problem.show()  # type: ignore[attr-defined]
            return int(problem.exit_code)  # type: ignore[attr-defined]
        return tell_wrong(problem)
    return code if isinstance(code, int) else 0


def _overview() -> int:
    width = max(map(len, COMMANDS))
    print("Cadence decides when outreach is welcome, sends it then, and can always say why.\n")
    print("Usage: cadence COMMAND ...          cadence COMMAND --help tells more\n")
    for name, (_, line) in COMMANDS.items():
        print(f"  {name:<{width}}  {line}")
    print("\nEach command takes --json. Exit codes: 0 fine, 1 a check said no, 2 wrong use or input.")
    return 0


def _unknown(word: str) -> int:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    print(f"error: there is no command {word!r}.{meant} `cadence --help` lists them.", file=sys.stderr)
    return 2
