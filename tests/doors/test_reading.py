"""Files row by row: what is broken is named with its line, and costs nothing but itself."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.doors import reading
from cadence.doors.reading import DELIMITERS, FileRefused, Line, Shape, cells_of, open_rows

SHAPE = Shape(("id", "name", "note"), ("id",), ("attributes",))


def rows(path: Path) -> list[Line]:
    return list(open_rows(path, SHAPE).rows)


def written(tmp_path: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_gives_columns_we_know(tmp_path: Path, between: str) -> None:
    path = written(tmp_path, f"id{between}name\n1{between}Öberg\n")
    assert rows(path) == [Line(2, {"id": "1", "name": "Öberg"})]


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path) -> None:
    assert rows(written(tmp_path, b"\xef\xbb\xbfid,name\r\n1,a\r\n")) == [Line(2, {"id": "1", "name": "a"})]


def test_a_quoted_cell_may_reach_over_lines_and_later_lines_keep_their_numbers(tmp_path: Path) -> None:
    found = rows(written(tmp_path, 'id,name\n1,"two\nlines, ""quoted"""\n2,b\n'))
    assert found == [Line(2, {"id": "1", "name": 'two\nlines, "quoted"'}), Line(4, {"id": "2", "name": "b"})]


def test_a_quote_that_is_not_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    first, second, third = rows(written(tmp_path, 'id,name\n1,"open\n2,b\n3,c\n'))
    assert first.number == 2
    assert "quotation mark" in str(first.broken)
    assert [second.cells["id"], third.cells["id"]] == ["2", "3"]


def test_a_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    bad, good = rows(written(tmp_path, "id,name\n1,a,x\n2,b\n"))
    assert bad.broken == "has 3 cells; the header has 2"
    assert good.cells == {"id": "2", "name": "b"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("longer", [0, 1, 2, 2 * reading.LONGEST_LINE])
def test_a_line_that_is_too_long_is_one_bad_row_and_later_lines_keep_their_numbers(
    tmp_path: Path, longer: int, end: str
) -> None:
    long = "9," + "x" * (reading.LONGEST_LINE - 2 + longer) + "2,c"
    bad, good = rows(written(tmp_path, end.join(["id,name", long, "", "1,a", ""])))
    assert (bad.number, bad.broken) == (2, "is a line of more than 1,000,000 characters")
    assert (good.number, good.cells) == (4, {"id": "1", "name": "a"})
    bad, good = rows(written(tmp_path, end.join([f'{{"id": "{long}"}}', "", '{"id": 1}', ""]), "file.ndjson"))
    assert (bad.number, bad.broken) == (1, "is a line of more than 1,000,000 characters")
    assert (good.number, good.cells) == (3, {"id": 1})


@pytest.mark.parametrize("length", [-1, 0, 1, 2])
def test_the_longest_line_is_taken_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 20)
    for end in ("\n", "\r\n"):
        line = "1," + "x" * (20 + length - 2 - len(end))
        first, second = rows(written(tmp_path, f"id,name{end}{line}{end}2,b{end}"))
        assert (first.broken is None) == (length <= 0)
        assert first.cells in ({}, {"id": "1", "name": line[2:]})
        assert (second.number, second.cells["id"]) == (3, "2")


def test_a_quoted_cell_does_not_reach_into_a_line_that_is_too_long(tmp_path: Path) -> None:
    long = "x" * reading.LONGEST_LINE
    first, second, third = rows(written(tmp_path, f'id,name\n"1\n1",{long}\n2,b\n'))
    assert [first.number, second.number, third.number] == [2, 3, 4]
    assert "quotation mark" in str(first.broken)
    assert "1,000,000 characters" in str(second.broken)
    assert third.broken is None


def test_a_header_that_is_too_long_refuses_the_file(tmp_path: Path) -> None:
    header = "id,attributes." + "x" * reading.LONGEST_LINE
    with pytest.raises(FileRefused, match=r"line 1: the header is a line of more than 1,000,000 characters"):
        rows(written(tmp_path, header + "\n"))


def test_a_latin_1_file_is_refused_with_its_line_and_what_to_do(tmp_path: Path) -> None:
    path = written(tmp_path, "id,name\n1,a\n2,Bj\xf6rn\n".encode("latin-1"))
    with pytest.raises(FileRefused, match=r"line 3: byte 5 \(0xf6\) is not UTF-8.*Nothing was imported.*iconv"):
        rows(path)


def test_a_utf_16_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="UTF-16; save it as UTF-8"):
        rows(written(tmp_path, "id,name\n1,a\n".encode("utf-16")))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("name", "column id is missing"),
        ("id,nmae", "column nmae is unknown (did you mean name?). Allowed are"),
        ("id,colour", "an attribute of the contact is called attributes.colour"),
        ("id,name,name", "column name is there twice"),
        ("id,,name", "column 2 has no name"),
    ],
)
def test_wrong_columns_refuse_the_file_and_say_what_is_allowed(tmp_path: Path, header: str, says: str) -> None:
    with pytest.raises(FileRefused) as refused:
        rows(written(tmp_path, header + "\n1,2,3\n"))
    assert says in str(refused.value)
    assert "Allowed are id, name, note, attributes.NAME" in str(refused.value)


