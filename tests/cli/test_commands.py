"""All commands alike: help for each, `--json` for each, exit codes, and errors in words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cadence.cli import COMMANDS, command_of
from cadence.store import tables
from tests.cli.office import Office


def parts_of(name: str) -> list[tuple[str, Any]]:
    """A command, or each of its subcommands, by the words that call it."""
    command = command_of(name)
    if not hasattr(command, "commands"):
        return [(name, command)]
    return [(f"{name} {part}", found) for part, found in command.commands.items()]


PARTS = dict(part for name in COMMANDS for part in parts_of(name))


def test_the_overview_lists_every_command(office: Office) -> None:
    answer = office.run("--help")

    assert (answer.code, [n for n in COMMANDS if f"  {n} " not in answer.out]) == (0, [])


@pytest.mark.parametrize("words", sorted(PARTS))
def test_every_command_tells_what_it_does(words: str, office: Office) -> None:
    answer = office.run(*words.split(), "--help")

    assert answer.code == 0
    assert len(PARTS[words].help or "") > 20


@pytest.mark.parametrize("words", sorted(PARTS))
def test_every_command_takes_json(words: str) -> None:
    assert "--json" in {option for p in PARTS[words].params for option in p.opts}


@pytest.mark.parametrize("words", sorted(PARTS))
def test_every_option_and_argument_is_explained(words: str) -> None:
    silent = [p.name for p in PARTS[words].params if not getattr(p, "help", None)]
    assert silent in ([], ["help"])


@pytest.mark.parametrize("words", ["status", "queue", "suppressed", "campaign list", "audit verify", "audit changes"])
def test_what_lists_answers_in_json_on_an_empty_database(words: str, office: Office) -> None:
    assert isinstance(office.json(*words.split()), dict)


def rounded(told: Any) -> list[int]:
    """The numbers in a document that a reader of JSON with 53 bits for each can't hold."""
    if isinstance(told, dict | list):
        inside = told.values() if isinstance(told, dict) else told
        return [n for one in inside for n in rounded(one)]
    return [told] if isinstance(told, int) and abs(told) > 2**53 else []


@pytest.mark.parametrize(
    "words", ["contact ann", "explain ann", "queue", "suppressed", "status", "audit verify", "audit changes"]
)
def test_no_number_is_one_that_json_readers_would_round(words: str, busy: Office) -> None:
    """With evidence, a rule that only watches, and something queued again."""
    busy.use("2026-03-03T11:00", guard_rails={"caps": [{"max": 1, "per": "7d", "only_watch": True}]})
    busy.world.message("2026-03-03T11:00", "ann", campaign="spring")
    busy.world.tick("2026-03-03T11:00")
    (stopped,) = busy.world.rows(tables.message, tables.message.c.state == "suppressed")
    busy.run("release", str(stopped["id"]), "--reason", "a mistake")

    assert rounded(json.loads(busy.run(*words.split(), "--json").out)) == []


def test_a_command_that_is_not_there_is_wrong_use_and_the_nearest_is_named(office: Office) -> None:
    answer = office.run("statsu")

    assert answer.code == 2
    assert "Did you mean 'status'?" in answer.err


@pytest.mark.parametrize("words", [["queue", "--colour"], ["release", "seventeen", "--reason", "x"], ["stop", "ann"]])
def test_wrong_use_is_told_without_a_traceback(words: list[str], office: Office) -> None:
    answer = office.run(*words)

    assert answer.code == 2
    assert "Traceback" not in answer.err + answer.out
    assert "Error" in answer.err


def test_a_wrong_setting_is_named_but_its_value_is_not(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENCE_BATCH", "hunter2")

    answer = office.run("status")

    assert answer.code == 2
    assert "CADENCE_BATCH: " in answer.err
    assert "hunter2" not in answer.err


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PROVIDER": "sengrid"}, "CADENCE_PROVIDER: there is no provider 'sengrid'"),
        ({"PROVIDER": "sendgrid"}, "CADENCE_SENDGRID_API_KEY: Field required"),
        ({"PROVIDER": "smtp", "SMTP_USER": "me"}, "CADENCE_SMTP: Value error, user is given without password"),
        ({"SENDER": "nobody"}, "CADENCE_SENDER: 'nobody' is no mail address"),
        ({"SENDER": "Shop, Inc <shop@example.com>"}, "CADENCE_SENDER: 'Shop' is no mail address"),
        ({"RETENTION__TOUCHES": "1"}, "CADENCE_RETENTION__TOUCHES: "),
        ({"LEASE_SECONDS": "inf"}, "CADENCE_LEASE_SECONDS: Input should be a finite number"),
        ({"SEND_PER_SECOND": "nan"}, "CADENCE_SEND_PER_SECOND: "),
        ({"LOG_LEVEL": "loud"}, "CADENCE_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'"),
    ],
    ids=str,
)
def test_a_daemon_whose_settings_cannot_work_does_not_start(
    office: Office, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], says: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"CADENCE_{name}", value)

    answer = office.run("run", "--once")

    assert answer.code == 2
    assert says in " ".join(answer.err.split())


