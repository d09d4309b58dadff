"""The drum of a daemon on the real clock: jobs at their intervals, never one of them twice at once; what was missed is run
once, late. Whether and how a job does what it should is the job's own business."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from cadence.clock import passed_micros, system_micros
from cadence.facts import SECOND, instant
from cadence.log import logger

_log = logger("drum")
_KINDS = {EVENT_JOB_ERROR: "error", EVENT_JOB_MISSED: "missed", EVENT_JOB_MAX_INSTANCES: "still running"}


@contextmanager
def beating(
    jobs: Sequence[tuple[str, float, Callable[[], object]]], noticed: Callable[[str, str], None]
) -> Iterator[Callable[[], None]]:
    """Run jobs, given as (name, seconds between its turns, what to do), in threads of their own until the block is left, and
    wait for those under way then. Gives what is to be called about once a second: it sees that the machine's clock was set
    back, by which the drum beats, and which would be silent until it is there again.

    noticed: hears which job had which problem."""
    scheduler = BackgroundScheduler(
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}, timezone="UTC"
    )

    def hear(event: JobExecutionEvent) -> None:
        noticed(event.job_id, _KINDS.get(event.code, "problem"))

    scheduler.add_listener(hear, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    for name, seconds, job in jobs:
        scheduler.add_job(job, "interval", seconds=seconds, id=name)
    _begin_anew(scheduler)
    scheduler.start()
    ahead = system_micros() - passed_micros()

    def keep_time() -> None:
        nonlocal ahead
        before, ahead = ahead, system_micros() - passed_micros()
        if ahead < before - SECOND:
            _log.warning("the machine's clock was set back", seconds=round((before - ahead) / SECOND))
            _begin_anew(scheduler)

    try:
        yield keep_time
    finally:
        scheduler.shutdown(wait=True)


def _begin_anew(scheduler: BackgroundScheduler) -> None:
    """Each job's next turn is now."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=instant(system_micros()))
