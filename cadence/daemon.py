"""What runs when: the daemon's jobs, on the real clock's drum or in a loop on a virtual one, and how it starts,
reloads and ends.

It ties together what it is given (database, clock, policy files, ways out, planner, writers of letters); what a job
does is that job's own business.
"""

from __future__ import annotations

import gc
import json
import math
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from cadence.clock import Clock, RealClock, VirtualClock, passed_micros
from cadence.drum import beating
from cadence.facts import DAY, HOUR, SECOND, instant
from cadence.log import logger, mask
from cadence.policy.policy import Policy
from cadence.providers.provider import shown
from cadence.queue import again, leases, outlets, rescue
from cadence.queue.agreement import Agreement, agree_clock, notice_gap, unsettled_gap, unsettled_jump
from cadence.queue.handover import AT_ONCE, LettersFor, hand_over
from cadence.queue.outlets import Outlet
from cadence.queue.patience import Patience, at_once_again
from cadence.queue.refresh import refresh_segments
from cadence.queue.reload import PolicyFiles, PolicyInUse
from cadence.queue.tick import tick
from cadence.queue.work import BATCH, HAND_OVER_WITHIN, Work
from cadence.store import Store, StoreUnavailable, status
from cadence.store import round as rows_of
from cadence.store.prune import whose_turn

__all__ = ["Daemon", "Jobs", "Options", "Pace", "Report", "agree_clock", "unsettled_jump"]

_log = logger("daemon")
T = TypeVar("T")

POLICY_REFUSED = "policy_refused"
"""Among what a daemon did last, as its row tells it: why it took in no changed policy."""
CAMPAIGNS = "campaigns"
"""Likewise: the hash of the campaigns that it goes by."""
CAMPAIGNS_BROKEN = "campaigns_broken"
"""Likewise: what is wrong with campaigns that it can't take in as they are."""
FAILING = "failing"
"""Likewise: the jobs whose last turn failed, each with why."""
MOST_ROUNDS: int = 10_000
"""Ticks and hand-overs in a row at one instant, before the daemon goes on to its other jobs."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each job runs, in seconds: by the real clock, and on a virtual one by that."""

    tick: float = 5.0
    send: float = 1.0
    plan: float = 15.0
    mailbox: float = 30.0
    reload: float = 5.0
    refresh: float = 3600.0
    housekeeping: float = 3600.0


@dataclass(frozen=True, slots=True)
class Jobs:
    """What others do when it is time; each may be missing."""

    letters_for: LettersFor
    _: KW_ONLY
    lacks: Callable[[str], str | None] = lambda campaign: None
    """Why a campaign's letters can't be written now."""
    plan: Callable[[Policy, int], int | None] | None = None
    """Accepts the messages of campaigns that are due; returns when the next is."""
    campaigns: Callable[[], Mapping[str, str]] = dict
    """What the daemon's row tells of them."""
    mailbox: Callable[[int], int] | None = None
    """Reads what came back by mail; returns how many mails there were."""
    housekeeping: Callable[[int, Sequence[int]], object] | None = None
    """Removes what has been kept long enough from these shards."""


@dataclass(frozen=True, slots=True)
class Options:
    """How this daemon runs."""

    shadow: bool = False
    once: bool = False
    until: int | None = None
    """On a virtual clock: where it ends; what is due at that very instant is still done."""
    batch: int = BATCH
    hand_over_within: int = HAND_OVER_WITHIN
    lease: int = leases.LEASE
    ask_again_rate: int = 50_000
    """Waiting messages asked again each minute after a new policy."""
    pace: Pace = Pace()


@dataclass(frozen=True, slots=True)
class Report:
    """What one job just did: for a live view."""

    job: str
    now: int
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    next_due: int | None = None


