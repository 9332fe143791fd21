"""Lets focus-validator 2.2.1 run under Python 3.11: one f-string of it has a backslash inside its braces, which 3.12 allows.

Run by the Makefile with the validator's own Python, after it is installed. Nothing to do in later versions, or a second time.
"""

import sys
import sysconfig
from pathlib import Path

CONVERTER = Path(sysconfig.get_path("purelib"), "focus_validator", "config_objects", "focus_to_duckdb_converter.py")
OLD = r"""f"'{k.replace('\"', '\"\"')}'" for k in ignore_keys"""
NEW = """"'" + k.replace('"', '""') + "'" for k in ignore_keys"""


def main() -> None:
    """Rewrite the one expression."""
    text = CONVERTER.read_text(encoding="utf-8")
    if sys.version_info >= (3, 12) or NEW in text:
        return
    if text.count(OLD) != 1:
        sys.exit(f"{CONVERTER} is not that of focus-validator 2.2.1: see whether this script is still needed.")
    CONVERTER.write_text(text.replace(OLD, NEW), encoding="utf-8")


main()
