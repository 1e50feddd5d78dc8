"""Every route of the simulated venue with a sentence, for people; the reference page is made from it."""

from typing import NamedTuple


class Route(NamedTuple):
    """One route: how it is called, under which prefix and path (placeholders in braces), and what it answers."""

    method: str
    path: str
    sentence: str


_GAMMA = (
    Route("GET", "/gamma/markets/keyset", "Markets by pages of at most 100; `after_cursor` goes on."),
    Route("GET", "/gamma/events/keyset", "Events with all their markets, by pages."),
    Route("GET", "/gamma/markets", "Markets by `offset`, deprecated: says so in its headers."),
    Route("GET", "/gamma/events", "Events by `offset`, deprecated."),
    Route("GET", "/gamma/events/pagination", "Events by `offset` with their total number."),
    Route("GET", "/gamma/markets/{market}", "One market by id."),
    Route("GET", "/gamma/markets/slug/{slug}", "One market by slug."),
    Route("GET", "/gamma/markets/{market}/tags", "A market's tags."),
    Route("GET", "/gamma/events/{event}", "One event by id."),
    Route("GET", "/gamma/events/slug/{event_slug}", "One event by slug."),
    Route("GET", "/gamma/events/{event}/tags", "An event's tags."),
    Route("GET", "/gamma/tags", "All tags."),
    Route("GET", "/gamma/tags/{tag}", "One tag by id."),
    Route("GET", "/gamma/tags/slug/{tag_slug}", "One tag by slug."),
    Route("GET", "/gamma/tags/{tag}/related-tags", "Related tags with their rank."),
    Route("GET", "/gamma/tags/{tag}/related-tags/tags", "Related tags themselves."),
    Route("GET", "/gamma/series", "Recurring kinds of events."),
    Route("GET", "/gamma/series/{series}", "One series."),
    Route("GET", "/gamma/public-search?q=bitcoin", "Events, tags and profiles by words."),
    Route("GET", "/gamma/comments?parent_entity_type=Event&parent_entity_id={event}", "Comments below an event."),
    Route("GET", "/gamma/comments/keyset?parent_entity_type=Event&parent_entity_id={event}", "The same by pages."),
    Route("GET", "/gamma/comments/user_address/{wallet}", "An address's comments."),
    Route("GET", "/gamma/public-profile?address={wallet}", "A profile."),
    Route("GET", "/gamma/sports", "Sports."),
    Route("GET", "/gamma/sports/market-types", "Kinds of sports markets."),
    Route("GET", "/gamma/teams", "Teams: none."),
)
_CLOB = (
    Route("GET", "/clob/time", "The venue's clock, seconds."),
    Route("GET", "/clob/book?token_id={token}", "One order book."),
    Route("POST", "/clob/books", "Up to 500 order books."),
    Route("GET", "/clob/price?token_id={token}&side=BUY", "Best price of a side; POST /prices for many."),
    Route("GET", "/clob/midpoint?token_id={token}", "Middle of best bid and ask; POST /midpoints for many."),
    Route("GET", "/clob/spread?token_id={token}", "Difference of best ask and bid; POST /spreads for many."),
    Route("GET", "/clob/last-trade-price?token_id={token}", "Last trade; POST /last-trades-prices for many."),
    Route("GET", "/clob/tick-size?token_id={token}", "Price step; also /neg-risk and /fee-rate."),
    Route("GET", "/clob/markets/{condition}", "One market with its winner, once there is one."),
    Route("GET", "/clob/clob-markets/{condition}", "One market with tick and fees, compact."),
    Route("GET", "/clob/simplified-markets", "Markets by pages; also /markets, /sampling-markets."),
    Route("GET", "/clob/prices-history?market={token}&interval=1d", "Price history of a token."),
    Route("POST", "/clob/auth/api-key", "Keys for a wallet that signed for them; GET /auth/derive-api-key."),
    Route("POST", "/clob/order", "Place one order; POST /orders for up to 15."),
    Route("DELETE", "/clob/order", "Cancel; also /orders, /cancel-all, /cancel-market-orders."),
    Route("GET", "/clob/data/orders", "Own open orders; /data/order/{id}, /data/trades."),
    Route("GET", "/clob/balance-allowance", "Own balance."),
    Route("POST", "/clob/v1/heartbeats", "The dead man's switch."),
)
_DATA = (
    Route("GET", "/data/v2/trades?condition={condition}", "Public trades of markets, of a wallet, or of all."),
    Route("GET", "/data/v2/activity?user={wallet}", "A wallet's trades as a diary."),
    Route("GET", "/data/v2/positions?condition={condition}", "Positions in a market or of a wallet."),
    Route("GET", "/data/v2/holders?condition={condition}", "The largest holders of each outcome."),
    Route("GET", "/data/v2/value?user={wallet}", "What a wallet holds is worth."),
    Route("GET", "/data/v2/user-stats?user={wallet}", "A wallet in figures."),
    Route("GET", "/data/v2/user-pnl?user={wallet}", "A wallet's profit over time."),
    Route("GET", "/data/v2/user-volume?user={wallet}", "A wallet's volume."),
    Route("GET", "/data/v2/oi?condition={condition}", "Open interest of markets, or of all together."),
    Route("GET", "/data/v2/live-volume?event_id={event}", "The last day's volume of an event's markets."),
    Route("GET", "/data/v2/leaderboard", "The most successful wallets."),
    Route("GET", "/data/v2/biggest-winners", "The largest wins of the last month."),
    Route("GET", "/data/v2/tokens?token_id={token}", "Tokens with their final price, once there is one."),
    Route("GET", "/data/v2/resolutions?condition={condition}", "How far the oracle is."),
    Route("GET", "/data/v2/prices-history?token_id={token}&interval=1d", "Price history with retention by grain."),
    Route("GET", "/data/v2/positions/combos?user={wallet}", "Combined positions: none; also /data/v2/activity/combos."),
    Route("GET", "/data/v2/builders/leaderboard", "Builders: none; also /data/v2/builders/volume."),
    Route("GET", "/data/v2/status", "Whether the service is up."),
)
_OTHERS = (
    Route("GET", "/binance/api/v3/klines?symbol=BTCUSDT&interval=1h", "Candles from one minute to one month."),
    Route("GET", "/binance/api/v3/ticker/price?symbol=BTCUSDT", "Last price; also ticker/24hr, bookTicker, avgPrice."),
    Route("GET", "/binance/api/v3/exchangeInfo", "Symbols and limits; also time and ping."),
    Route(
        "GET",
        "/bulk/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-09.zip",
        "Zipped candles by month (or daily/ by day), each with a `.CHECKSUM` beside it.",
    ),
    Route("GET", "/news/rss/all.xml", "News by topic: all, crypto, politics, sports, weather, economy, tech."),
    Route("GET", "/site/api/geoblock", "Whether this address may trade."),
    Route("GET", "/relayer/deployed?address={wallet}", "Whether a wallet exists: here every one does."),
    Route("GET", "/control/clock", "The virtual clock."),
    Route("POST", "/control/advance", 'Move a clock that stands still: `{"seconds": 900}`.'),
    Route("GET", "/control/faults", "All faults and which are on."),
    Route("POST", "/control/faults", 'Switch one: `{"name": "outage", "on": true, "seconds": 60, "parameters": {}}`.'),
    Route("GET", "/control/counters", "Requests so far by service and route, and how many were over a limit."),
    Route("GET", "/control/world", "World, seed and number of markets."),
    Route("GET", "/control/account?wallet={wallet}", "A wallet's cash, holdings and every order it ever made."),
    Route("GET", "/control/exchange", "How signatures are checked, live books, open orders, trades, fees."),
    Route("POST", "/control/deposit", 'Give a wallet dollars: `{"wallet": "0x…", "usd": "500"}`.'),
    Route("POST", "/control/split", "Turn dollars into pairs of `market` (a condition id); POST /control/merge back."),
)
_SOCKETS = (
    Route("WS", "/ws/market", "Books, price changes and trades of chosen tokens; new and resolved markets."),
    Route("WS", "/ws/user", "Own orders and trades."),
    Route("WS", "/binance-ws/ws/btcusdt@kline_1m", "Candles; also @miniTicker, @bookTicker, /stream?streams=."),
)

ROUTES: dict[str, tuple[Route, ...]] = {
    "Metadata (Gamma)": _GAMMA,
    "Order service (CLOB)": _CLOB,
    "Data service": _DATA,
    "Exchange, news, site and remote control": _OTHERS,
    "Sockets": _SOCKETS,
}
