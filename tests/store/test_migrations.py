"""Every migration says which older releases its tables serve, or inherits the rule: the release before."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.store import Store, StoreError, migrate


def test_every_migration_says_which_revision_it_serves_and_it_is_no_later_one() -> None:
    scripts = migrate.scripts()
    order = [s.revision for s in scripts]

    told = {s.revision: migrate.serves(s) for s in scripts}

    assert [r for r, s in told.items() if s not in order or order.index(s) > order.index(r)] == []


def test_a_migration_that_says_nothing_serves_the_one_before() -> None:
    told = {s.revision: migrate.serves(s) for s in migrate.scripts()}

    assert (told["0001"], told["0002"]) == ("0001", "0001")


def test_the_one_that_took_a_column_away_in_one_step_does_not_serve_the_one_before() -> None:
    assert {s.revision: migrate.serves(s) for s in migrate.scripts()}["0003"] == "0003"


def test_this_release_s_tables_serve_those_since() -> None:
    assert migrate.served() == "0003"


def test_the_database_of_another_program_that_keeps_revisions_is_refused_in_words(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/theirs.db")
    with store.write() as conn:
        conn.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        conn.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")

    with pytest.raises(StoreError, match="revision theirs, which this release doesn't know"):
        store.migrate()
