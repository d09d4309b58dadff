"""Importing files: the good rows are in, the bad ones named, the second time changes nothing, and a stop stays a stop."""

# mypy: disable-error-code=no-untyped-def

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import orjson
import pytest

from cadence.doors import files
from cadence.doors.files import FileRefused, import_file
from cadence.store import Store
from cadence.store.bulk import fetch

CONTACTS = "id,email,timezone,consents.email\n1,a@example.com,Europe/Stockholm,newsletter\n2,b@example.com,,\n"
PURCHASES = (
    "contact,at,engagement,amount\n1,2026-02-01,purchase,10\n1,2026-02-01,purchase,10\n2,2026-02-02,purchase,5\n"
)


def test_bad_rows_are_named_by_line_and_column_and_the_good_ones_are_in(shop) -> None:
    report = shop.takes("contacts", CONTACTS + "3,nobody,,\n4,d@example.com,Europe/Stokholm,\n5,e@example.com,,\n")
    assert (report.rows, report.accepted, report.bad) == (5, 3, 2)
    assert [(b.line, b.column) for b in report.bad_rows] == [(4, "email"), (5, "timezone")]
    with Path(report.rejects or "").open(encoding="utf-8", newline="") as file:
        assert [(r["line"], r["column"], r["found"]) for r in csv.DictReader(file)] == [
            ("4", "email", "nobody"),
            ("5", "timezone", "Europe/Stokholm"),
        ]


def test_what_is_no_text_is_a_bad_row_wherever_it_stands(shop) -> None:
    bad = [
        {"id": "\ud800"},
        {"id": "2", "first_name": "a\udfffb"},
        {"id": "3", "household": "\ud83d"},
        {"id": "4", "email": "\ud800@example.com"},
        {"id": "5", "timezone": "\ud800"},
        {"id": "6", "attributes": {"na\ud800me": 1}},
        {"id": "7", "attributes": {"likes": ["tea", {"and": "\x00"}]}},
        {"id": "8", "attributes": {"likes\x00": "tea"}},
        {"id": "9", "\ud800": "tea"},
        {"id": "10", "first_name": "a\x00b"},
    ]
    good = [{"id": "11", "email": "k@example.com", "first_name": "🦀 \\ud800"}]
    report = shop.takes("contacts", "".join(json.dumps(row) + "\n" for row in bad + good), "file.ndjson")
    assert [b.line for b in report.bad_rows] == list(range(1, 11))
    assert report.accepted == 1
    assert "column first_name has the character U+DFFF, which is no text" in report.bad_rows[1].message
    assert Path(report.rejects or "").is_file()


def test_without_bad_rows_there_is_no_file_of_rejects(shop) -> None:
    assert shop.takes("contacts", CONTACTS).rejects is None
    assert not list(shop.folder.glob("*.rejects.csv"))


def test_the_same_files_imported_twice_change_nothing(shop) -> None:
    shop.takes("contacts", CONTACTS)
    assert shop.takes("events", PURCHASES).accepted == 3
    before = shop.rows("SELECT outside_id, orders, spend FROM contact ORDER BY outside_id")
    again = shop.takes("contacts", CONTACTS), shop.takes("events", PURCHASES, "other.csv")
    assert [(r.accepted, r.unchanged) for r in again] == [(0, 2), (0, 3)]
    assert before == [("1", 2, 20.0), ("2", 1, 5.0)]
    assert shop.rows("SELECT outside_id, orders, spend FROM contact ORDER BY outside_id") == before


def test_a_fact_of_a_contact_that_is_not_known_is_a_bad_row(shop) -> None:
    shop.takes("contacts", CONTACTS)
    report = shop.takes("events", PURCHASES + "99,2026-02-02,purchase,5\n")
    assert (report.accepted, report.bad) == (3, 1)
    assert str(report.bad_rows[0]) == (
        "line 5: column contact: is no contact that is known; import contacts first (found '99')"
    )