def settle_in() -> None:
    """For a process that only runs a daemon, or an import: what is loaded by now stays for good, so the collector of cyclic
    garbage needn't look at it again, nor at each thousand rows of a batch."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


class Daemon:
    """One daemon. `run` returns when it has been stopped, or has nothing left to do on a virtual clock."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policy: PolicyFiles,
        ways: Mapping[str, Outlet],
        jobs: Jobs,
        options: Options = Options(),
        watch: Callable[[Report], None] = lambda report: None,
    ) -> None:
        """ways: the provider of each channel. watch: hears what each job did, from the job's own thread."""
        self.store, self.clock, self.files, self.ways, self.jobs = store, clock, policy, ways, jobs
        self.options, self._watch = options, watch
        self._lease = leases.Lease(store, options.lease)
        self.me = self._lease.me
        self.totals: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self._policy = PolicyInUse(store, policy, self.me)
        self._stopping, self._reload_asked = threading.Event(), threading.Event()
        self._look_for_dead, self._sending = threading.Event(), threading.Lock()
        self._lost_track = False
        self._asked_under: tuple[str, tuple[int, ...]] | None = None
        self._patience = Patience()
        self._last: dict[str, Any] = {}
        self._failing: dict[str, str] = {}
        self._told_jump = False
        self._agreement = Agreement()
        self._next_plan: int | None = None

    def stop(self) -> None:
        """Finish what is under way, then end. Safe to call from any thread; not from a signal handler, see there."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the policy again soon, changed or not."""
        self._reload_asked.set()

    def run(self, signals: bool = True) -> Counter[str]:
        """Live until stopped; the totals of all it did. signals: take SIGTERM and SIGINT as stop, SIGHUP as reload
        (only in a process's main thread). Raises PolicyError when the policy is broken at start."""
        with self._heeding_signals() if signals else nullcontext():
            try:
                self._start()
                if self.options.once:
                    self._guarded("mailbox", self._mailbox)
                    self._instant()
                elif isinstance(self.clock, VirtualClock):
                    self._live_virtually(self.clock)
                else:
                    self._live()
            finally:
                self._end()
        return self.totals

    @property
    def share(self) -> tuple[int, int]:
        """How many shards it holds, or held when it ended, and how many other daemons were at work."""
        return len(self._lease.shards), len(self._lease.living)

    # -- start and end ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        policy = self.files.read()
        with self.store.read() as conn:
            latest = status.latest_now(conn)
        if latest is not None and isinstance(self.clock, VirtualClock) and latest > self.clock.now():
            _log.warning("the record is ahead of the start; going on from there", at=instant(latest).isoformat())
            self.clock.advance(latest)
        now = self.clock.now()
        gap = notice_gap(self.store, latest, now) if isinstance(self.clock, RealClock) else None
        if gap is not None:
            _log.error(gap.sentence)
        self._policy.use(policy, self.clock.now)
        self._beat()
        for told in leases.unlike(self.store, self._lease.living, policy.hash):
            _log.warning(told)
        _log.info("started", daemon=self.me, policy=policy.hash[:12], shards=len(self._lease.shards), now=_shown(now))

    def _end(self) -> None:
        try:
            leases.leave(self.store, self.me)
        except StoreUnavailable as error:
            _log.warning("the shards could not be given back; they are free once the lease is over", error=str(error))
        _log.info("ended", daemon=self.me, **self.totals)

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        """A handler runs between any two steps of the main thread, also while that holds the lock which `stop` takes: so it only
        puts down what is to be done, and a thread does it."""
        asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        does: dict[int, Callable[[], None]] = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: self.reload,
        }
        heeding = threading.Thread(target=lambda: [act() for act in iter(asked.get, None)], name="signals", daemon=True)
        heeding.start()
        before = {number: signal.signal(number, lambda n, _: asked.put(does[n])) for number in does}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            asked.put(None)
            heeding.join()

    # -- on the real clock ------------------------------------------------------------------------------------------

    def _live(self) -> None:
        """Each job at its interval, a reload that was asked for at once; but first of all who wants out is heard."""
        while not self._guarded("mailbox", self._mailbox):
            pass
        with beating(self._drum(), self._noticed) as keep_time:
            while not self._stopping.wait(1.0):
                keep_time()
                if self._reload_asked.is_set():
                    self._guarded("reload", self._reload)

    def _drum(self) -> list[tuple[str, float, Callable[[], object]]]:
        pace = self.options.pace
        drum: list[tuple[str, float, Callable[[], object]]] = [
            ("heartbeat", min(SECOND, leases.beat_every(self.options.lease) // 2) / SECOND, self._beat_in_time),
            ("tick", pace.tick, self._tick_all),
            ("send", pace.send, self._send_all),
            ("reload", pace.reload, self._reload),
            ("refresh", pace.refresh, self._refresh),
        ]
        if self.jobs.plan is not None:
            drum.append(("plan", pace.plan, self._plan))
        if self.jobs.mailbox is not None:
            drum.append(("mailbox", pace.mailbox, self._mailbox))
        if self.jobs.housekeeping is not None:
            drum.append(("housekeeping", pace.housekeeping, partial(self._housekeeping, whose_turn)))
        return [(name, seconds, partial(self._guarded, name, job)) for name, seconds, job in drum]

    def _noticed(self, job: str, problem: str) -> None:
        self.problems[f"{job}: {problem}"] += 1

    def _guarded(self, name: str, job: Callable[[], object]) -> bool:
        """Run a job so that its trouble stays its own: a database that is away is waited for, all else is told and
        counted. False: the database was away, and the job is still to be done."""
        if self._stopping.is_set():
            return True
        try:
            at_once_again(job)
            self._failing.pop(name, None)
            self._patience.over(name)
        except StoreUnavailable as error:
            self._wait_for_store(name, error)
            return False
        except Exception as error:  # noqa: BLE001 - one job's fault must not end the daemon
            self.problems[name] += 1
            self._failing[name] = shown(mask(f"{type(error).__name__}: {error}"))
            _log.exception("a job failed; it runs again at its next turn", job=name, error=self._failing[name])
        return True

    def _wait_for_store(self, name: str, error: StoreUnavailable) -> bool:
        """Say so, and wait: longer each time, never when stopping. True: try again."""
        self.problems["database away"] += 1
        # Others must hear of this daemon as soon as it can speak again, before anything else is done.
        longest = leases.beat_every(self.options.lease) / SECOND if name == "heartbeat" else math.inf
        return not self._stopping.wait(self._patience.pause(name, error, longest))

    # -- on a virtual clock -----------------------------------------------------------------------------------------

    def _live_virtually(self, clock: VirtualClock) -> None:
        """The same jobs from a loop: time stands still while they run, then jumps to the next thing due."""
        jobs = {"refresh": (DAY, self._refresh), "mailbox": (HOUR, self._mailbox)}
        jobs["housekeeping"] = (7 * DAY, self._housekeeping)
        due = dict.fromkeys(jobs, clock.now())
        upcoming: int | None = clock.now()
        end = self.options.until
        clock.wait = self._stopping.wait
        while not self._stopping.is_set():
            now, before = clock.now(), self.totals.total()
            for name in [n for n, at in due.items() if at <= now]:
                if self._guarded(name, jobs[name][1]):
                    due[name] = now + jobs[name][0]
            if (upcoming is not None and upcoming <= now) or self.totals.total() != before:
                upcoming = self._patiently(partial(self._next_due, now)) if self._instant() else now
            if (upcoming is not None and upcoming <= now) or min(due.values()) <= now:
                continue  # the database was away: the clock stands still until all of this instant is done
            if end is not None and (upcoming is None or upcoming > end) and min(due.values()) >= end:
                clock.advance(end)
                break
            if end is None and upcoming is None:
                break
            clock.advance(max(min(at for at in (upcoming, *due.values()) if at is not None), now + 1))

    def _instant(self) -> bool:
        """Everything that is due at this instant: plan, ask again, decide, hand over, until nothing moves. False: the
        database was away, or so slow that others may have taken this daemon for dead, and not all of it is done."""
        done = self._guarded("reload", self._reload)
        done &= self._guarded("heartbeat", self._beat_in_time)
        if self.jobs.plan is not None and (self._next_plan is None or self._next_plan <= self.clock.now()):
            done &= self._guarded("plan", self._plan)
        done &= self._guarded("tick", self._saw_now)
        for _ in range(MOST_ROUNDS):
            before = self.totals.total()
            done &= self._guarded("tick", self._tick_all)
            done &= self._guarded("heartbeat", self._beat_in_time)
            done &= self._guarded("send", self._send_all)
            if self.totals.total() == before or self._stopping.is_set() or not self._patiently(self._more_due):
                break
        return done and self._lease.unbroken()()

    def _patiently(self, question: Callable[[], T]) -> T | None:
        """The answer to a question to the database, waiting for it as long as it is away; None when stopped meanwhile."""
        while True:
            try:
                return question()
            except StoreUnavailable as error:
                if not self._wait_for_store("tick", error):
                    return None

    def _more_due(self) -> bool:
        """Whether anything is due still, now or since before: a provider that was left alone takes one to begin with."""
        with self.store.read() as conn:
            found = rows_of.next_after(conn, self._lease.shards, 0)
        return found is not None and found <= self.clock.now()

    def _next_due(self, now: int) -> int | None:
        """The next instant after `now` at which anything is due by itself."""
        with self.store.read() as conn:
            found = [rows_of.next_after(conn, self._lease.shards, now), self._next_plan]
            found += [at for o in self.ways.values() if (at := outlets.opens_at(conn, o, now)) > now]
        return min((at for at in found if at is not None and at > now), default=None)

    # -- the jobs ---------------------------------------------------------------------------------------------------

    def _work(self) -> Work | None:
        """This daemon's share of the queue as of now; None while the clock isn't to be trusted."""
        now = self.clock.now()
        if (jump := self.clock.jump) is not None:
            if not self._told_jump:
                _log.error(jump.sentence)
            self._told_jump = True
            return None
        self._told_jump = False
        return Work(
            self.store, self.me, self._policy.active, self.ways, self._lease.shards, now, self.options.shadow,
            self.options.batch, self.options.hand_over_within, self._lease.alone_here, self._lease.unbroken(),
            self.jobs.lacks, self.clock.now,
        )  # fmt: skip

    def _tick_all(self) -> None:
        """Ask again what time and policy changed, then decide all that is due and can be taken."""
        for _ in range(MOST_ROUNDS):
            started = passed_micros()
            work = self._work()
            if work is None or not work.shards:
                return
            asked = self._ask_again(work)
            counts = tick(work)
            if counts or asked:
                self._report("tick", work.now, counts + Counter({"asked": asked}), started)
            # Few don't mean that no more is due: a provider may have had little room.
            if not counts or self._stopping.is_set():
                return

    def _ask_again(self, work: Work) -> int:
        """What time changed, and, when the policy or the shards are new, all that waits there."""
        asked, place = again.because_of_time(work), (work.active.policy.hash, work.shards)
        if place != self._asked_under:
            asked += again.because_of_policy(work, self.options.ask_again_rate // 60)
            self._asked_under = place
        return asked

    def _send_all(self) -> None:
        """Settle what the dead left, then hand over all that is decided and can be taken."""
        if not self._sending.acquire(blocking=False):
            return
        try:
            for _ in range(MOST_ROUNDS):
                started = passed_micros()
                work = self._work()
                if work is None or work.shadow:
                    return
                counts: Counter[str] = Counter()
                if self._lost_track:
                    counts += rescue.recover(work)
                    self._lost_track = False
                if not work.shards:
                    return
                if self._look_for_dead.is_set():
                    self._look_for_dead.clear()
                    living = self._lease.living
                    counts += rescue.rescue(work, living) + rescue.settle(work, living)
                counts += hand_over(work, self.jobs.letters_for, partial(self._wait_for_store, "send"))
                if counts:
                    self._report("send", work.now, counts, started)
                if counts.total() < AT_ONCE or self._stopping.is_set():
                    return
        except Exception:
            self._lost_track = True  # what it recorded as `sending`, and perhaps never heard of, is its own to settle
            self._look_for_dead.set()
            raise
        finally:
            self._sending.release()

    def _plan(self) -> None:
        started, work = passed_micros(), self._work()
        if work is not None and self.jobs.plan is not None:
            self._next_plan = self.jobs.plan(work.active.policy, work.now)
            self._report("plan", work.now, {}, started)

    def _refresh(self) -> None:
        started, work = passed_micros(), self._work()
        if work is not None:
            moved = refresh_segments(self.store, work.active, work.now)
            self._report("refresh", work.now, {"segments_changed": moved}, started)

    def _mailbox(self) -> None:
        """Read all that came back, also while the clock isn't to be trusted: a stop counts whatever the time is."""
        while self.jobs.mailbox is not None and not self._stopping.is_set():
            started, now = passed_micros(), self.clock.now()
            if not (mails := self.jobs.mailbox(now)):
                return
            self._report("mailbox", now, {"mails": mails}, started)

    def _housekeeping(self, which: Callable[[Sequence[int], int], Sequence[int]] = lambda shards, _: shards) -> None:
        started, work = passed_micros(), self._work()
        if work is not None and self.jobs.housekeeping is not None and unsettled_gap(self.store) is None:
            self.jobs.housekeeping(work.now, which(work.shards, work.now))
            self._report("housekeeping", work.now, {}, started)

    def _reload(self) -> None:
        """A good new policy is stored, swapped in, and all that waits is asked again; a broken one is refused, the
        old stays."""
        forced = self._reload_asked.is_set()
        self._reload_asked.clear()
        if self._policy.renew(self.clock.now, forced):
            self.problems["policy refused"] += 1

    def _beat_in_time(self) -> None:
        if self._lease.due():
            self._beat()

    def _beat(self) -> None:
        """A sign of life, leases, and what admins agreed to."""
        told = {**self._last, **self.jobs.campaigns()}
        if self._policy.refused is not None:
            told[POLICY_REFUSED] = self._policy.refused
        lasting = {job: shown(mask(why)) for job, why in self._patience.lasting().items() if job != "heartbeat"}
        if failing := {**lasting, **self._failing}:
            told[FAILING] = failing
        self._lease.renew(self.clock.now(), self._policy.active.policy.hash, json.dumps(told or None))
        self._look_for_dead.set()
        if isinstance(self.clock, RealClock) and self._agreement.settle(self.store, self.clock):
            _log.warning("an admin agreed to the clock; deciding goes on", now=_shown(self.clock.now()))
        if self.clock.jump is None:
            self._saw_now()

    def _saw_now(self) -> None:
        with self.store.write() as conn:
            status.saw_now(conn, self.clock.now())

    def _report(self, job: str, now: int, counts: Mapping[str, int], started: int) -> None:
        """One line in the log, the totals, and the live view."""
        seconds = round((passed_micros() - started) / SECOND, 4)
        told = {name: n for name, n in counts.items() if n}
        self.totals.update(told)
        line = {"now": _shown(now), **told, "seconds": seconds}
        if job in ("tick", "send"):
            self._last = {"job": job, **line}
        tell = _log.info if told else _log.debug
        tell(job, **line)
        self._watch(Report(job, now, told, seconds))


def _shown(now: int) -> str:
    return instant(now).isoformat(timespec="seconds")
