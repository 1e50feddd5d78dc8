"""Kill the bot's process while it trades on a simulated venue: `python -m tests.sim.bot_kills FOLDER KILLS SEED`.

The venue is `edgeworth serve --sandbox` in a process of its own; every life of the bot is the command line itself,
`edgeworth trade run`, forked from a process that has imported everything, one in eight started anew. SIGKILL comes at a
random instant, while it starts as well as while it trades. After each one the account that the venue holds (told by
its control channel) is compared with the journal as found. Some kills follow `trade pause`; some lives trade on paper.
Prints one JSON line: what was killed, how long starts took until ledger and venue agreed, and what was wrong.
"""

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

from edgeworth.app.trading import open_journal
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import load
from edgeworth.core.orders import PreparedOrder
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.store.engines import immutable_uri  # noqa: F401  (see below)
