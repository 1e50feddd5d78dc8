"""Names of assets in questions, and the generic `Company (TICK)`."""

import re
from typing import Final

_CRYPTO: Final = {
    "BTC": "bitcoin|btc|xbt", "ETH": "ethereum|ether|eth", "SOL": "solana|sol", "XRP": "xrp|ripple",
    "DOGE": "dogecoin|doge", "BNB": "bnb|binance coin", "ADA": "cardano|ada", "AVAX": "avax", "LTC": "litecoin|ltc",
    "LINK": "chainlink", "DOT": "polkadot", "HYPE": "hyperliquid|hype", "SUI": "sui", "TRX": "tron|trx",
    "XMR": "monero|xmr", "ZEC": "zcash|zec", "SHIB": "shiba inu", "PEPE": "pepe", "TON": "toncoin",
    "BCH": "bitcoin cash", "XLM": "stellar|xlm", "APT": "aptos", "ARB": "arbitrum", "NEAR": "near protocol",
}  # fmt: skip
_COMMODITY: Final = {
    "GOLD": "gold|xauusd", "SILVER": "silver|xagusd", "WTI": "crude oil|wti crude oil|wti|crude",
    "BRENT": "brent crude|brent",
    "NATGAS": "natural gas", "COPPER": "copper", "PLATINUM": "platinum",
}  # fmt: skip
_INDEX: Final = {
    "SPX": "s&p 500|spx|s&p 500 index", "NDX": "nasdaq 100|ndx", "COMP": "nasdaq composite|nasdaq",
    "DJI": "dow jones|dow|djia",
    "RUT": "russell 2000", "VIX": "vix", "NIKKEI": "nikkei 225|nikkei", "FTSE": "ftse 100",
    "DAX": "dax", "HSI": "hang seng",
}  # fmt: skip
_STOCK: Final = {
    "AAPL": "apple|apple stock", "TSLA": "tesla|tesla, inc.", "NVDA": "nvidia", "MSFT": "microsoft",
    "GOOGL": "google|alphabet",
    "AMZN": "amazon", "META": "meta", "NFLX": "netflix", "PLTR": "palantir", "COIN": "coinbase",
    "MSTR": "microstrategy",
}  # fmt: skip
_CLASSES: Final = (("crypto", _CRYPTO), ("commodity", _COMMODITY), ("index", _INDEX), ("stock", _STOCK))
_BY_NAME: Final = {
    name: (symbol, kind) for kind, table in _CLASSES for symbol, names in table.items() for name in names.split("|")
}
CRYPTO_NAMES: Final = {name: symbol for symbol, names in _CRYPTO.items() for name in names.split("|")}
_NAMES = "|".join(re.escape(name) for name in sorted(_BY_NAME, key=len, reverse=True))
ASSET: Final = rf"(?:the )?\$?(?:{_NAMES})(?: \([a-z]{{1,7}}\))?(?:'s price)?|[\w.,&' -]{{2,60}} \([a-z]{{1,5}}\)"
_TICKER = re.compile(r"^(?P<name>.*?) \((?P<ticker>[a-z]{1,7})\)$")


def is_generic(asset: str) -> bool:
    """Tell whether a symbol was read from its bracket alone, not from a known name."""
    return asset not in {symbol for symbol, _ in _BY_NAME.values()}


def parse_asset(text: str) -> tuple[str, str] | None:
    """Return symbol and class of a name such as `bitcoin`, `gold (gc)` or `acme corp. (acme)`; None when unknown."""
    name = text.strip().removeprefix("the ").removeprefix("$").removesuffix("'s price").strip()
    if name in _BY_NAME:
        return _BY_NAME[name]
    match = _TICKER.match(name)
    if not match:
        return None
    if match["name"] in _BY_NAME:
        return _BY_NAME[match["name"]]
    return match["ticker"].upper(), "stock"
