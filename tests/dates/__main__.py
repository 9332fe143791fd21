"""`make dates`: the tests on other days than today, such as a year's last. What is said after it goes to pytest.

The programs that tests start see the same day, PostgreSQL and OpenSSL included. Linux with a C compiler only.
"""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLOCK = ROOT / "var" / "clock.so"
# When the tests begin. The first two turn the year and the month while they run.
DATES = (
    datetime(2026, 12, 31, 23, 58, tzinfo=UTC),
    datetime(2027, 1, 31, 23, 59, 40, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2036, 6, 15, 12, tzinfo=UTC),
)


def main(arguments: list[str]) -> int:
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        print("SKIPPED: moving the clock needs Linux and a C compiler (cc)")
        return 0
    CLOCK.parent.mkdir(exist_ok=True)
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", CLOCK, source, "-ldl"], check=True)
    return max([on(date, arguments) for date in DATES])


def on(date: datetime, arguments: list[str]) -> int:
    """The tests on that date; pytest's exit code."""
    print(f"The tests as of {date:%Y-%m-%d %H:%M:%S} UTC", flush=True)
    moved = os.environ | {"LD_PRELOAD": str(CLOCK), "CLOCK_OFFSET_S": str(int(date.timestamp() - time.time()))}
    command = [sys.executable, "-m", "pytest", "-q", "--no-cov", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, env=moved, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
