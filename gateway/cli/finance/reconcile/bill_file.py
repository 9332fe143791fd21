"""A provider's file as it was delivered: its hash, what format it has, and its lines."""

import csv
import gzip
import hashlib
import io
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, cast

from gateway.cli.finance.reconcile.mapping import Mapping
from gateway.core.finance.reconciliation.charge import ProviderCharge
from gateway.core.finance.reconciliation.charge_table import AZURE, FOCUS, Columns, columns_of, reader_of
from gateway.core.finance.reconciliation.openai_pages import charges_of_page, pages_of

# A page is read whole; a month of one is some hundred kilobytes.
PAGES_BYTES_MAX = 64 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_NAMES = {AZURE: "azure", FOCUS: "focus"}


class BadFile(Exception):
    """A provider's file cannot be used. Its text says why, where, and what to do."""


@dataclass(slots=True)
class ProviderFile:
    """``sha256`` is that of the bytes as delivered; ``lines`` and ``last`` (no page follows) are known once all was read."""

    path: Path
    sha256: str
    size_bytes: int
    format: str = ""
    lines: int = 0
    last: bool = True
    done_bytes: int = 0
    counts_only: bool = True

    def read(self, mapping: Mapping, *, everywhere: bool) -> Generator[date | ProviderCharge, None, None]:
        """Days that it speaks of, and lines; ``everywhere``: also lines that are not about models. Raises ``BadFile``."""
        try:
            with self.path.open("rb") as raw:
                packed = raw.read(2) == _GZIP
                raw.seek(0)
                stream: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
                first = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
                stream.seek(0)
                found = self._pages(stream) if first in (b"{", b"[") else self._rows(stream, mapping, everywhere)
                for it in found:
                    if isinstance(it, ProviderCharge):
                        self.lines += 1
                        self.counts_only = self.counts_only and it.amount is None
                    self.done_bytes = raw.tell()
                    yield it
        except (OSError, EOFError) as error:
            raise BadFile(f"{self.path} cannot be read: {error}.") from error
        except UnicodeDecodeError as error:
            raise BadFile(f"{self.path} is not UTF-8 text. Save it as CSV in UTF-8.") from error

    def _pages(self, stream: IO[bytes]) -> Iterator[date | ProviderCharge]:
        self.format = "openai"
        content = stream.read(PAGES_BYTES_MAX + 1)
        if len(content) > PAGES_BYTES_MAX:
            raise BadFile(f"{self.path} holds more than {PAGES_BYTES_MAX} bytes of pages. Give each page as a file.")
        text = content.decode("utf-8-sig")
        try:
            for page in pages_of(text):
                self.last = not page.get("has_more")
                yield from charges_of_page(page, self.sha256)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise BadFile(f"{self.path} cannot be used: {what} docs/reconcile.md says how to fetch it.") from error

    def _rows(self, stream: IO[bytes], mapping: Mapping, everywhere: bool) -> Iterator[ProviderCharge]:
        text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        rows = csv.reader(text, delimiter=mapping.delimiter)
        try:
            header = next(rows, [])
            columns = mapping.table() or columns_of(header)
            self.format = _NAMES.get(columns, "csv")
            read = reader_of(_all(columns) if everywhere else columns, header)
            found = (read(row, self.sha256) for row in rows if row)
            yield from (it for it in found if it is not None)
        except (ValueError, csv.Error) as error:
            if isinstance(error, UnicodeDecodeError):
                raise
            raise BadFile(f"{self.path}, line {rows.line_num}: {error}") from error
        finally:
            # Else it would close the stream when it is collected.
            text.detach()


def opened(path: Path) -> ProviderFile:
    """The file with its hash; raises ``BadFile``."""
    try:
        with path.open("rb") as stream:
            return ProviderFile(path, hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}. Name a file that the provider delivered.") from error


def check_whole(files: Sequence[ProviderFile]) -> None:
    """Each file is given once, and of pages, once they were read, also the last. Raises ``BadFile``."""
    if len({it.sha256 for it in files}) < len(files):
        raise BadFile("Two of the files are the same, byte for byte: their lines would count twice. Give each once.")
    pages = [it for it in files if it.format == "openai"]
    if pages and all(not it.last for it in pages):
        raise BadFile('The last page is missing: every one says "has_more": true. Fetch the next ones with page=NEXT_PAGE.')


def _all(columns: Columns) -> Columns:
    return replace(columns, only=("", ""))
