"""A large history file is imported in bounded memory."""

import subprocess
import sys

import pytest

WRITER = """
import sys
rows = 20_000
with open(sys.argv[1], "w") as file:
    file.write('{"markets": [')
    for m in range(int(sys.argv[2])):
        points = ",".join('{"t":%d,"p":%.3f}' % (1_700_000_000 + 60 * n, 0.2 + ((n // 40 + m) % 500) / 1000) for n in range(rows))
        file.write("," * bool(m) + '{"id":"%d","question":"Will %d?","price_history":[%s]}' % (400_000 + m, m, points))
    file.write("]}")
"""
READER = """
import sys
from pathlib import Path
from edgeworth.collect.importing.pipeline import import_paths
from edgeworth.core.clock import SystemClock
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent
report = import_paths([Path(sys.argv[1])], Home(Path(sys.argv[2])), progress=Silent(), clock=SystemClock())
assert report.adds_up()
# getrusage would tell the parent's peak where that is larger: it survives exec
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(report.totals.stored["price"], peak.split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_200_megabytes_of_history_in_450_megabytes_of_memory(tmp_path):
    path = tmp_path / "history.json"
    subprocess.run([sys.executable, "-c", WRITER, str(path), "400"], check=True)
    assert path.stat().st_size > 200_000_000
    command = [sys.executable, "-c", READER, str(path), str(tmp_path / "home")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    stored, kilobytes = map(int, done.stdout.split())
    assert stored == 8_000_000
    assert kilobytes <= 450 * 1024
