"""A sheet as Parquet, a row group at a time. Imported only where it is asked for: pyarrow is an extra."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]  # it comes without types
from pyarrow import parquet

from gateway.core.finance.table import Cell, Column, Form, Row

GROUP_ROWS = 10_000
_TYPES = {
    Form.TEXT: pa.string(),
    Form.JSON: pa.string(),
    Form.AMOUNT: pa.decimal128(38, 9),
    Form.COUNT: pa.int64(),
    Form.MOMENT: pa.timestamp("us", tz="UTC"),
    Form.SECOND: pa.timestamp("ms", tz="UTC"),
}


class ParquetRows:
    """Writes rows to ``stream``; at most ``GROUP_ROWS`` are held in memory. An amount is a decimal with nine places."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column[Any]]) -> None:
        self._schema = pa.schema([(column.name, _TYPES[column.form]) for column in columns])
        self._writer = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._columns: list[list[Cell]] = [[] for _ in columns]

    def write(self, row: Row) -> None:
        """One row, its cells in the order of the columns."""
        for cells, cell in zip(self._columns, row, strict=True):
            cells.append(cell)
        if len(self._columns[0]) >= GROUP_ROWS:
            self._write_group()

    def close(self, facts: Mapping[str, str] | None = None) -> None:
        """Write what is left and the footer, with ``facts`` in it; ``stream`` stays open."""
        if self._columns[0]:
            self._write_group()
        if facts:
            self._writer.add_key_value_metadata(dict(facts))
        self._writer.close()

    def _write_group(self) -> None:
        arrays = [pa.array(cells, field.type) for cells, field in zip(self._columns, self._schema, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=self._schema))
        for cells in self._columns:
            cells.clear()
