"""The chain through a ledger: any single change of what was written is found, and said where."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ledger.chain import FAULTS_MAX, Fault, Link, Root, Verification, link, seed

DAY = date(2026, 11, 23)


def chained(count: int, writer: str = "w", start: int = 1) -> list[Link]:
    """So many rows of one writer."""
    tip, rows = seed(writer), []
    for seq in range(start, start + count):
        row = (f"event-{seq}", seq, None, "ü")
        tip = link(tip, row)
        rows.append(Link(seq, f"event-{seq}", writer, tip, row))
    return rows


def root(rows: list[Link], upto: int, before: str = "") -> Root:
    """The root over the first ``upto`` of these rows."""
    last = rows[upto - 1]
    assert last.chain is not None
    return Root(last.writer, DAY, upto, last.seq, last.chain.hex(), before)


def faults(rows: list[Link], *roots: Root, gapless: bool = True) -> list[Fault]:
    verification = Verification(roots, gapless=gapless)
    for row in rows:
        verification.read(row)
    verification.end()
    assert verification.rows == len(rows)
    return verification.faults


def test_what_was_written_is_unbroken() -> None:
    """Of several writers, under roots, and behind rows that were written before there was a chain."""
    rows = chained(6)
    first = root(rows, 2)
    assert faults(rows, first, root(rows, 6, first.digest)) == []
    other = chained(3, "other")
    mixed = [replace(row, seq=seq) for seq, row in enumerate((rows[0], other[0], rows[1], other[1], other[2]), 1)]
    assert faults(mixed) == []
    old = [Link(1, "old", "", None, ("old",)), *chained(2, start=2)]
    verification = Verification((), gapless=True)
    for row in old:
        verification.read(row)
    assert (verification.faults, verification.unchained) == ([], 1)


@given(st.integers(3, 12), st.data())
def test_any_single_change_is_found(count: int, data: st.DataObject) -> None:
    """A row changed, taken out, doubled or swapped with its neighbour; the first fault is at the place or right behind it."""
    rows = chained(count)
    whole = root(rows, count)
    at = data.draw(st.integers(0, count - 2))
    change = data.draw(st.sampled_from(["changed", "removed", "doubled", "swapped"]))
    if change == "changed":
        rows[at] = replace(rows[at], row=(*rows[at].row[:1], 99, None, "ü"))
    elif change == "removed":
        del rows[at]
    elif change == "doubled":
        rows.insert(at, rows[at])
    else:
        rows[at], rows[at + 1] = replace(rows[at + 1], seq=rows[at].seq), replace(rows[at], seq=rows[at + 1].seq)
    found = faults(rows, whole)
    assert found
    assert at + 1 <= found[0].seq <= at + 2


@pytest.mark.parametrize("gapless", [True, False])
def test_a_missing_row_is_counted_where_numbers_have_no_gaps(gapless: bool) -> None:
    """Otherwise it is only known that the chain does not hold."""
    rows = chained(5)
    del rows[1:3]
    (fault,) = faults(rows, gapless=gapless)
    assert (fault.seq, fault.event) == (4, "event-4")
    assert ("2 rows before it are missing" in fault.what) is gapless


def test_a_gap_in_an_unbroken_chain_is_told() -> None:
    """Somebody has renumbered."""
    rows = chained(3)
    rows[2] = replace(rows[2], seq=9)
    (fault,) = faults(rows)
    assert "although the chain holds" in fault.what


def test_a_row_without_a_hash_behind_the_chain_s_begin_was_put_in() -> None:
    """Only rows before it may have none."""
    rows = [*chained(2), Link(3, "forged", "w", None, ("forged",))]
    (fault,) = faults(rows)
    assert (fault.event, "put in afterwards" in fault.what) == ("forged", True)


def test_a_row_without_a_hash_that_is_read_before_the_chain_was_put_in_where_its_number_is_higher() -> None:
    """Where rows come writer by writer, those without one come first; it is told once."""
    rows = [Link(1, "old", "", None, ("old",)), Link(9, "forged", "", None, ("forged",)), *chained(2, start=2)]
    (fault,) = faults(rows, gapless=False)
    assert (fault.event, "put in afterwards" in fault.what) == ("forged", True)


def test_an_end_that_is_cut_off_is_found_by_its_root() -> None:
    """The chain alone cannot know how long it was."""
    rows = chained(5)
    whole = root(rows, 5)
    assert faults(rows[:3]) == []
    (fault,) = faults(rows[:3], whole)
    assert "covers 5 rows of 'w', and there are 3" in fault.what


def test_a_chain_that_was_made_anew_does_not_end_where_its_root_does() -> None:
    """Whoever recomputes every hash cannot recompute the root."""
    whole = root(chained(3), 3)
    forged = chained(2)
    tip = forged[1].chain or b""
    forged.append(Link(3, "event-3", "w", link(tip, ("forged",)), ("forged",)))
    (fault,) = faults(forged, whole)
    assert "root of 2026-11-23" in fault.what


def test_a_root_that_is_missing_is_noticed() -> None:
    """Each names the one before it."""
    rows = chained(6)
    first, second = root(rows, 2), root(rows, 4)
    third = root(rows, 6, second.digest)
    (fault,) = faults(rows, first, third)
    assert "does not follow" in fault.what


def test_faults_are_bounded() -> None:
    """A whole file that is wrong needs no list as long as itself."""
    rows = [replace(row, row=("other",)) for row in chained(FAULTS_MAX + 50)]
    assert len(faults(rows)) == FAULTS_MAX
