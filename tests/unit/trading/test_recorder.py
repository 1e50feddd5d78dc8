"""What a run's recording does when it is written, and when it cannot be."""

import resource

import pytest

from edgeworth.core.errors import AccessError
from edgeworth.trading.record import TICKS, Recorder


@pytest.fixture
def small_files():
    """Let no file of this process grow beyond a hundred bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_each_line_is_with_the_system_at_once(tmp_path):
    recorder = Recorder(tmp_path / "run")
    for number in range(3):
        recorder.write(b"%d" % number)
        assert (tmp_path / "run" / TICKS).read_bytes() == b"0\n1\n2\n"[: 2 * number + 2]
    recorder.close()
    recorder.close()
    recorder.write(b"3")
    recorder.close()
    assert (tmp_path / "run" / TICKS).read_bytes() == b"0\n1\n2\n3\n"


def test_nothing_is_kept_without_a_folder():
    recorder = Recorder(None)
    recorder.write(b"x")
    recorder.close()


def test_a_line_that_does_not_fit_leaves_nothing_behind(tmp_path, small_files):
    recorder = Recorder(tmp_path / "run")
    recorder.write(b"a" * 59)
    small_files(100)
    with pytest.raises(AccessError) as info:
        recorder.write(b"b" * 59)
    small_files(resource.RLIM_INFINITY)
    assert info.value.code == "disk-full"
    recorder.write(b"c" * 9)
    recorder.close()
    assert (tmp_path / "run" / TICKS).read_bytes() == b"a" * 59 + b"\n" + b"c" * 9 + b"\n"
