"""On what the numbers were measured."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, str]:
    """What about this machine matters to them."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores, {len(os.sched_getaffinity(0))} of them used",
        "memory": f"{memory_gb:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
