"""A spool gives back every record that was synced and none that is torn; books and gaps go into the lake once."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.errors import AccessError
from edgeworth.store.lake import Lake
from edgeworth.store.lake_books import BookLake, books_schema, gaps_schema
from edgeworth.store.spool import Spool, read_spool, spools


def filled(folder, records, name="one"):
    spool = Spool(folder, name)
    for record in records:
        spool.add(record)
    spool.sync()
    spool.close()
    return spool.path


def test_what_was_synced_is_read_back_in_order(tmp_path):
    spool = Spool(tmp_path, "a")
    for group in ([b"one", b""], [b"x" * 100_000], []):
        for record in group:
            spool.add(record)
        assert spool.sync() == len(group)
    spool.add(b"never synced")
    spool.close()
    assert list(read_spool(spool.path)) == [b"one", b"", b"x" * 100_000]
    assert spools(tmp_path) == [spool.path]


@given(records=st.lists(st.binary(max_size=40), max_size=6), cut=st.integers(0, 300), flip=st.integers(0, 300))
def test_a_torn_or_damaged_file_ends_at_the_last_whole_record(tmp_path_factory, records, cut, flip):
    path = filled(tmp_path_factory.mktemp("spool"), records)
    data = bytearray(path.read_bytes())
    torn = data[: min(cut, len(data))]
    path.write_bytes(torn)
    found = list(read_spool(path))
    assert found == records[: len(found)]
    assert len(torn) < sum(len(record) + 8 for record in records[: len(found) + 1]) or len(found) == len(records)
    if data:
        at = flip % len(data)
        data[at] ^= 0xFF
        path.write_bytes(data)
        ends = [sum(len(record) + 8 for record in records[: k + 1]) for k in range(len(records))]
        hurt = sum(end <= at for end in ends)
        assert list(read_spool(path))[:hurt] == records[:hurt]
        assert len(list(read_spool(path))) == hurt


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError):
        Spool(tmp_path / "file", "a")


def books(*rows):
    columns = ("market_no", "event_time", "known_at", "tick_e4", "bids_e4", "bids_e6", "asks_e4", "asks_e6")
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows], schema=books_schema())


def test_books_and_gaps_are_stored_once_and_verified(tmp_path):
    lake = BookLake(tmp_path)
    frame = books((2, 10, 20, 100, [5300, 5200], [10, 20], [5400], [7]), (1, 11, 21, 10, [], [], [9990], [5_000_000]))
    assert lake.append_books("s", frame, key="k").stored == 2
    assert lake.append_books("s", frame, key="k").stored == 0
    gap = pl.DataFrame(
        {"market_no": [1], "since": [5], "until": [None], "proven_at": [4], "cause": ["no-data"]}, schema=gaps_schema()
    )
    assert lake.append_gaps("s", gap, key="k").stored == 1
    assert lake.append_gaps("s", gap.clear(), key="other").name == ""
    assert lake.scan_books().collect().equals(frame.sort("market_no"))
    assert lake.scan_books([2]).collect()["bids_e4"].to_list() == [[5300, 5200]]
    assert lake.scan_gaps().collect().equals(gap)
    assert Lake(tmp_path).verify() == []
    part = lake.manifest("books").parts[0]
    (tmp_path / "books" / part.name).write_bytes(b"nonsense")
    assert [problem.code for problem in Lake(tmp_path).verify()] == ["store-corrupt"]
