"""Every example in the docs is true: policies load, cases pass, campaigns are fine, Python runs, commands say what is shown."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from cadence.cli import COMMANDS, main
from cadence.doors.campaigns.load import load_campaigns
from cadence.policy.comparisons import COMPARISONS
from cadence.policy.contact_facts import INSTANT_NAMES, PLACE_NAMES
from cadence.policy.load import from_mapping, load
from cadence.send.desk import TemplateDesk
from cadence.workbench.runner import run
from tests.docs.examples import PAGES, PROJECT, Example, examples

TODAY = "2026-03-11T09:00:00+00:00"
"""The Wednesday on which the commands in the docs were typed."""
LANGUAGES = {"yaml", "python", "console", "csv", "text", "toml", "mermaid"}
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def of(kind: str) -> list[Example]:
    return [e for e in examples() if getattr(e, kind)]


@pytest.mark.parametrize("example", of("is_policy"), ids=str)
def test_a_policy_that_is_shown_loads_without_a_word(example: Example) -> None:
    loaded = from_mapping(example.text, PROJECT / "config", file=str(example))
    assert [str(f) for f in loaded.findings] == []


@pytest.mark.parametrize("example", of("is_cases"), ids=str)
def test_cases_that_are_shown_come_true(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "config/tests/cases.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(example.text, "utf-8")
    (tmp_path / "config/policy.yaml").symlink_to(PROJECT / "config/policy.yaml")
    report = run([file])
    assert [str(f) for f in report.findings] == []
    assert [(r.name, [str(d) for d in r.differences], r.why) for r in report.results if r.outcome != "passed"] == []
    assert report.results


@pytest.mark.parametrize("example", of("is_campaign"), ids=str)
def test_a_campaign_that_is_shown_is_fine(example: Example, tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text(example.text, "utf-8")
    policy = load(PROJECT / "config/policy.yaml").required()
    loaded = load_campaigns(tmp_path, policy, TemplateDesk(), attributes=["first_name"])
    assert [str(f) for f in loaded.findings] == []
    assert len(loaded.campaigns) == 1


@pytest.mark.parametrize("page", sorted({e.page for e in examples() if e.language == "python"}))
def test_python_that_is_shown_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    names: dict[str, object] = {}
    for example in examples():
        if example.page == page and example.language == "python":
            code = "\n" * example.line + example.text
            exec(compile(code, str(PROJECT / page), "exec"), names)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small installation: what ships, and the people of the page on importing."""
    home = tmp_path_factory.mktemp("installation")
    shutil.copytree(PROJECT / "config", home / "config", ignore=shutil.ignore_patterns("sample"))
    for example in examples():
        if example.page == "docs/importing.md" and example.title:
            (home / example.title).write_text(example.text, "utf-8")
    with contextlib.chdir(home), time_machine.travel(TODAY, tick=False):
        assert said("import contacts people.csv")[0] == 1  # one row is meant to be bad
        assert said("import consents said.csv")[0] == 0
        start, end = "2026-03-10T06:00+00:00", "2026-03-10T20:00+00:00"
        assert said(f"run --from {start} --until {end}")[0] == 0
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A copy of it of one's own; an empty one for the page that fills it."""
    home = tmp_path / "home"
    page = request.getfixturevalue("page")
    kept = shutil.ignore_patterns("var") if page == "docs/importing.md" else None
    shutil.copytree(made, home, ignore=kept)
    for example in examples():
        if example.page == page and example.title:
            (home / example.title).parent.mkdir(parents=True, exist_ok=True)
            (home / example.title).write_text(example.text, "utf-8")
    monkeypatch.chdir(home)
    monkeypatch.setenv("TZ", "Europe/Stockholm")
    with time_machine.travel(TODAY, tick=False):
        yield home


def said(line: str) -> tuple[int, str]:
    """A command's exit code, and what it prints."""
    words = shlex.split(line.removeprefix(".venv/bin/").removeprefix("cadence "))
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(words)
    code = ended.value.code
    return code if isinstance(code, int) else 0, out.getvalue() + told.getvalue() * (code not in (0, None))


def shown(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what it is shown to print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command.partition("  #")[0].strip(), printed


def matches(expected: str, came: str) -> bool:
    """Line by line, the space at the end of lines aside; `...` stands for anything, alone for any lines or none."""
    pattern = "".join(r"(?s:.*)" if line.strip() == "..." else _line(line) for line in expected.splitlines())
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in came.strip("\n").splitlines())) is not None


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"


@pytest.mark.parametrize("page", sorted({e.page for e in examples() if e.language == "console"}))
def test_commands_that_are_shown_say_what_is_shown(page: str, home: Path) -> None:
    for example in examples():
        if example.page != page or example.language != "console":
            continue
        for command, printed in shown(example.text):
            _, came = said(command)
            assert matches(printed, came), f"{example}\n$ {command}\n--- shown\n{printed}--- came\n{came}"


def test_every_block_has_a_language_that_is_tried() -> None:
    odd = [str(e) for e in examples() if e.language not in LANGUAGES]
    assert odd == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    broken = []
    for path, anchor in _LINK.findall(text):
        target = (PROJECT / page).parent / path if path else PROJECT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    """What can be linked to in a page: its headings, as they are made into anchors."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_the_reference_tells_of_every_comparison_and_every_name_that_is_known() -> None:
    page = (PROJECT / "docs/policy-reference.md").read_text("utf-8")
    lacking = [w for w in (*COMPARISONS, *INSTANT_NAMES, *PLACE_NAMES, "orders", "spend") if f"`{w}`" not in page]
    assert lacking == []


def test_every_command_that_a_page_names_is_one() -> None:
    named = {w for p in PAGES for w in re.findall(r"`cadence ([a-z]+)", (PROJECT / p).read_text("utf-8"))}
    assert named - set(COMMANDS) == set()


def test_the_readme_has_the_two_commands_word_by_word() -> None:
    readme = (PROJECT / "README.md").read_text("utf-8")
    assert "```\nmake run\n```" in readme
    assert "```\nmake test\n```" in readme


def test_the_readme_shows_the_demonstration_in_its_own_words() -> None:
    """The numbers change with the day it is run; its headings and sentences are those that the program has."""
    readme = (PROJECT / "README.md").read_text("utf-8")
    program = (PROJECT / "cadence/cli/demo.py").read_text("utf-8")
    for words in ("What became of the messages", "Why others had to wait, or will not go", "times it held a message",
                  "messages it stopped", "The most messages that anyone got in seven days", "all promises kept"):  # fmt: skip
        assert words in readme
        assert words in program
