"""The resolution rules of simulated markets, worded as the venue words them, saying how the world settles them.

Markets on coins state a rule that a reader of rules can check against the path; the others follow hidden quantities,
and say so.
"""

from typing import Final

from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.core.units import MINUTE
from edgeworth.sandbox.kinds import Kind
from edgeworth.sandbox.spot import COINS
from edgeworth.sandbox.wording import MarketText, new_york

HIDDEN: Final = "This is a simulated market; its resolution follows the simulated world."
_SYMBOLS: Final = {coin.name: coin.symbol for coin in COINS}
_ELSE: Final = 'Otherwise, this market will resolve to "{other}".'


def rule_text(kind: Kind, text: MarketText, created_at: int, scheduled_end: int) -> str:
    """Return the description of a market listed at `created_at` and due at `scheduled_end` (microseconds)."""
    pair = _pair(text.question)
    if kind.family not in {"above", "touch", "updown"} or not pair or scheduled_end == UNKNOWN_TIME:
        return HIDDEN
    about = f"Please note that this market is about the price according to Binance {pair}."
    if kind.family == "updown":
        rule = (
            'This market will resolve to "Up" if the close price is greater than or equal to the open price for the '
            f"{pair} 1 hour candle that begins on the time and date specified in the title."
        )
        return " ".join(("This is a simulated market.", rule, _ELSE.format(other="Down"), about))
    rule = _above(pair, scheduled_end) if kind.family == "above" else _touch(pair, text, created_at, scheduled_end)
    return " ".join(("This is a simulated market.", rule, _ELSE.format(other="No"), about))


def _pair(question: str) -> str:
    found = [symbol for name, symbol in _SYMBOLS.items() if name in question.split()]
    return f"{found[0]}/USDT" if len(found) == 1 else ""


def _above(pair: str, end: int) -> str:
    last = new_york(end - MINUTE)  # the candle that closes at the scheduled end
    return (
        f'This market will resolve to "Yes" if the Binance 1 minute candle for {pair} {last:%H:%M} in the ET timezone '
        'on the date specified in the title has a final "Close" price higher than the price specified in the title.'
    )


def _touch(pair: str, text: MarketText, start: int, end: int) -> str:
    down = " dip to " in text.question
    first, last = new_york(start), new_york(end - MINUTE)
    side, beyond = ("Low", "less") if down else ("High", "greater")
    return (
        f'This market will immediately resolve to "Yes" if any Binance 1 minute candle for {pair} between '
        f"{first:%B} {first.day}, {first:%Y, %H:%M} and {last:%B} {last.day}, {last:%Y, %H:%M} in the ET timezone has "
        f'a final "{side}" price equal to or {beyond} than the price specified in the title.'
    )