def test_a_re_import_never_lifts_a_stop_and_says_which_rows_it_kept(shop) -> None:
    shop.takes("contacts", CONTACTS)
    shop.takes("consents", "contact,at,opt_out\n1,2026-02-10,all\n")
    again = shop.takes("contacts", CONTACTS)
    assert (again.kept_stopped, again.kept_lines) == (1, [2])


def test_rows_are_given_in_batches_and_progress_is_told(shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH", 2)
    told: list[tuple[int, int]] = []
    lines = "".join(f"{i},p{i}@example.com\n" for i in range(5))
    report = shop.takes("contacts", "id,email\n" + lines, progress=lambda done, size: told.append((done, size)))
    size = len("id,email\n" + lines)
    assert report.accepted == 5
    assert len(told) == 3
    assert told[-1] == (size, size)


@pytest.mark.parametrize(("source", "says"), [("cadence", "the engine itself"), ("x" * 301, "300 are the most")])
def test_a_source_that_is_our_own_or_too_long_is_refused_before_a_row_is_taken(shop, source: str, says: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=says):
            shop.takes("contacts", CONTACTS, source=source)
    assert shop.rows("SELECT count(*) FROM contact") == [(0,)]


def test_a_file_in_another_encoding_imports_nothing_at_all(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(b"id,email,first_name\n1,a@example.com,Anna\n2,b@example.com,\xc5sa\n")
    with pytest.raises(FileRefused, match="line 3"):
        import_file(store, "contacts", path, now=0)
    with store.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM contact").scalar_one() == 0


def test_a_file_of_rejects_that_cannot_be_written_stops_nothing(shop) -> None:
    (shop.folder / "file.csv.rejects.csv").mkdir()
    report = shop.takes("contacts", CONTACTS + "3,nobody,,\n")
    assert (report.accepted, report.bad, report.rejects) == (2, 1, None)
    assert "can't be written" in str(report.rejects_failed)


def test_contacts_without_a_household_in_parquet_share_none(shop) -> None:
    duckdb = pytest.importorskip("duckdb", reason="the extra 'files' isn't installed")
    path = shop.folder / "people.parquet"
    row = "i::DOUBLE AS id, 'p' || i || '@example.com' AS email, 'nan'::DOUBLE AS household, 'nan'::DOUBLE AS account"
    duckdb.sql(f"COPY (SELECT {row} FROM range(3) t(i)) TO '{path}' (FORMAT parquet)")
    import_file(shop.store, "contacts", path, now=shop.now)
    assert shop.rows("SELECT outside_id, household, account FROM contact ORDER BY outside_id") == [
        ("0", None, None),
        ("1", None, None),
        ("2", None, None),
    ]
    assert shop.rows("SELECT count(DISTINCT circle) FROM contact") == [(3,)]


ODD = "".join(map(chr, random.Random(1).sample(range(0x20000, 0x2A000), 5_000)))
"""As many bytes as a text can have for its characters, and none that a database could save by packing it."""


def cut(length: int) -> str:
    return ODD[:length]


def test_a_row_with_a_key_that_is_too_long_stops_no_other_and_the_longest_is_taken(shop) -> None:
    rows = [(f"{cut(n)}", f"p{n}@example.com", f"h{cut(n - 1)}", f"a{cut(n - 1)}") for n in (300, 301, 5_000)]
    report = shop.takes("contacts", "id,email,household,account\n" + "".join(",".join(r) + "\n" for r in rows))
    assert (report.accepted, [b.line for b in report.bad_rows]) == (1, [3, 3, 3, 4, 4, 4])
    assert {b.column for b in report.bad_rows} == {"id", "household", "account"}
    source = cut(300)
    for kind, what, told in (
        ("touches", "touch", "newsletter"),
        ("events", "open", "true"),
        ("consents", "opt_in", "newsletter"),
    ):
        lines = "".join(f"{cut(300)},2026-02-01T10:00Z,{told},{cut(n)}\n" for n in (300, 301, 5_000))
        report = shop.takes(kind, f"contact,at,{what},id\n{lines}", source=source)
        assert (report.accepted, [b.line for b in report.bad_rows]) == (1, [3, 4])
    lines = "".join(f"{cut(300)},2026-02-01T10:00Z,{cut(n)}\n" for n in (300, 301, 5_000))
    assert shop.takes("events", f"contact,at,hold\n{lines}", source=source).accepted == 1


def test_amounts_are_no_larger_than_what_can_be_summed_up(shop) -> None:
    shop.takes("contacts", CONTACTS)
    for day in (1, 2):
        rows = [
            {"contact": who, "at": f"2026-02-0{day}T10:00Z", "engagement": "purchase", "amount": amount}
            for who, amount in (("1", 10**400), ("1", 1.7e308), ("1", -1e16), ("1", 10**15), ("2", 5))
        ]
        report = shop.takes("events", "".join(json.dumps(row) + "\n" for row in rows), "file.ndjson")
        assert (report.accepted, [b.line for b in report.bad_rows]) == (2, [1, 2, 3])
    assert shop.rows("SELECT spend FROM contact ORDER BY outside_id") == [(2e15,), (10.0,)]


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("'abc'::BLOB", False),
        ("INTERVAL 3 DAY", False),
        ("{'photo': 'x'::BLOB}", False),
        ("[1.5::DECIMAL(4, 2)]", True),
        ("MAP {DATE '2026-01-01': 'x'}", True),
        ("MAP {1: 'x'}", True),
        ("uuid()", True),
        ("TIME '10:00'", True),
        ("'infinity'::TIMESTAMPTZ", True),
        ("170141183460469231731687303715884105727::HUGEINT", True),
        ("'infinity'::DOUBLE", True),
    ],
)
def test_an_attribute_of_any_type_of_parquet_stops_no_other_row(shop, value: str, taken: bool) -> None:
    duckdb = pytest.importorskip("duckdb", reason="the extra 'files' isn't installed")
    path = shop.folder / "people.parquet"
    duckdb.sql(
        f"COPY (SELECT 1 AS id, {value} AS \"attributes.odd\" UNION ALL SELECT 2, NULL) TO '{path}' (FORMAT parquet)"
    )
    report = import_file(shop.store, "contacts", path, now=shop.now)
    assert (report.accepted, report.bad) == ((2, 0) if taken else (1, 1))


