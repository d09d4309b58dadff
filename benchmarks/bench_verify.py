"""How fast the verifier judges a record, and in how much memory: every touch, consent and decision of every circle, after some
ticks on it.

python benchmarks/bench_verify.py [CONTACTS] [sqlite] [postgresql]
"""

from __future__ import annotations

import multiprocessing
import sys

from filled import databases, fill, make
from ticking import peak, work_of
from world import NOW, POLICY, TOUCHES

import cadence
from cadence.audit.verify import verify
from cadence.queue.tick import tick
from cadence.store import Store, policies

TICKS = 3


def judge(url: str) -> tuple[float, int, dict[int, int]]:
    """In a process of its own: seconds, megabytes, and breaches by promise."""
    store = Store.open(url)
    report = verify(store, now=NOW)
    store.close()
    return report.seconds, peak(), dict(report.total)


def main() -> None:
    """Fill, tick, judge. What is due and wasn't asked breaks promise 2 here, since the ticks don't go on to the end."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    kinds = [a for a in sys.argv[1:] if not a.isdigit()] or ["sqlite", "postgresql"]
    with databases(" ".join(kinds)) as places:
        for kind, place in places.items():
            store = make(kind, place, "judged")
            fill(store, n)
            with store.write() as conn:
                policies.use(conn, cadence.policy_of(POLICY).policy, NOW - 1, "bench")
            work = work_of(store, min(5_000, n // 4))
            for _ in range(TICKS):
                tick(work)
            url = store.url.render_as_string(hide_password=False)
            store.close()
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, megabytes, broken = pool.apply(judge, (url,))
            assert not broken.get(1), f"{broken[1]} people were over-contacted"
            assert not broken.get(3), f"{broken[3]} stops were not kept"
            rows = n * (TOUCHES + 6)
            print(
                f"{kind}, {n:,} contacts: {rows:,} rows in {seconds:,.0f} s, {rows / seconds:,.0f} rows/s, {megabytes} MB"
            )


if __name__ == "__main__":
    main()
