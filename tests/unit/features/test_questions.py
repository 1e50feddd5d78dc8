"""Question parsing: invented wordings of every kind, refusals, round trips of generated texts, recorded coverage."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.instants import to_iso
from edgeworth.features.question_dates import parse_clock, parse_date, parse_window
from edgeworth.features.question_numbers import amount, amount_pair
from edgeworth.features.question_types import Direction, Kind, Moment, zone_info
from edgeworth.features.questions import parse_question
from edgeworth.features.taxonomy import classify

MONTHS = [date(2031, month, 1).strftime("%B") for month in range(1, 13)]
COINS = [
    ("Bitcoin", "BTC"),
    ("Ethereum", "ETH"),
    ("Solana", "SOL"),
    ("XRP", "XRP"),
    ("Dogecoin", "DOGE"),
    ("$BTC", "BTC"),
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$100k", 100_000.0), ("$1.5M", 1_500_000.0), ("$62,000", 62_000.0), ("0.25", 0.25), ("$0.0018", 0.0018),
        ("69¢", 0.69), ("$2.5 billion", 2.5e9), ("75", 75.0), ("1,234,567.89", 1_234_567.89), ("$3T", 3e12), ("$.50", 0.5),
        ("62,00", None), ("1,2345", None), ("$", None), ("k", None), ("1.2.3", None), ("-5", None), ("", None),
    ],
)  # fmt: skip
def test_amounts(text, value):
    assert amount(text) == value


def test_a_suffix_given_once_counts_for_both():
    assert amount_pair("60", "70k") == (60_000.0, 70_000.0)
    assert amount_pair("$60k", "$70k") == (60_000.0, 70_000.0)
    assert amount_pair("70", "60") is None
    assert amount_pair("x", "60") is None


def test_touch_up():
    question = parse_question("Will Bitcoin reach $123,000 by December 31, 2031?")
    assert question is not None
    assert (question.kind, question.asset, question.asset_class) == (Kind.TOUCH, "BTC", "crypto")
    assert (question.direction, question.comparator, question.thresholds) == (Direction.UP, ">=", (123_000.0,))
    assert (question.start, question.end) == (None, Moment(2031, 12, 31))
    assert question.measure == "high"


def test_touch_down_in_a_month():
    question = parse_question("Will Ethereum dip to $1,850 in February?", year_hint=2032)
    assert question is not None
    assert (question.direction, question.comparator) == (Direction.DOWN, "<=")
    assert (question.start, question.end, question.period) == (Moment(2032, 2, 1, 0), Moment(2032, 2, None), "month")
    assert to_iso(question.end.instant("ET")) == "2032-03-01T05:00:00Z"


@pytest.mark.parametrize(
    ("text", "direction", "asset", "cls"),
    [
        ("Will Gold (GC) hit (HIGH) $6,100 by end of June?", Direction.UP, "GOLD", "commodity"),
        ("Will WTI Crude Oil (WTI) hit (LOW) $41 in May?", Direction.DOWN, "WTI", "commodity"),
        ("Will S&P 500 (SPX) hit $7,400 (HIGH) in June 2031?", Direction.UP, "SPX", "index"),
        ("Will Norvik Motors, Inc. (NRVK) hit (LOW) $40 in May?", Direction.DOWN, "NRVK", "stock"),
        ("Will Hyperliquid dip below $9 by March 3?", Direction.DOWN, "HYPE", "crypto"),
        ("Will Silver (SI) hit (HIGH) $88 Week of March 9 2031?", Direction.UP, "SILVER", "commodity"),
    ],
)
def test_touches_of_other_assets(text, direction, asset, cls):
    question = parse_question(text)
    assert question is not None
    assert (question.kind, question.direction, question.asset, question.asset_class) == (
        Kind.TOUCH,
        direction,
        asset,
        cls,
    )


@pytest.mark.parametrize(
    ("text", "comparator", "end"),
    [
        ("Will the price of Bitcoin be above $91,500 on May 4?", ">", Moment(2031, 5, 4)),
        ("Will the price of XRP be less than $1.70 on May 4?", "<", Moment(2031, 5, 4)),
        ("Solana above $217 on January 12?", ">", Moment(2031, 1, 12)),
        ("ETH above $2,150 at end of August?", ">", Moment(2031, 8, None)),
        ("Will Bitcoin's price be above $27,700 on June 30th?", ">", Moment(2031, 6, 30)),
        ("Will bitcoin close above $29,600 on September 1, 2029?", ">", Moment(2029, 9, 1)),
        ("Will Bitcoin be worth more than $35,100 on December 31, 2029 at 11:59 PM EST?", ">", Moment(2029, 12, 31, 23, 59, "EST")),
        ("Will Gold (GC) settle at <$3,850 in June?", "<", Moment(2031, 6, None)),
        ("Will Gold close under $2,550 at the end of 2029?", "<", Moment(2029, 12, None)),
    ],
)  # fmt: skip
def test_terminal(text, comparator, end):
    question = parse_question(text, year_hint=2031)
    assert question is not None
    assert (question.kind, question.comparator, question.end) == (Kind.TERMINAL, comparator, end)
    bound = question.low if comparator == ">" else question.high
    assert (bound,) == question.thresholds


def test_range():
    question = parse_question(
        "Will the price of Bitcoin be between $66,500 and $68,500 on May 24?", "Bitcoin price 2031"
    )
    assert question is not None
    assert (question.kind, question.low, question.high, question.edges) == (Kind.RANGE, 66_500.0, 68_500.0, "")
    assert question.end == Moment(2031, 5, 24)


def test_a_range_on_the_final_day_of_a_week():
    text = "Will Microsoft (MSFT) close at $371-$381 on the final day of trading of the week of Mar 9 – Mar 13?"
    question = parse_question(text)
    assert question is not None
    assert (question.asset, question.low, question.high, question.end) == ("MSFT", 371.0, 381.0, Moment(None, 3, 13))


@pytest.mark.parametrize(
    ("text", "start", "end", "period"),
    [
        ("Bitcoin Up or Down - May 4, 3PM ET", Moment(2031, 5, 4, 15, 0, "ET"), Moment(2031, 5, 4, 16, 0, "ET"), "hour"),
        ("Bitcoin Up or Down - May 4, 11PM ET", Moment(2031, 5, 4, 23, 0, "ET"), Moment(2031, 5, 4, 24, 0, "ET"), "hour"),
        ("XRP Up or Down - May 4, 3:45AM-4:00AM ET", Moment(2031, 5, 4, 3, 45, "ET"), Moment(2031, 5, 4, 4, 0, "ET"), "window"),
        ("BNB Up or Down - May 4, 11:55PM-12:00AM ET", Moment(2031, 5, 4, 23, 55, "ET"), Moment(2031, 5, 4, 24, 0, "ET"), "window"),
        ("Ethereum Up or Down on May 4?", None, Moment(2031, 5, 4), "day"),
        ("S&P 500 (SPX) Opens Up or Down on May 5?", None, Moment(2031, 5, 5), "day"),
    ],
)  # fmt: skip
def test_up_or_down(text, start, end, period):
    question = parse_question(text, year_hint=2031)
    assert question is not None
    assert (question.kind, question.start, question.end, question.period) == (Kind.UP_OR_DOWN, start, end, period)
    assert question.measure == ("open" if "Opens" in text else "close")


@pytest.mark.parametrize(
    ("text", "direction"),
    [("Will Bitcoin hit $83k or $107k first?", Direction.DOWN), ("Will Bitcoin hit $107k before $83k?", Direction.UP)],
)
def test_first_of_two(text, direction):
    question = parse_question(text)
    assert question is not None
    assert (question.kind, question.thresholds, question.direction) == (Kind.FIRST_OF, (83_000.0, 107_000.0), direction)


def test_all_time_high_and_ladder():
    high = parse_question("Bitcoin all time high by June 30, 2031?")
    assert high is not None
    assert (high.kind, high.thresholds, high.end) == (Kind.ALL_TIME_HIGH, (), Moment(2031, 6, 30))
    ladder = parse_question("What price will Bitcoin hit in April 2031?")
    assert ladder is not None
    assert (ladder.kind, ladder.asset, ladder.start, ladder.end) == (
        Kind.LADDER,
        "BTC",
        Moment(2031, 4, 1, 0),
        Moment(2031, 4, None),
    )


@pytest.mark.parametrize(
    ("text", "low", "high", "unit", "edges"),
    [
        ("Will the highest temperature in New York City be between 62-63°F on May 4?", 62, 63, "°F", "[]"),
        ("Will the highest temperature in Dallas be 62-63°F on May 4?", 62, 63, "°F", "[]"),
        ("Will the highest temperature in London be 6°C or below on May 4?", None, 6, "°C", "(]"),
        ("Will the highest temperature in Tel Aviv be 36°C or higher on May 4?", 36, None, "°C", "[)"),
        ("Will the highest temperature in Oslo be -4°C on May 4?", -4, -4, "°C", "[]"),
        ("Will the highest temperature in New York City be between -5--4°F on May 4?", -5, -4, "°F", "[]"),
        ("Will the highest temperature in New York City be between -1-0°F on May 4?", -1, 0, "°F", "[]"),
        ("Will Seattle have between 3 and 4 inches of precipitation in May?", 3, 4, "in", ""),
        ("Will NYC have more than 7 inches of precipitation in May?", 7, None, "in", "()"),
        ("Will there be 11-13 inches of snow in D.C. in May?", 11, 13, "in", "[]"),
        ("Will there be 18 or more inches of snow in D.C. in May?", 18, None, "in", "[)"),
        ("Will global temperature increase by between 1.12ºC and 1.16ºC in May 2031?", 1.12, 1.16, "°C", "[]"),
        ("May temperature increase by less than 1.18°C?", None, 1.18, "°C", "()"),
    ],
)  # fmt: skip
def test_measured_amounts(text, low, high, unit, edges):
    question = parse_question(text)
    assert question is not None
    assert (question.kind, question.low, question.high, question.unit, question.edges) == (
        Kind.BUCKET,
        low,
        high,
        unit,
        edges,
    )
    assert question.asset_class == "weather"
    assert question.subject


@pytest.mark.parametrize(
    ("text", "low", "high", "subject"),
    [
        ("Will Elon Musk post 0-19 tweets from May 8 to May 15, 2031?", 0, 19, "elon musk"),
        ("Will Elon Musk post 590+ tweets from May 8 to May 15, 2031?", 590, None, "elon musk"),
        ("Will Elon Musk post <45 tweets from May 8 to May 15, 2031?", None, 45, "elon musk"),
        ("Will Elon Musk post 1290-1329 tweets in May 2031?", 1290, 1329, "elon musk"),
        ("Will Elon tweet 431-455 times Dec 28-Jan 4?", 431, 455, "elon"),
        ("Will Elon tweet 510 or more times Jan 4-Jan 11?", 510, None, "elon"),
        ("Will Elon tweet less than 260 times Jan 4-Jan 11?", None, 260, "elon"),
        ("Will Donald Trump post 85-104 Truth Social posts from May 8 to May 15, 2031?", 85, 104, "donald trump"),
    ],
)
def test_counts_of_posts(text, low, high, subject):
    question = parse_question(text)
    assert question is not None
    assert (question.kind, question.low, question.high, question.subject) == (Kind.COUNT, low, high, subject)
    assert question.start is not None


def test_a_window_over_new_year_turns_the_year():
    question = parse_question("Will Elon tweet 431-455 times Dec 28-Jan 4?", year_hint=2030)
    assert question is not None
    assert (question.start, question.end) == (Moment(2030, 12, 28, 0), Moment(2031, 1, 4))


def test_a_day_before_its_start_belongs_to_the_next_month():
    question = parse_question("Will Bitcoin reach $96,500 January 27-2?", year_hint=2031)
    assert question is not None
    assert (question.start, question.end) == (Moment(2031, 1, 27, 0), Moment(2031, 2, 2))


REFUSED = [
    "Will bitcoin hit $3m before GTA VI?",
    "Will DOGE hit 77¢ by Inauguration Day?",
    "Will Bitcoin reach $107,000 again by May 31?",
    "Will Silver hit 110 or Bitcoin hit 110k first?",
    "Will Bitcoin reach $150,000 or the Fed cut rates by June 30?",
    "Will Bitcoin reach $150,000 by June 31?",
    "Will Bitcoin reach $1,50,000 by June 30?",
    "Will Bitcoin reach by June 30?",
    "Will Bitcoin be above $90,000 in May?",
    "Will Bitcoin close above $90,000 in May?",
    "Will the price of Bitcoin be between $68,000 and $66,000 on March 24?",
    "Will Bitcoin hit $80k or $80k first?",
    "Will Bitcoin dip to $80,000 by Friday?",
    "Will Bitcoin dip to (HIGH) $80,000 by June 3?",
    "Will Bitcoin dip to $0 in May?",
    "Will Bitcoin and Ethereum reach $99,000 by June 3?",
    "Will Bitcoin not reach $99,000 by June 3?",
    "Bitcoin Up or Down - May 4, 13PM ET",
    "Bitcoin Up or Down - May 4, 3PM XYZ",
    "Will Solomon reach $5 by May 4?",
    "Will Jane Norvik (D) reach 40 by May 4?",
    "Will Jane Norvik (D) be above 40 on May 4?",
    "Will the highest temperature in Oslo be 20-18°C on May 4?",
    "Will the highest temperature in Oslo be 20°K on May 4?",
    "Will it be hot in Oslo on May 4?",
    "Will Elon Musk post 19-0 tweets in May 2031?",
    "Will Elon Musk delete tweets in May 2031?",
    "Will Bitcoin have the best performance in 2031?",
    "Lakers vs. Celtics",
    "Will May temperature rise?",
    "",
    "?",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_understood_is_refused(text):
    assert parse_question(text) is None


def test_a_very_long_text_is_refused():
    assert parse_question("Will Bitcoin reach $1 " * 100) is None


def test_the_year_comes_from_text_then_title_then_hint():
    text = "Will Bitcoin reach $99,000 in May?"
    assert parse_question(text).end.year is None
    assert parse_question(text, "What price will Bitcoin hit in May 2032?", 2031).end.year == 2032
    assert parse_question(text, "2031 or 2032?", 2030).end.year == 2030
    assert parse_question("Will Bitcoin reach $99,000 by May 4, 2029?", "In 2032", 2031).end.year == 2029


def test_instants_follow_the_wall_clock_of_the_zone():
    assert to_iso(Moment(2031, 7, 4, 12, 0, "ET").instant()) == "2031-07-04T16:00:00Z"
    assert to_iso(Moment(2031, 1, 4, 12, 0, "ET").instant()) == "2031-01-04T17:00:00Z"
    assert to_iso(Moment(2031, 7, 4, 12, 0, "EST").instant()) == "2031-07-04T17:00:00Z"
    assert to_iso(Moment(2031, 7, 4).instant("UTC")) == "2031-07-05T00:00:00Z"
    assert to_iso(Moment(2028, 2, None).instant("UTC")) == "2028-03-01T00:00:00Z"
    assert Moment(None, 7, 4, 12, 0, "ET").instant() is None
    assert Moment(2031, 7, 4, 12).instant() is None
    assert Moment(2031, 2, 29).instant("UTC") is None
    assert Moment(2031, 7, 4).with_year(2030).year == 2031
    assert zone_info("Europe/Oslo").utcoffset(datetime(2031, 1, 1)) == timedelta(hours=1)  # noqa: DTZ001
    assert zone_info("utc") is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("march 31, 2031", Moment(2031, 3, 31)), ("jan 5", Moment(None, 1, 5)), ("5th january 2031", Moment(2031, 1, 5)),
        ("february 29", Moment(None, 2, 29)), ("february 29, 2031", None), ("june 31", None), ("june 0", None), ("2031", None),
    ],
)  # fmt: skip
def test_dates(text, moment):
    assert parse_date(text) == moment


def test_clocks():
    assert [parse_clock(text) for text in ("12am", "12:30pm", "3 pm", "13pm", "0am", "3:75pm", "x")] == [
        (0, 0), (12, 30), (15, 0), None, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["by march", "on march", "in", "", "march 40-50", "from may 3 to", "before may"])
def test_doubtful_windows(text):
    window = parse_window(text)
    assert window is None or text == "before may"


def test_an_end_before_its_start_in_one_stated_year_is_refused():
    assert parse_question("Will Elon Musk post 0-19 tweets from May 15, 2031 to May 8, 2031?") is None


FIRST, LAST = datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2039-12-31")
days = st.dates(date(2020, 1, 1), date(2039, 12, 31))
cents = st.integers(1, 10**9).map(lambda value: value / 100)


def _spell(value: float) -> str:
    return f"${value:,.2f}" if value != int(value) else f"${int(value):,}"


@given(st.sampled_from(COINS), cents, days, st.sampled_from(["reach", "hit", "dip to"]))
def test_generated_touches_come_back(coin, level, day, verb):
    name, symbol = coin
    question = parse_question(f"Will {name} {verb} {_spell(level)} by {day:%B} {day.day}, {day.year}?")
    assert question is not None
    assert (question.kind, question.asset, question.thresholds) == (Kind.TOUCH, symbol, (level,))
    assert question.direction == (Direction.DOWN if verb == "dip to" else Direction.UP)
    assert question.end == Moment(day.year, day.month, day.day)


@given(st.sampled_from(COINS), cents, cents, days, st.booleans())
def test_generated_ranges_and_levels_come_back(coin, first, second, day, known):
    name, symbol = coin
    low, high = sorted((first, second))
    written = f"{day:%B} {day.day}, {day.year}" if known else f"{day:%B} {day.day}"
    question = parse_question(f"Will the price of {name} be between {_spell(low)} and {_spell(high)} on {written}?")
    if low == high:
        assert question is None
        return
    assert question is not None
    assert (question.asset, question.low, question.high) == (symbol, low, high)
    assert question.end == Moment(day.year if known else None, day.month, day.day)
    above = parse_question(f"Will the price of {name} be above {_spell(low)} on {written}?")
    assert above is not None
    assert above.thresholds == (low,)


@given(
    st.sampled_from(COINS),
    st.datetimes(FIRST, LAST),
    st.sampled_from([5, 15, 60, 240]),
)
def test_generated_windows_come_back(coin, when, minutes):
    start = when.replace(minute=when.minute // 5 * 5, second=0, microsecond=0)
    end = start + timedelta(minutes=minutes)
    spell = f"{start:%B} {start.day}, {start:%-I:%M%p}-{end:%-I:%M%p} ET"
    question = parse_question(f"{coin[0]} Up or Down - {spell}", year_hint=start.year)
    assert question is not None
    assert question.end.instant() - question.start.instant() in {
        minutes * 60_000_000 + shift for shift in (0, 3_600_000_000, -3_600_000_000)
    }
    assert (question.start.hour, question.start.minute) == (start.hour, start.minute)


@given(
    st.integers(-40, 120),
    st.integers(1, 5),
    st.sampled_from("CF"),
    st.sampled_from(["or below", "or higher", "", "-"]),
    days,
)
def test_generated_buckets_come_back(low, width, unit, form, day):
    amount_text = f"between {low}-{low + width}°{unit}" if form == "-" else f"{low}°{unit} {form}".strip()
    question = parse_question(f"Will the highest temperature in Port Norvik be {amount_text} on {day:%B} {day.day}?")
    expected = {"or below": (None, low), "or higher": (low, None), "": (low, low), "-": (low, low + width)}[form]
    assert question is not None
    assert (question.low, question.high) == expected
    assert (question.subject, question.unit) == ("port norvik", f"°{unit}")


@given(st.integers(0, 2000), st.integers(1, 99), days, st.integers(1, 14))
def test_generated_counts_come_back(low, width, day, length):
    end = day + timedelta(days=length)
    text = f"Will Ada Norvik post {low}-{low + width} tweets from {day:%B} {day.day} to {end:%B} {end.day}, {end.year}?"
    question = parse_question(text)
    assert question is not None
    assert (question.low, question.high) == (low, low + width)
    assert question.start == Moment(day.year, day.month, day.day, 0)
    assert question.end == Moment(end.year, end.month, end.day)


PIECES = ["Will", "Bitcoin", "the price of", "reach", "be", "between", "above", "$90,000", "$1.5M", "and", "by", "on", "in", "May 4",
          "May", "2031", "-", "3PM ET", "Up or Down", "first", "or", "°C", "62-63", "(HIGH)", "tweets", "post", ",", "?"]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join) | st.text(max_size=400),
    st.integers(1990, 2100) | st.none(),
)
def test_no_text_raises(text, year):
    question = parse_question(text, text[:40], year)
    if question is not None:
        assert question.thresholds == tuple(sorted(question.thresholds))
        for moment in (question.start, question.end):
            assert moment is None or moment.instant("ET") is None or moment.year is not None


def _recorded_questions(root):
    columns = [
        ("polymarket", name, "question")
        for name in ("catalog_2026_04", "catalog_wom", "resolved_markets", "uma_resolutions")
    ]
    columns += [("polymarket", "outcomes_2026_02_LEAK_TRAP", "question"), ("crypto_short", "predictions", "question")]
    columns += [("fomc", "tokens", "marketTitle"), ("forecastbench", "polymarket_questions", "question")]
    columns += [("halawi_forecasting_test", "questions", "question")]
    found = set()
    for folder, name, column in columns:
        found |= set(pl.read_parquet(root / folder / f"{name}.parquet", columns=[column])[column].drop_nulls())
    for path in sorted((root / "api_fixtures").rglob("gamma*markets*.json.gz")):
        with gzip.open(path) as file:
            found |= {row["question"] for row in json.load(file) if isinstance(row, dict) and row.get("question")}
    return sorted(found)


@pytest.mark.recorded
def test_recorded_questions_parse_without_an_exception(recorded, record_property):
    questions = _recorded_questions(recorded)
    parsed = {question: parse_question(question) for question in questions}
    prices = {"crypto/btc-price", "crypto/btc-updown", "crypto/eth", "crypto/altcoins"}
    crypto = [question for question in questions if classify(question).label in prices]
    share = sum(parsed[question] is not None for question in crypto) / len(crypto)
    record_property("crypto price questions parsed", f"{share:.4f} of {len(crypto)}")
    assert share >= 0.95
    assert all(q is None or q.kind != Kind.TOUCH or len(q.thresholds) == 1 for q in parsed.values())
    weather = [question for question in questions if question.startswith("Will the highest temperature")]
    assert all(parsed[question] is not None for question in weather)