@pytest.mark.parametrize("words", ["status", "run", "db init"])
def test_a_database_that_cannot_be_reached_is_told_without_its_password(
    words: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENCE_DATABASE_URL", "postgresql://eva:hunter2@localhost:1/nowhere")

    answer = office.run(*words.split())

    assert answer.code == 2
    assert "is away" in answer.err
    assert "hunter2" not in answer.err


@pytest.mark.parametrize("content", [b"sender = ", "sender = 'J\u00f6rg <a@b.example>'".encode("cp1252")])
def test_a_file_of_settings_that_can_not_be_read_is_named(office: Office, content: bytes) -> None:
    (office.folder / "config").mkdir()
    (office.folder / "config/cadence.toml").write_bytes(content)

    answer = office.run("status")

    assert answer.code == 2
    assert "config/cadence.toml: " in " ".join(answer.err.split())


def test_a_word_that_is_no_text_is_told_in_words(office: Office) -> None:
    answer = office.run("contact", "\udcff")

    assert (answer.code, "is no text; write it in UTF-8" in answer.err) == (2, True)


@pytest.mark.parametrize("words", ["--help", "queue --help", "queue", "queue --json"])
def test_who_stops_reading_hears_no_more(busy: Office, words: str) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "cadence", *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    command.stdout.close()
    _, said = command.communicate(timeout=60)

    assert (command.returncode, said) == (141, b"")


def test_a_statement_that_the_database_refuses_is_told_without_its_values(busy: Office) -> None:
    with busy.world.store.write() as conn:
        conn.exec_driver_sql("ALTER TABLE message RENAME TO massage")

    answer = busy.run("queue")

    assert answer.code == 2
    assert "no such table: message" in answer.err
    assert "cadence db version" in answer.err
    assert "parameters" not in answer.err + answer.out
    assert answer.err.count("\n") < 4


@pytest.mark.parametrize("words", ["status", "check", "check --contacts", "queue", "db version", "run --once"])
def test_a_variable_that_sets_nothing_is_named_once_by_whatever_opens_the_database(
    words: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENCE_DATABSE_URL", "postgresql://kim:hunter2@db/cadence")

    answer = office.run(*words.split())

    said = [line for line in answer.err.splitlines() if "CADENCE_DATABSE_URL is no setting" in line]
    assert len(said) == 1
    assert "did you mean CADENCE_DATABASE_URL?" in said[0]
    assert "hunter2" not in answer.err


def test_a_variable_that_sets_nothing_is_named_before_what_comes_of_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CADENCE_DATABASE_URL")
    monkeypatch.setenv("CADENCE_DATABSE_URL", "postgresql://kim@db/cadence")

    answer = office.run("status")

    assert answer.code == 2
    assert answer.err.index("CADENCE_DATABSE_URL") < answer.err.index("isn't made yet")


@pytest.mark.parametrize("words", ["import contacts people.csv", "run --once", "campaign list"])
def test_where_there_is_no_policy_no_database_is_made(
    words: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENCE_DATABASE_URL", f"sqlite:///{office.folder / 'elsewhere' / 'cadence.db'}")
    (office.folder / "policy.yaml").unlink()

    answer = office.run(*words.split())

    assert answer.code == 2
    assert "policy.yaml" in answer.err
    assert not (office.folder / "elsewhere").exists()


@pytest.mark.parametrize("place", ["CADENCE_SECRET", "var/secret"])
def test_too_short_a_secret_is_named_with_how_to_make_one(
    place: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "CADENCE_SECRET":
        monkeypatch.setenv(place, "hunter2hunter2")
    else:
        (office.folder / "var").mkdir(exist_ok=True)
        (office.folder / "var/secret").write_text("hunter2hunter2", "ascii")

    answer = office.run("run", "--once")

    assert answer.code == 2
    assert f"{place} has 14 bytes" in answer.err
    assert "openssl rand -hex 32" in answer.err
    assert "hunter2" not in answer.err


def test_a_broken_policy_is_told_with_its_place(office: Office) -> None:
    (office.folder / "policy.yaml").write_text("version: 1\ncategorys: {}\n", "utf-8")

    answer = office.run("stop", "ann", "--reason", "x")

    assert answer.code == 2
    assert "policy.yaml:2:1" in answer.err
    assert "categories" in answer.err


def test_a_zone_that_is_none_is_wrong_input(office: Office) -> None:
    answer = office.run("status", "--zone", "Europe/Stockhlm")

    assert answer.code == 2
    assert "Europe/Stockholm" in answer.err


def test_into_a_file_there_are_no_colours(busy: Office) -> None:
    assert all("\x1b" not in busy.run(*w.split()).out for w in ("status", "queue", "suppressed"))


def test_the_program_runs_as_a_process(project: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "cadence", "--help"], cwd=project, capture_output=True, text=True)

    assert (done.returncode, done.stdout.startswith("Cadence decides")) == (0, True)


def test_the_overview_loads_nothing_of_what_commands_need(project: Path) -> None:
    asked = "import sys, cadence.cli as c; c._overview(); print([m for m in ('typer', 'numpy', 'sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=project, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_json_is_one_document_on_standard_output(busy: Office) -> None:
    answer = busy.run("queue", "--json")

    assert json.loads(answer.out)["total"] == 1
    assert answer.err == ""
