"""The rule `caps`: fewer than so many counted touches lie in a window, with slots kept free for categories that
matter more.

Which touches are counted is the view's work (filters, `counts`, `each`, `across`); when one leaves a window is the
calendar's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from cadence.calendar import Window, WindowField, WindowKind, window_frees_at
from cadence.facts import NEVER, NONE, Bools, Ints, Push
from cadence.rules.evidence import Behind
from cadence.rules.rule import Category, Count, Remarks, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.view import View

KIND = "caps"
ALWAYS_ON = False
MARKETING_ONLY = False
RELEASABLE = True
COUNTS_ACROSS = True
INHERITS = False


class Keys(Base):
    """How many touches, in which window, and what is kept free."""

    max: Annotated[Count, Stricter.LESS]
    """So many touches may lie in the window, at least 1."""
    per: Annotated[WindowField, Stricter.MORE]
    """The window: `7d` (rolling), `7 local days`, `calendar month` or `ever`."""
    reserve: Annotated[Mapping[str, Count], Stricter.MORE] = {}
    """By category, how many of the slots are kept free for it."""

    @property
    def spacing(self) -> int:
        """A window holds `max` at the most."""
        window = self.per.mean_micros()
        return NEVER if window is None else window // self.max

    def default_name(self) -> str:
        """`4 per 7d`."""
        return f"{self.max} per {self.per.text}"

    def problems(self, categories: Mapping[str, Category], rule: Rule | None = None) -> Remarks:
        """Reserves for unknown categories, and reserves that leave no slot for the others."""
        known = sorted(c.name for c in {c.name: c for c in categories.values()}.values())
        found: Remarks = [
            (
                ("reserve", name),
                f"reserve names the category {name!r}, which the policy doesn't have; {_allowed(name, known)}",
            )
            for name in self.reserve
            if not any(name == c.name or name in c.was for c in categories.values())
        ]
        if (kept := sum(self.reserve.values())) >= self.max:
            sentence = (
                f"the reserves sum to {kept} of max {self.max}, which leaves no slot for the others; "
                "reserve less, or give a larger max"
            )
            found.append((("reserve",), sentence))
        return found

    def touch_reach(self) -> int | None:
        """As far back as its window lasts at the most."""
        return self.per.reach_micros()


def _allowed(word: str, known: Sequence[str]) -> str:
    """The nearest right word, and all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"{f'did you mean {near[0]}? ' if near else ''}allowed are {', '.join(known) or 'none'}"


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When the touch that fills the last slot leaves the window, or t itself where a slot is free."""
    return np.maximum(t, freed(_filling(rule, view, rows), rule.keys.per, view, rows))


def freed(at: Ints, window: Window, view: View, rows: Ints) -> Ints:
    """When touches at `at` leave the window of these candidates' contacts; NONE (no such touch) stays before
    everything."""
    if window.kind is WindowKind.ROLLING and (not len(at) or int(at.max()) < NEVER - 2 * window.micros):
        return at + window.micros
    return window_frees_at(at, window, view.zone[rows])


def _filling(rule: Rule, view: View, rows: Ints) -> Ints:
    """The instant of the touch that must leave the window before the message is welcome; NONE where there is none."""
    runs = view.counted(rule)
    if not rule.keys.reserve:
        return runs.most_recent(rows, rule.keys.max)
    reserve = {name: int(slots) for name, slots in view.by_category(rule.keys.reserve).items()}
    return _filling_beside(reserve, rule.keys.max, view, rule, rows)


def _filling_beside(reserve: Mapping[int, int], most: int, view: View, rule: Rule, rows: Ints) -> Ints:
    """The same where slots are kept free.

    A reserved category with n touches takes max(n, r) = r + max(0, n - r) slots of the others'. So for a message of
    another category r slots are gone, and the r most recent touches of the reserved one count no more. The window is
    a stretch up to t, so this holds at every t alike: the message is welcome when the (max - sum of r)-th most
    recent of the touches that still count leaves it. It lies among the `max` most recent of all."""
    runs = view.counted(rule)
    touch_category = view.current(view.touches, "category")
    category = view.current(view.candidates, "category")[rows]
    free = np.full(len(rows), most, np.int64)
    kept = {}
    for name, slots in reserve.items():
        kept[name] = np.where(category == name, 0, slots)
        free -= kept[name]
    found = np.full(len(rows), NONE, np.int64)
    left = np.flatnonzero(runs.most_recent(rows, np.maximum(free, 1)) != NONE)
    for nth in range(1, most + 1):
        place = runs.end[rows[left]] - nth
        there = place >= runs.begin[rows[left]]
        left, place = left[there], place[there]
        if not len(left):
            break
        counts = _not_kept(touch_category[runs.touch[place]], kept, left)
        free[left[counts]] -= 1
        last = counts & (free[left] == 0)
        found[left[last]] = runs.at[place[last]]
        left = left[~last]
    return found


def _not_kept(category: Ints, kept: dict[int, Ints], rows: Ints) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which touches (one for each row) still count; each of the others uses up one of its row's kept slots."""
    counts = np.ones(len(rows), bool)
    for name, slots in kept.items():
        taken = (category == name) & (slots[rows] > 0)
        slots[rows[taken]] -= 1
        counts &= ~taken
    return counts


def in_window(rule: Rule, window: Window, view: View, rows: Ints, t: Ints) -> list[tuple[int, ...]]:
    """For each of these candidates the ids of its counted touches that lie in the window at its t, oldest first."""
    behind, inside = _inside(rule, window, view, rows, t)
    return behind.ids(view, inside)


