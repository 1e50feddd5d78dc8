"""Venue tags that name a label outright; asked last, the most specific first."""

from collections.abc import Sequence
from typing import Final

# The most specific first; a tag written with hyphens counts as written with spaces.
_ROWS: Final = """
nfl: sports/nfl
nba: sports/nba
mlb: sports/mlb
nhl: sports/nhl
epl: sports/soccer
soccer: sports/soccer
premier league: sports/soccer
la liga: sports/soccer
tennis: sports/tennis
esports: sports/esports
cricket: sports/cricket
ufc: sports/ufc
mma: sports/ufc
boxing: sports/ufc
golf: sports/golf
formula 1: sports/f1
f1: sports/f1
ncaa: sports/college
cfb: sports/college
college football: sports/college
cbb: sports/college
wnba: sports/basketball
basketball: sports/basketball
rugby: sports/rugby
chess: sports/other
olympics: sports/other
bitcoin: crypto/btc-price
ethereum: crypto/eth
solana: crypto/altcoins
xrp: crypto/altcoins
airdrops: crypto/tokens
pre market: crypto/tokens
ai: tech/ai
space: tech/space
big tech: tech/companies
science: tech/science
fed: government/fed
fed rates: government/fed
fomc: government/fed
inflation: economy/inflation
commodities: economy/commodities
stocks: economy/stocks
ipos: economy/deals
tariffs: economy/trade
gdp: economy/growth
courts: government/courts
epstein: government/courts
cabinet: government/cabinet
government shutdown: government/shutdown
congress: politics/congress
elections: politics/election
us election: politics/election
global elections: politics/election
world elections: politics/election
primaries: politics/election
ukraine: geopolitics/ukraine
gaza: geopolitics/middle-east
israel: geopolitics/middle-east
iran: geopolitics/middle-east
middle east: geopolitics/middle-east
china: geopolitics/asia
taiwan: geopolitics/asia
venezuela: geopolitics/americas
hurricanes: weather/storms
hurricane season: weather/storms
movies: culture/movies
oscars: culture/movies
music: culture/music
tv: culture/tv
video games: culture/games
youtube: culture/internet
mrbeast: culture/internet
celebrities: celebrities/people
daily temperature: weather/temperature
temperature: weather/temperature
trump: politics/trump
biden: politics/biden
elon musk: tech/musk
tweet markets: tech/musk
games: sports/other
weather: weather/temperature
crypto: crypto/industry
economy: economy/growth
finance: economy/stocks
geopolitics: geopolitics/other
sports: sports/other
politics: politics/other
tech: tech/companies
pandemics: health/disease
health: health/disease
awards: culture/other
pop culture: culture/other
culture: culture/other"""
_TAGS: Final = dict(line.split(": ") for line in _ROWS.strip().splitlines())
_ORDER: Final = {tag: place for place, tag in enumerate(_TAGS)}


def label_of_tags(tags: Sequence[str]) -> str | None:
    """Return the label of the most specific known tag, or None."""
    known = [tag for tag in (str(tag).strip().lower().replace("-", " ") for tag in tags) if tag in _TAGS]
    return _TAGS[min(known, key=_ORDER.__getitem__)] if known else None
