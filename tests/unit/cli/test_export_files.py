"""What an export writes: safe CSV, typed Parquet, and files that appear whole or not at all."""

import csv
import errno
import io
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from gateway.cli.finance.export import parquet_file
from gateway.cli.finance.export.csv_file import CsvRows, safe
from gateway.cli.finance.export.target import ExportFailed, replaced
from gateway.core.finance.table import Column, Form, Row

COLUMNS: list[Column[Row]] = [Column(form.value, form, lambda _: None) for form in Form]
AT = datetime(2026, 10, 1, 12, 30, 15, 250, tzinfo=UTC)
ROW: Row = ["a", '{"b": 1}', Decimal("-2"), -3, AT, AT.replace(microsecond=0)]
NOTHING: Row = [None] * len(COLUMNS)


def written(*rows: Row) -> str:
    stream = io.BytesIO()
    sheet = CsvRows(stream, COLUMNS)
    for row in rows:
        sheet.write(row)
    sheet.close()
    return stream.getvalue().decode()


def test_line_breaks_within_a_cell_stay_within_it() -> None:
    """A lone carriage return would end the row, and what follows it could begin with a formula."""
    assert written(["a\r=1\r\nb", *NOTHING[1:]]).splitlines()[1:] == ['"a', "=1", 'b",,,,,']
    assert safe("\r=1") == "'\n=1"


def test_csv_cells_are_texts_that_programs_read_back() -> None:
    """Amounts have decimals and keep their sign, times are ISO 8601 in UTC, nothing is an empty cell."""
    header, row, nothing = written(ROW, NOTHING).splitlines()
    assert header == "text,json,amount,count,moment,second"
    assert row == 'a,"{""b"": 1}",-2.00,-3,2026-10-01T12:30:15.000250Z,2026-10-01T12:30:15Z'
    assert nothing == ",,,,,"


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM(A1)", "\tx", "\n=1", "＝1", "＋1", "－1", "＠x"])
def test_a_text_that_a_spreadsheet_would_calculate_is_disarmed(text: str) -> None:
    """An apostrophe stands before it; other texts are as they are."""
    assert safe(text) == f"'{text}"
    assert safe(f"a{text}") == f"a{text}"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_any_text_survives_csv(texts: list[str]) -> None:
    """Quotes, commas and line breaks included, and no cell begins as a formula does."""
    rows = list(csv.reader(io.StringIO(written(*([text, *NOTHING[1:]] for text in texts)), newline="")))[1:]
    assert [row[0] for row in rows] == [safe(text) for text in texts]
    assert not any(row[0].startswith(("=", "+", "-", "@")) for row in rows)


def test_parquet_has_exact_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decimals with nine places, whole numbers, times in UTC; rows come back in their order, out of several groups."""
    monkeypatch.setattr(parquet_file, "GROUP_ROWS", 2)
    path = tmp_path / "sheet.parquet"
    with path.open("wb") as stream:
        sheet = parquet_file.ParquetRows(stream, COLUMNS)
        for number in range(5):
            sheet.write([str(number), *ROW[1:]])
        sheet.write(NOTHING)
        sheet.close()
    with parquet.ParquetFile(path) as file:
        assert file.num_row_groups == 3
        assert [str(field.type) for field in file.schema_arrow] == [
            "string",
            "string",
            "decimal128(38, 9)",
            "int64",
            "timestamp[us, tz=UTC]",
            "timestamp[ms, tz=UTC]",
        ]
        rows = file.read().to_pylist()
    assert [row["text"] for row in rows] == ["0", "1", "2", "3", "4", None]
    assert rows[0] == dict(zip((column.name for column in COLUMNS), ["0", *ROW[1:]], strict=True))
    assert set(rows[5].values()) == {None}


def test_an_empty_sheet_is_a_parquet_file_too(tmp_path: Path) -> None:
    """With its columns and no row."""
    with (tmp_path / "empty.parquet").open("wb") as stream:
        parquet_file.ParquetRows(stream, COLUMNS).close()
    assert parquet.read_table(tmp_path / "empty.parquet").num_rows == 0


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Until then the former one is there; nothing else is left in the folder; its mode is as the user's umask has it."""
    path = tmp_path / "export.csv"
    path.write_text("former")
    with replaced(path) as stream:
        stream.write(b"new")
        assert path.read_text() == "former"
    assert path.read_text() == "new"
    assert [it.name for it in tmp_path.iterdir()] == ["export.csv"]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_failure_leaves_the_former_file(tmp_path: Path) -> None:
    """And no half of a new one beside it."""
    path = tmp_path / "export.csv"
    path.write_text("former")
    with pytest.raises(KeyboardInterrupt), replaced(path) as stream:
        raise KeyboardInterrupt(stream.write(b"half"))
    assert path.read_text() == "former"
    assert [it.name for it in tmp_path.iterdir()] == ["export.csv"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it points to is replaced."""
    (tmp_path / "real.csv").write_text("former")
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    with replaced(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/export.csv", "cannot be written: No such file or directory"),
        ("file/export.csv", "cannot be written: Not a directory"),
        (".", "is a folder. Name a file, or write to standard output with --out -."),
        ("pipe", "is no regular file."),
        ("loop", "cannot be written"),
        ("n" * 300, "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_a_file_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """Clearly, and a device or a pipe is never replaced by a file."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ExportFailed) as failed, replaced(tmp_path / name):
        pass
    assert message in str(failed.value)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """The reason, and that nothing was changed."""
    path = tmp_path / "export.csv"
    with pytest.raises(ExportFailed, match=r"cannot be written: No space left on device\. Nothing was changed"), replaced(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())