def test_what_json_has_too_deep_inside_one_another_is_a_bad_row_wherever_it_stands(shop) -> None:
    depths = (*range(200, 1_000, 50), *range(950, 1_001), 1_100)
    lines = [f'{{"id": "{n}", "attributes": {{"x": {"[" * n + "]" * n}}}}}\n' for n in depths]
    lines += [f'{{"id": {"[" * n + "]" * n}}}\n' for n in depths]
    lines += [f'{{"id": "a{n}", "tags": {"[" * n + "]" * n}}}\n' for n in depths]
    report = shop.takes("contacts", "".join(lines) + '{"id": "good"}\n', "file.ndjson")
    assert report.accepted + report.bad == len(lines) + 1
    with shop.store.read() as conn:
        for (kept,) in fetch(conn, "SELECT attributes FROM contact WHERE attributes IS NOT NULL"):
            assert orjson.loads(kept)
    assert shop.rows("SELECT count(*) FROM contact WHERE outside_id = 'good'") == [(1,)]


def test_touches_come_in_with_their_campaign_and_category(shop) -> None:
    shop.takes("contacts", CONTACTS)
    line = "1,2026-02-01T10:00+01:00,promotion,old,m1\n"
    report = shop.takes("touches", "contact,at,touch,campaign,id\n" + line + line)
    assert (report.accepted, report.unchanged) == (1, 1)
    assert shop.rows("SELECT category, campaign, source_id FROM touch") == [("promotion", "old", "m1")]