def test_an_empty_file_and_another_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="is empty"):
        rows(written(tmp_path, b""))
    with pytest.raises(FileRefused, match=r"files end in \.csv, \.ndjson, \.jsonl, \.parquet; found \.xlsx"):
        rows(written(tmp_path, b"x", "file.xlsx"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="No such file"):
        rows(tmp_path / "none.csv")


def test_ndjson_takes_mappings_apart_and_names_what_is_no_json(tmp_path: Path) -> None:
    lines = '{"id": 1, "attributes": {"colour": "red"}}\n\n{"id": \n[1]\n{"id": 2, "x": NaN}\n{"id": 3, "nmae": "a"}\n'
    one, *bad = rows(written(tmp_path, lines, "file.ndjson"))
    assert one == Line(1, {"id": 1, "attributes.colour": "red"})
    assert [(b.number, str(b.broken).split(";")[0].split(":")[0]) for b in bad] == [
        (3, "is no JSON"),
        (4, "is no JSON object"),
        (5, "is no JSON that can be taken"),
        (6, "column nmae is unknown (did you mean name?)"),
    ]


def test_json_nested_too_deeply_is_a_bad_row(tmp_path: Path) -> None:
    (bad,) = rows(written(tmp_path, "[" * 100_000 + "\n", "file.ndjson"))
    assert bad.broken is not None


def test_nested_json_with_escapes_in_it_is_read_however_deep(tmp_path: Path) -> None:
    deep = "[" * 900 + '"\\ud83e\\udd80"' + "]" * 900
    (line,) = rows(written(tmp_path, f'{{"id": 1, "attributes.x": {deep}}}\n', "file.ndjson"))
    assert line.broken is None


def parquet(path: Path, select: str) -> Path:
    """A Parquet file of what a question gives; its folder is made, and it may have any name."""
    duckdb: Any = pytest.importorskip("duckdb", reason="the extra 'files' isn't installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.parent / "plain"
    duckdb.sql(f"COPY ({select}) TO '{plain}' (FORMAT parquet)")
    return plain.rename(path)


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    path = parquet(tmp_path / "file.parquet", "SELECT 1 AS id, 'a' AS name, {'colour': 'red'} AS attributes")
    assert rows(path) == [Line(1, {"id": 1, "name": "a", "attributes.colour": "red"})]


def test_no_number_in_parquet_says_nothing(tmp_path: Path) -> None:
    select = "SELECT 1 AS id, 'nan'::DOUBLE AS name, {'orders': 'nan'::FLOAT} AS attributes"
    assert rows(parquet(tmp_path / "file.parquet", select)) == [
        Line(1, {"id": 1, "name": None, "attributes.orders": None})
    ]


def test_a_decimal_in_parquet_is_a_number_wherever_it_stands(tmp_path: Path) -> None:
    number = "123456789012345678::DECIMAL(20, 0)"
    select = f"SELECT {number} AS id, 1.50::DECIMAL(9, 2) AS name, {{'sizes': [2.25::DECIMAL(9, 2)]}} AS attributes"
    assert rows(parquet(tmp_path / "file.parquet", select)) == [
        Line(1, {"id": 123456789012345678, "name": 1.5, "attributes.sizes": [2.25]})
    ]


@pytest.mark.parametrize(
    "name",
    [
        "people[1]",
        "people*",
        "p?ople",
        "[p]eople",
        "{a,b}",
        "a b'c",
        "id=7/people",
        "day=2026-03-01/people",
        "pe\\ople",
        "[!p]/**/people",
    ],
)
def test_the_parquet_file_that_was_named_is_read_and_its_name_says_nothing(tmp_path: Path, name: str) -> None:
    for other in ("people1.parquet", "peoples.parquet", "people.parquet"):
        parquet(tmp_path / other, "SELECT 2 AS id")
    assert rows(parquet(tmp_path / f"{name}.parquet", "SELECT 1 AS id")) == [Line(1, {"id": 1})]


def test_a_parquet_file_that_is_none_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="the extra 'files' isn't installed")
    with pytest.raises(FileRefused, match="is no Parquet file"):
        rows(written(tmp_path, b"PAR1 not really", "file.parquet"))


def test_parquet_without_duckdb_says_which_extra_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(FileRefused, match=r"needs the extra 'files'; run: pip install 'cadence\[files\]'"):
        rows(written(tmp_path, b"x", "file.parquet"))


@given(
    st.text("ab \t,;\"\r\x00\u00e4'|", max_size=30),
    st.sampled_from(DELIMITERS),
    st.sampled_from(["", "\n", "\r\n", "\r"]),
)
def test_a_line_without_quotes_is_read_as_pythons_csv_reads_it(text: str, delimiter: str, end: str) -> None:
    try:
        wanted = next(csv.reader([text + end], delimiter=delimiter, strict=True), [])
    except csv.Error:
        wanted = None
    assert cells_of(text + end, delimiter) == wanted
