"""Recent touches, packed and unpacked: what goes in comes out, for any touches of any circles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import Ragged, Touches
from cadence.store.recent import MOST, pack, unpack

KEYS = st.one_of(st.just(0), st.sampled_from([5, 7, 2**62]), st.integers(1, 2**63 - 1))
COLUMNS = ("contact", "channel", "category", "campaign", "thread", "topic", "content", "mailbox")
TOUCH = st.fixed_dictionaries(
    dict.fromkeys(COLUMNS, KEYS)
    | {
        "at": st.integers(-(2**63) + 1, 2**63 - 1),
        "id": st.integers(1, 2**63 - 1),
        "triggered": st.booleans(),
        "tags": st.lists(KEYS, max_size=4),
    }
)


def columns(circles: list[list[dict[str, object]]]) -> tuple[Touches, np.ndarray]:
    """Touches circle after circle, and where each circle's begin."""
    flat = [t for circle in circles for t in circle]
    made = {name: np.array([t[name] for t in flat], np.int64) for name in (*COLUMNS, "at", "id")}
    touches = Touches(
        **made,
        triggered=np.array([t["triggered"] for t in flat], bool),
        tags=Ragged.of([t["tags"] for t in flat]),  # type: ignore[misc]
    )
    return touches, np.cumsum([0, *(len(c) for c in circles)]).astype(np.int64)


@given(st.lists(st.lists(TOUCH, max_size=6), max_size=5))
def test_what_is_packed_comes_out_again(circles: list[list[dict[str, object]]]) -> None:
    touches, start = columns(circles)
    packed = pack(touches, start)
    assert None not in packed
    found = unpack([p for p in packed if p is not None])
    for name in (*COLUMNS, "at", "id", "triggered"):
        assert getattr(found, name).tolist() == getattr(touches, name).tolist(), name
    assert [found.tags.row(i).tolist() for i in range(len(touches))] == [
        touches.tags.row(i).tolist() for i in range(len(touches))
    ]


def test_a_circle_with_too_many_touches_is_left_out_and_holds_up_no_other() -> None:
    one = dict.fromkeys((*COLUMNS, "at", "id"), 1) | {"triggered": False, "tags": [3]}
    touches, start = columns([[one] * (MOST + 1), [one] * MOST, [], [one | {"tags": [4] * (MOST + 1)}], [one]])
    packed = pack(touches, start)
    assert [p is None for p in packed] == [True, False, False, True, False]
    assert unpack([packed[4]]).at.tolist() == [1]  # type: ignore[list-item]


def test_a_copy_of_another_release_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="this release doesn't know"):
        unpack([b"\x01" + bytes(7)])


def test_a_column_in_which_all_touches_agree_is_written_once() -> None:
    one = dict.fromkeys((*COLUMNS, "at", "id"), 1) | {"triggered": False, "tags": []}
    touches, start = columns([[one | {"at": i, "id": i + 1} for i in range(20)]])
    (packed,) = pack(touches, start)
    assert packed is not None
    assert len(packed) == 8 * (1 + 2 * 20 + 10)
