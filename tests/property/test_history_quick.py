"""The quick way of reading histories gives the records of the careful way, whatever the spelling and the cut."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.venues.payloads import cut, history_market

from edgeworth.core.records import PriceBlock, Rejected
from edgeworth.venues.polymarket import history, points, splitter
from edgeworth.venues.polymarket.history import iter_history, read_columns
from edgeworth.venues.polymarket.history_scan import QuickReader
from edgeworth.venues.polymarket.point_blocks import decode_block

START = 1_780_000_000
