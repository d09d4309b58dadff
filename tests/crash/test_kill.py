"""Daemons killed at random moments and at every named point: nobody over the cap, nothing twice, nothing lost."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence.queue.steps import STEPS
from cadence.store import tables
from tests.crash.scenes import judge, scene
from tests.crash.victim import fork, kill, wait

KILLS = 50
"""At random, in each of two set-ups a database; at least half of them, and 24 more at the named points, are made."""


@pytest.mark.parametrize("can_look", [True, False], ids=["provider can look", "provider can't look"])
def test_daemons_killed_at_random_moments(database_url: str, tmp_path: Path, can_look: bool) -> None:
    victims, world = scene(database_url, tmp_path, can_look)
    dice = random.Random(3)
    kills = 0
    while kills < KILLS:
        pid = fork(victims)
        time.sleep(dice.uniform(0.0, 0.07))
        kill(pid)
        if wait(pid) == 0:
            break
        kills += 1

    assert wait(fork(victims)) == 0, (tmp_path / "victim.log").read_text()
    assert kills >= KILLS // 2, f"all was done after {kills} kills: give the victims more to do"

    judge(victims, world, exactly_once=can_look)


@pytest.mark.parametrize("step", STEPS)
def test_daemons_killed_at_each_step(database_url: str, tmp_path: Path, step: str) -> None:
    victims, world = scene(database_url, tmp_path, can_look=False)
    for nth in (1, 2, 3):
        assert wait(fork(victims, f"{step}:{nth}")) == -9

    assert wait(fork(victims)) == 0, (tmp_path / "victim.log").read_text()

    judge(victims, world, exactly_once=False)


def test_two_daemons_at_once_keep_the_caps(database_url: str, tmp_path: Path) -> None:
    victims, world = scene(database_url, tmp_path, can_look=False)
    dice = random.Random(5)
    for _ in range(8):
        pair = [fork(victims), fork(victims)]
        time.sleep(dice.uniform(0.05, 0.3))
        for pid in pair:
            kill(pid)
            wait(pid)

    assert wait(fork(victims)) == 0, (tmp_path / "victim.log").read_text()

    judge(victims, world, exactly_once=False)


def test_a_touch_is_never_without_its_decision(database_url: str, tmp_path: Path) -> None:
    victims, world = scene(database_url, tmp_path, can_look=False)
    assert wait(fork(victims, "written:2")) == -9

    with world.store.read() as conn:
        decided = set(conn.scalars(sa.select(tables.decision.c.id)))
        touched = {int(s) for s in conn.scalars(sa.select(tables.touch.c.source_id))}
    assert touched <= decided