def _inside(rule: Rule, window: Window, view: View, rows: Ints, t: Ints) -> tuple[Behind, Bools]:
    """The counted touches of these candidates, and which of them lie in the window at its t."""
    behind = Behind(view.counted(rule), rows)
    since = t[behind.slot]
    return behind, freed(np.minimum(behind.at, since), window, view, rows[behind.slot]) > since


def _kept_free(rule: Rule, view: View, rows: Ints, behind: Behind, inside: Bools) -> Ints:
    """How many slots are kept free for other categories than each candidate's, besides those that these have taken."""
    kept = np.zeros(len(rows), np.int64)
    if not rule.keys.reserve:
        return kept
    category = view.current(view.touches, "category")[behind.touch]
    own = view.current(view.candidates, "category")[rows]
    for name, slots in view.by_category(rule.keys.reserve).items():
        taken = np.bincount(behind.slot[inside & (category == name)], minlength=len(rows))
        kept += np.where(own == name, 0, np.maximum(int(slots) - taken, 0))
    return kept


def pushes(rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
    """The touches in the window at t, and the one whose leaving frees a slot."""
    keys = rule.keys
    behind, inside = _inside(rule, keys.per, view, rows, t)
    columns = welcome_at, _kept_free(rule, view, rows, behind, inside), _filling(rule, view, rows)
    told = []
    for touches, answer, kept, frees in zip(
        behind.ids(view, inside), *(column.tolist() for column in columns), strict=True
    ):
        why = "reserved" if len(touches) < keys.max else "full"
        if answer == NEVER:
            why = "ever_reserved" if why == "reserved" else "ever"
        detail = {
            "why": why,
            "max": keys.max,
            "count": len(touches),
            "window": keys.per.text,
            "reserved": kept,
            "frees_from_at": frees,
        }
        told.append(Push(rule.name, KIND, answer, touches, detail))
    return told


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "full": (
            "Messages in {window}: {count}, and this policy allows {max}. The next one is welcome from {welcome_at}, "
            "when the one of {frees_from_at} no longer counts."
        ),
        "reserved": (
            "Messages in {window}: {count} of {max}, and the rest is kept free for something more important "
            "({reserved}). The next one is welcome from {welcome_at}."
        ),
        "ever": "Messages so far: {count}. This policy never allows more than {max}.",
        "ever_reserved": (
            "Messages so far: {count} of {max} that this policy ever allows, and the rest is kept free for something "
            "more important ({reserved})."
        ),
    },
    "sv": {
        "full": (
            "Meddelanden på {window}: {count}, och policyn tillåter {max}. Nästa är välkommet från {welcome_at}, när "
            "det från {frees_from_at} inte längre räknas."
        ),
        "reserved": (
            "Meddelanden på {window}: {count} av {max}, och resten sparas till något viktigare ({reserved}). "
            "Nästa är välkommet från {welcome_at}."
        ),
        "ever": "Meddelanden hittills: {count}. Policyn tillåter aldrig fler än {max}.",
        "ever_reserved": (
            "Meddelanden hittills: {count} av {max} som policyn någonsin tillåter, och resten sparas till något "
            "viktigare ({reserved})."
        ),
    },
    "nb": {
        "full": (
            "Meldinger på {window}: {count}, og reglene tillater {max}. Den neste er velkommen fra {welcome_at}, når "
            "den fra {frees_from_at} ikke lenger teller."
        ),
        "reserved": (
            "Meldinger på {window}: {count} av {max}, og resten holdes av til noe viktigere ({reserved}). Den "
            "neste er velkommen fra {welcome_at}."
        ),
        "ever": "Meldinger så langt: {count}. Reglene tillater aldri flere enn {max}.",
        "ever_reserved": (
            "Meldinger så langt: {count} av {max} som reglene noen gang tillater, og resten holdes av til noe "
            "viktigere ({reserved})."
        ),
    },
    "uk": {
        "full": (
            "Повідомлень за {window}: {count}, а правила дозволяють {max}. Наступне доречне від {welcome_at}, коли "
            "повідомлення від {frees_from_at} перестане враховуватися."
        ),
        "reserved": (
            "Повідомлень за {window}: {count} з {max}, а решту залишено для важливішого ({reserved}). Наступне "
            "доречне від {welcome_at}."
        ),
        "ever": "Повідомлень досі: {count}. Правила ніколи не дозволяють більше ніж {max}.",
        "ever_reserved": (
            "Повідомлень досі: {count} з {max}, що їх узагалі дозволяють правила, а решту залишено для важливішого "
            "({reserved})."
        ),
    },
}

ELSEWHERE = (
    "Braze counts days by the calendar and weeks as rolling, Adobe Journey Optimizer by the calendar in UTC only, "
    "Adobe Campaign over rolling days; what is over the cap is dropped, in Mautic queued, in Customer.io tried again "
    "for a while. Braze alone tells what obeys a cap from what counts towards it. None reserves slots, and none names "
    "the touches that filled the window."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}, follow_up: {consent: none}}
  guard_rails:
    caps:
      - {max: 3, per: 7d, reserve: {follow_up: 1}}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: the third slot is kept for follow-ups
    history:
      - {at: "2026-03-02T12:00+01:00", touch: newsletter}
      - {at: "2026-03-04T12:00+01:00", touch: newsletter}
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-09T12:00+01:00", rule: "3 per 7d"}
  - name: a follow-up takes it
    history:
      - {at: "2026-03-02T12:00+01:00", touch: newsletter}
      - {at: "2026-03-04T12:00+01:00", touch: newsletter}
    message: {category: follow_up}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: send, until: null, rule: null}
"""
