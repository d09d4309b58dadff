"""Messages sent in a round are touches for those after: where they go in among the touches that are there."""

from __future__ import annotations

import numpy as np

from cadence.decide.round import with_touches
from cadence.facts import DAY, HOUR, Touches, key
from tests.rules.columns import at, view

NOW = at("2026-03-10T12:00")


def sent(ages: list[list[int]], messages: list[dict[str, object]]) -> Touches:
    """The touches of contacts who had some so many hours ago, once these messages were sent now."""
    history, *others = (
        [{"at": NOW - h * HOUR, "touch": "promotion", "tags": [f"{h}", "old"]} for h in a] for a in ages
    )
    seen = view(history, now=NOW, circle=[({}, h) for h in others], messages=messages)
    return with_touches(seen.history, seen.candidates, np.arange(len(messages), dtype=np.int64), NOW)


def lines(touches: Touches) -> list[list[float]]:
    """By contact, how many hours ago each touch was."""
    return [((NOW - touches.at[touches.contact == c]) / HOUR).tolist() for c in range(int(touches.contact.max()) + 1)]


def test_it_goes_behind_all_but_those_that_a_wrong_clock_dated_later() -> None:
    messages = [{"category": "newsletter", "contact": c} for c in (2, 0, 1, 3)]
    after = sent([[9, 3, -1, -2, -5], [], [4, 0, -1], [-1, -2]], messages)
    assert lines(after) == [[9, 3, 0, -1, -2, -5], [0], [4, 0, 0, -1], [0, -1, -2]]
    assert after.id[after.contact == 2].tolist()[1:3] == [7, 0]  # the one of now is behind that of the same instant
    assert after.contact.tolist() == sorted(after.contact.tolist())


def test_it_is_what_its_message_was() -> None:
    message = {
        "category": "newsletter", "channel": "sms", "campaign": "spring", "thread": "x", "topic": "hats", "content": "a",
        "address": "+4670", "tags": ["one", "two"],
    }  # fmt: skip
    after = sent([[5], [1, -1]], [{"category": "promotion"}, {**message, "contact": 1, "trigger": NOW - DAY}])
    place = int(np.flatnonzero(after.id == -1)[0])
    words = {
        name: getattr(after, name)[place] for name in ("channel", "category", "campaign", "thread", "topic", "content")
    }
    assert words == {name: key(message[name]) for name in words}
    assert (after.mailbox[place], after.at[place], after.contact[place]) == (key("+4670"), NOW, 1)
    assert after.triggered.tolist() == [False, False, False, True, False]
    tags = [after.tags.values[a:b].tolist() for a, b in zip(after.tags.start[:-1], after.tags.start[1:], strict=True)]
    assert tags == [[key(t) for t in ts] for ts in (["5", "old"], [], ["1", "old"], ["one", "two"], ["-1", "old"])]
