"""The reference page of columns from beyond the prices, generated from what the providers say of theirs."""

from typing import Final

_HEAD: Final = """# Columns from beyond the prices

A model may read more than its market's own prices: `edgeworth train --with spot,fair-value,similarity,flow`. The same
code makes these columns for a dataset, a backtest of models and live signals, each value as of its row's instant; what
was not known by then is missing, never zero. A model's card names the groups it needs, and a model whose data are
missing or too old stays silent. This page is generated: `python -m edgeworth.cli.reference docs`.
"""
_ABOUT: Final = {
    "spot": """From closed candles of the home (`edgeworth data fetch --candles`), of bitcoin (`btc`), ether (`eth`) and
the coin that a crypto market asks about (`own`). Returns need a candle exactly so long before; beyond 6 hours of age
only the age is known.""",
    "fair-value": """From the rule in a market's description, first seen, and the candles closed by then; missing where
the rule is not understood. `edgeworth report fair-value --market MARKET` explains one.""",
    "similarity": """The nearest questions whose outcome was known by then, by hashed word vectors; their cosine is at
least 0.45.""",
    "flow": "From snapshots known by then (`edgeworth data collect`), no older than two days.",
}


def reference_page() -> str:
    """Return the page as Markdown: one table per provider."""
    from edgeworth.features import flow, similarity, spot
    from edgeworth.research import fairvalue_columns

    spots = {f"spot_{coin}_{name}": spot.MEANING[name] for coin in ("btc", "eth", spot.OWN) for name in spot.FIELDS}
    tables = {
        "spot": spots, "fair-value": fairvalue_columns.MEANING, "similarity": similarity.MEANING, "flow": flow.MEANING,
    }  # fmt: skip
    parts = [_HEAD]
    for key, about in _ABOUT.items():
        parts.append(f"\n## {key}\n\n{about}\n\n| column | unit | meaning |\n|---|---|---|")
        parts += [f"| `{name}` | {unit} | {meaning} |" for name, (unit, meaning) in tables[key].items()]
    return "\n".join(parts) + "\n"
