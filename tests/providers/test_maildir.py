"""The maildir: wholly there or not at all, each message once, and able to say which it has."""

from __future__ import annotations

import mailbox
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cadence.providers import maildir
from cadence.providers.letter import Letter
from cadence.providers.provider import Outcome, Provider

Make = Callable[..., Letter]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the maildir will be."""
    return tmp_path / "deep/below/maildir"


@pytest.fixture
def provider(path: Path) -> Provider:
    """The maildir, opened."""
    return maildir.open(maildir.Settings(path=path))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_any_mail_reader_can_read_it(provider: Provider, path: Path, letter: Make) -> None:
    provider.send([letter(1, subject="Våren"), letter(2)])
    box = mailbox.Maildir(path, create=False)
    assert sorted(str(mail["To"]) for mail in box) == [
        "A Person <person1@example.com>",
        "A Person <person2@example.com>",
    ]


def test_a_mails_time_is_its_decisions(provider: Provider, path: Path, letter: Make) -> None:
    provider.send([letter(1)])
    assert (path / "new/1.cadence").stat().st_mtime == pytest.approx(1_770_000_000, abs=1)


def test_a_message_delivered_before_makes_no_second_mail(provider: Provider, path: Path, letter: Make) -> None:
    provider.send([letter(1)])
    before = (path / "new/1.cadence").stat().st_ino
    (again,) = provider.send([letter(1)])
    assert again.outcome is Outcome.ACCEPTED
    assert (path / "new/1.cadence").stat().st_ino == before


def test_a_mail_that_a_reader_has_opened_makes_no_second_one(provider: Provider, path: Path, letter: Make) -> None:
    provider.send([letter(1)])
    (path / "new/1.cadence").rename(path / "cur/1.cadence:2,RS")
    provider.send([letter(1)])
    assert names(path / "new") == []
    assert provider.settle([1]) == {1: True}


def test_what_a_crash_left_in_tmp_was_not_delivered(provider: Provider, path: Path, letter: Make) -> None:
    provider.send([letter(1)])
    (path / "tmp/2.cadence").write_bytes(b"half a ma")
    assert provider.settle([1, 2]) == {1: True, 2: False}
    provider.send([letter(2)])
    assert provider.settle([2]) == {2: True}
    assert names(path / "tmp") == []


def test_other_files_in_the_maildir_are_no_matter(provider: Provider, path: Path, letter: Make) -> None:
    provider.send([letter(1)])
    for name in ("new/README", "cur/2.cadence.bak", "cur/.hidden"):
        (path / name).write_text("x")
    assert provider.settle([1, 2]) == {1: True, 2: False}


def test_a_maildir_that_is_not_there_settles_nothing(provider: Provider) -> None:
    assert provider.settle([1]) == {}


@pytest.mark.parametrize("folder", ["new", "cur"])
def test_a_maildir_that_lost_a_folder_settles_nothing(
    provider: Provider, path: Path, letter: Make, folder: str
) -> None:
    provider.send([letter(1)])
    (path / folder).rename(path / "elsewhere")
    assert provider.settle([2]) == {}


@pytest.mark.parametrize("folder", ["new", "cur"])
def test_a_maildir_that_cannot_be_read_settles_nothing(
    provider: Provider, path: Path, letter: Make, folder: str
) -> None:
    provider.send([letter(1)])
    (path / folder).rename(path / "elsewhere")
    (path / folder).symlink_to(folder)
    assert provider.settle([2]) == {}


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow above 2,000 bytes, which fails as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_later_and_leaves_nothing_half(provider: Provider, path: Path, letter: Make) -> None:
    receipts = provider.send([letter(1), letter(2, text="x" * 5_000), letter(3)])
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED, Outcome.RETRY, Outcome.ACCEPTED]
    assert receipts[1].whole_provider
    assert (names(path / "tmp"), names(path / "new")) == ([], ["1.cadence", "3.cadence"])


KILLED = """
import os, sys
from pathlib import Path
from cadence.providers import maildir
from cadence.providers.letter import Letter, Mailbox
who = Mailbox("a@b.example")
mime = b"To: a@b.example\\r\\n\\r\\n" + b"x" * 70_000
letters = [Letter(n, n, who, who, "s", f"<{n}@b>", "service", 0, False, mime=mime) for n in range(int(sys.argv[2]))]
print("go", flush=True)
maildir.open(maildir.Settings(path=Path(sys.argv[1]))).send(letters)
"""


def test_killed_at_any_moment_each_mail_is_whole_or_absent(provider: Provider, path: Path) -> None:
    count = 3_000
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path), str(count)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while process.poll() is None and not (path / "new/40.cadence").exists():
        os.sched_yield()
    process.kill()
    process.wait()
    process.stdout.close()
    there = provider.settle(range(count))
    assert there[0]
    assert not there[count - 1]
    sizes = {file.stat().st_size for file in (path / "new").iterdir()}
    assert sizes == {len(b"To: a@b.example\n\n") + 70_000}
