"""How much memory an export takes, and how long: `python -m bench.export_memory --attempts 5000 500000`.

Each ledger is made anew; each export is a process of its own, and its peak is what the kernel counted.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.core.ledger.entry import Entry, Kind
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from tests.contract.ledger_samples import entry
from tests.integration.two_contracts import CONFIGURATION

FORMATS = ("csv", "parquet", "focus-1.2", "focus-1.4")
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = timedelta(days=31)
BATCH = 2_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--attempts", type=int, nargs="+", default=[5_000, 500_000])
    options.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    found = options.parse_args()
    print(f"{'attempts':>10} {'format':<10} {'seconds':>8} {'peak MiB':>9} {'file MiB':>9}")
    for count in found.attempts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = written(folder, count)
            for form in found.formats:
                measure(folder, environment, count, form)


def written(folder: Path, count: int) -> dict[str, str]:
    path, config = folder / "ledger.sqlite", folder / "gateway.yaml"
    config.write_text(json.dumps(CONFIGURATION))
    ledger = SqliteLedger(path, "normal", lambda: datetime.now(UTC))
    ledger.open()
    asyncio.run(fill(ledger, count))
    ledger.close()
    url = "http://127.0.0.1:9/v1"
    providers = {"SIMULATED_OPENAI_URL": url, "SIMULATED_ATLAS_URL": url, "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret"}
    return dict(os.environ) | providers | {"GATEWAY_CONFIG": str(config), "GATEWAY_LEDGER": str(path)}


async def fill(ledger: SqliteLedger, count: int) -> None:
    for start in range(0, count, BATCH):
        await ledger.append(*(made for number in range(start, min(start + BATCH, count)) for made in attempt(number, count)))


def attempt(number: int, count: int) -> Iterator[Entry]:
    begun, request_id = BEGIN + MONTH * number / count, f"req_{number:08}"
    booked = {"contract": ("direct", "reseller")[number % 2], "begun_at": begun}
    yield entry(Kind.RESERVE, request_id, "0.60", at=begun, **booked)
    yield entry(Kind.SETTLE, request_id, "0.05268", at=begun + timedelta(seconds=8), **booked)
    if number % 100 == 0:
        yield entry(Kind.ADJUST, request_id, "-0.001", at=begun + timedelta(days=1), **booked)


def measure(folder: Path, environment: dict[str, str], count: int, form: str) -> None:
    out = folder / "export.out"
    command = [sys.executable, "-m", "gateway", "export", "--format", form, "--month", "2026-10", "--out", str(out)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"gateway export ended with {process.returncode}"
    print(f"{count:>10} {form:<10} {seconds:>8.1f} {usage.ru_maxrss / 1024:>9.1f} {out.stat().st_size / 2**20:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
