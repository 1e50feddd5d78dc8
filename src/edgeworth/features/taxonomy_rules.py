"""Ordered rules over concepts and fixture signs; the first that holds gives the label.

A rule is a label, a name and a condition: words are required, `a|b` means either, `-a|b` means neither. A weak rule
says what a question is in the absence of better evidence, so the event title and the tags are asked before it is
believed. A line that starts with spaces continues the one above.
"""

from dataclasses import dataclass
from typing import Final

from edgeworth.features.taxonomy_fixtures import SIGNS
from edgeworth.features.taxonomy_lexicon import CONCEPTS, SHIELDS
from edgeworth.features.taxonomy_teams import FULL_NAMES, NICKNAMES, split_names

EXTRA_SIGNS: Final = (
    "ticker",
    "post-count",
    "nick-nba",
    "nick-nhl",
    "nick-nfl",
    "nick-mlb",
    "dollars",
    "trump-acts",
    "degree-sign",
    "team-nba",
    "team-nhl",
    "team-nfl",
    "team-mlb",
)

_RULES: Final = """
tech/musk              musk-posts          musk twitter -courts|deal
politics/trump         trump-says          trump-acts say
politics/trump         trump-posts         trump twitter
culture/other          prize-winners       wideprize -say
politics/congress      speaker             speakership -trump-acts
culture/music          music-awards        grammyshow -trump-acts|games
culture/movies         film-awards         oscarshow -trump-acts|nhl|soccer
culture/tv             tv-awards           emmyshow -trump-acts
politics/election      ballots             vote -movies|music|prize|fixture|appointed|speakership|shutdown
tech/companies         tech-ticker         techfirm ticker dollars|updown|earnings
economy/stocks         ticker              ticker dollars|updown|earnings -btc|eth|alt|index|commodity|metal
    -techfirm|token|deal
sports/esports         game-title          esports -deal|movies
sports/esports         best-of             best-of|map-winner -nba|nhl|nfl|mlb|fx-nba|fx-nhl|fx-nfl|fx-mlb
    -tennis|cricket|golf|hoops
sports/cricket         cricket-words       cricket -soccer
sports/ufc             ufc-words           ufc -trump-acts
sports/ufc             bout                bout
sports/tennis          sets                set-winner -othersport
sports/f1              f1-words            f1 -celebrity|private
sports/other           other-racing        otherrace
sports/rugby           rugby-words         rugby
sports/soccer          draw                fx-draw -cricket|rugby|nhl
sports/tennis          tennis-fixture      tennis fixture -golf|othersport|basketball
sports/college         college-fixture     fx-college spread|total|fixture -fx-soccer|esports|total-low|soccer
sports/college         college-win         fx-college win-on-date -fx-soccer|soccer
sports/nba             nba-fixture         fx-nba spread|total|fixture -fx-nhl|fx-nfl|fx-mlb
sports/nhl             nhl-fixture         fx-nhl spread|total|fixture -fx-nba|fx-nfl|fx-mlb
sports/nfl             nfl-fixture         fx-nfl spread|total|fixture -fx-nba|fx-nhl|fx-mlb
sports/mlb             mlb-fixture         fx-mlb spread|total|fixture -fx-nba|fx-nhl|fx-nfl
sports/nba             big-total           fx-nba total-nba
sports/nfl             football-total      fx-nfl total-football
sports/mlb             runs-total          fx-mlb total-runs
sports/nhl             goals-total         fx-nhl total-mid
sports/nba             wide-spread         fx-nba spread-wide
sports/nfl             wide-spread         fx-nfl spread-wide
sports/nhl             shared-nickname     fx-nhl fixture|spread|total
sports/mlb             shared-nickname     fx-mlb fixture|spread|total
sports/nfl             shared-nickname     fx-nfl fixture|spread|total
sports/basketball      club-basketball     fx-basketball spread|total|fixture -total-low|fx-draw|fx-soccer
sports/basketball      points-total        total-college|total-nba fixture -fx-nba
sports/soccer          win-on-date         win-on-date -nba|nhl|nfl|mlb|cricket|rugby|tennis|fx-nba|fx-nhl
    -fx-nfl|fx-mlb
sports/nba             win-on-date         win-on-date nba|fx-nba
sports/nhl             win-on-date         win-on-date nhl|fx-nhl
sports/mlb             win-on-date         win-on-date mlb|fx-mlb
sports/nfl             win-on-date         win-on-date nfl|fx-nfl
sports/soccer          club-fixture        fx-soccer fixture|spread|total -othersport|basketball|nhl|mlb
sports/soccer          nations-fixture     fx-nations fixture|spread|total -othersport|basketball|nhl|mlb|war|election
sports/nba             props               hoops total -basketball|college
sports/basketball      basketball-words    basketball -college|nba
sports/college         college-words       college -nfl|nba|mlb|nhl
sports/nba             nba-words           nba|team-nba -nfl|mlb|nhl|team-nfl|team-mlb|team-nhl|college
    -trump-acts|politics-any
sports/nhl             nhl-words           nhl|team-nhl -nfl|mlb|nba|team-nfl|team-mlb|team-nba|college|trump-acts
sports/mlb             mlb-words           mlb|team-mlb -nfl|nhl|nba|team-nfl|team-nhl|team-nba|college
    -trump-acts|soccer
sports/nfl             nfl-words           nfl|team-nfl -mlb|nhl|nba|team-mlb|team-nhl|team-nba|trump-acts
sports/golf            golf-words          golf -trump-acts|courts
sports/other           games-words         othersport -esports|tv|trump|election|games|ai
sports/soccer          soccer-words        soccer -trump-acts|courts|musk|deal|nba|war|election|token
sports/f1              grand-prix          grandprix -otherrace|tennis
sports/tennis          tennis-words        tennis -deal|token
sports/tennis          names-after-prefix  fx-persons fx-prefix -election|trump|biden|othersport|say|fx-draw
sports/soccer          low-total           fixture total-low -fx-nba|fx-nfl|fx-mlb|fx-nhl|othersport|nhl|mlb
sports/other           names-only          fx-persons fixture -election|trump|biden|party|say|btc|eth|alt|movies
    -music =weak
politics/leaders       office              office -ceo|trump-acts|deal|say
crypto/btc-updown      btc-updown          btc updown
crypto/eth             eth-updown          eth updown
crypto/altcoins        alt-updown          alt|altweak updown
politics/trump         trump-reserve       trump-acts cryptofirm|token
economy/deals          listing             deal cryptofirm -etf|btc
crypto/industry        fund                etf btc|eth|alt|altweak|cryptofirm
crypto/industry        holdings            btc|eth cryptofirm -pricing|dollars
crypto/industry        treasuries          cryptofirm btc -dollars
crypto/tokens          nft                 token eth|alt|btc -dollars
crypto/tokens          valuation           token dollars|cryptofirm|alt|altweak -btc|eth|trump-acts|deal|courts
crypto/btc-price       btc-price           btc pricing|dollars -congress|cabinet
crypto/eth             eth-price           eth pricing|dollars -congress|cabinet
crypto/altcoins        alt-price           alt pricing|dollars -cryptofirm|congress|cabinet|token|war
crypto/altcoins        weak-alt-price      altweak dollars -token|cryptofirm|private|space|games|congress|musk
    -nhl|growth
crypto/tokens          launch              token -courts|trump-acts|music|games|movies|religion
crypto/industry        crypto-words        cryptofirm -politics-any|nhl|space|sports-any|trump-acts
crypto/industry        coin-words          btc|eth|alt -trump-acts|space|war
economy/wealth         fortunes            wealth
celebrities/people     epstein-island      epsteinisland
weather/storms         hurricane           storm storm-context -sports-any|music|movies|tv|games
weather/disasters      quakes              disaster -music|movies|tv|sports-any|war|mideast
weather/temperature    temperature         temperature -sports-any|science
weather/temperature    degree-sign         degree-sign -science|trial|movies|music
weather/temperature    degrees             degrees pricing -courts|prize|movies
weather/precipitation  rain-snow           precipitation -sports-any|movies|music|tv|celebrity|election
government/fed         fed-words           fed -trump-acts|courts|movies|tv
government/fed         fed-person          fed -movies|tv
government/fed         basis-points        bps meeting -centralbank
economy/central-banks  central-banks       centralbank -fed
government/shutdown    shutdown            shutdown -disease
economy/spx            index               index -deal|cryptofirm
economy/inflation      inflation           inflation
economy/jobs           jobs                jobs
economy/commodities    commodity           commodity -war|disease|ukraine
economy/commodities    metal-price         metal dollars|updown|pricing -mideast|ukraine|soccer|othersport
    -cabinet|war|music|movies|games|tv|trump-acts
economy/growth         growth              growth -election|trump-acts|token
economy/trade          tariffs             trade -trump-acts|courts|sports-any
economy/currencies     currency            currency dollars|pricing|updown -techfirm|war
politics/election      nomination          election party -fed|movies|music|tv
politics/election      election            election -movies|music|tv|fed|celebrity|religion|prize|cabinet|war|games
politics/election      election-person     election celebrity|war|religion|prize -movies|music|tv
geopolitics/diplomacy  leaders-meet        meet trump|head|biden ukraine|russia|head|asia -say|congress|courts
politics/trump         trump-acts          trump-acts -space
politics/biden         biden-acts          biden
sports/nfl             nickname            nick-nfl winword -politics-any|geo-any|movies|tv|music|games
sports/nhl             nickname            nick-nhl winword -politics-any|geo-any|movies|tv|music|games
sports/nba             nickname            nick-nba winword -politics-any|geo-any|movies|tv|music|games
sports/mlb             nickname            nick-mlb winword -politics-any|geo-any|movies|tv|music|games
culture/movies         film                movies -deal|election|nba|internet
culture/music          music               music -nba|mlb|election|mideast|ukraine|celebrity|private|congress
    -war|politics-any|tv
culture/internet       video-makers        internet -election|war|courts|private|deal
culture/tv             television          tv -war|election|deal|techfirm
culture/games          games               games -musk
government/courts      trials              trial -movies|tv|deal|techfirm|cryptofirm|congress
culture/music          works               musicwork -private|trial|election|ai|geo-any|techfirm|movies|tv
celebrities/people     private-lives       celebrity|private -election|geo-any|cabinet|congress|musk|trump|deal|head
culture/music          musicians           music private|celebrity|courts -geo-any
culture/tv             television-2        tv -dollars|deal|election|techfirm
culture/religion       religion            religion -geo-any|celebrity
culture/internet       post-counts         post-count
culture/other          prizes              prize -election|war|congress
politics/leaders       leaders             leader -deal|ceo|congress|cabinet
politics/leaders       head-out            head out -congress|courts|ceo|war
geopolitics/ukraine    ukraine             ukraine -election|sports-any|congress|movies
geopolitics/ukraine    russia-war          russia war|us|alliance -election|movies|mideast|asia|americas
geopolitics/middle-east mideast-war        mideast war|meet|us|alliance|out|courts -election|sports-any|movies|disease
government/cabinet     appointments        appointed -deal|ceo|techfirm
politics/congress      congress            congress -mideast|asia|disease|token
geopolitics/asia       asia-war            asia war|meet|us|alliance -election|disease|movies|ai|techfirm|deal
geopolitics/americas   americas-war        americas war|us|meet|alliance|courts -election|disease|deal
geopolitics/diplomacy  alliances           alliance -election|techfirm|musk|music
geopolitics/ukraine    russia              russia -election|movies
geopolitics/middle-east mideast            mideast -election
government/courts      courts              courts -techfirm|ai|deal|music
tech/space             missions            space -deal|movies|tv|games|courts|fixture
government/cabinet     cabinet             cabinet -techfirm|disease|ai
economy/deals          deals               deal -war
economy/stocks         earnings            earnings stocks
tech/companies         firm-earnings       techfirm earnings|dollars|pricing|deal
tech/ai                models              ai -aifirm|deal|courts|ceo
tech/ai                ai-firm-model       ai aifirm -ceo|courts|deal
tech/space             space               space -movies|tv|games|courts
tech/companies         companies           techfirm|aifirm
tech/companies         ai-business         ai
tech/musk              musk                musk
economy/stocks         stocks              stocks
tech/science           science             science
health/disease         disease             disease
economy/trade          tariffs-acts        trade
economy/jobs           labour              jobs
geopolitics/other      elsewhere-war       elsewhere war
geopolitics/other      us-war              us war -congress
tech/companies         executives          ceo
government/courts      courts-late         courts
politics/election      party               party -music|movies
politics/leaders       heads               head
geopolitics/asia       asia                asia
geopolitics/americas   americas            americas
politics/trump         trump-late          trump
sports/ufc             fights              fight -war|geo-any|courts|politics-any|trump
politics/other         laws                lawother
geopolitics/other      war-late            war us|elsewhere|alliance
geopolitics/other      elsewhere           elsewhere =weak
sports/college         big-spread          spread-big =weak
sports/other           winners             fixture|spread|total =weak
crypto/altcoins        unknown-coin        pricing dollars level -deal =weak
crypto/tokens          late-tokens         token|cryptofirm
culture/music          late-music          music
culture/internet       late-internet       internet
culture/games          late-games          games
economy/commodities    late-metal          metal dollars
politics/leaders       late-leader         leader
"""

_GROUPS: Final = {
    "geo-any": "ukraine russia mideast asia americas elsewhere",
    "politics-any": "election party leader congress cabinet",
    "sports-any": "esports tennis cricket ufc golf f1 rugby othersport nba nhl nfl mlb college soccer basketball "
    "fixture spread team-nba team-nhl team-nfl team-mlb",
}


def _bits() -> dict[str, int]:
    names = [*CONCEPTS, *SIGNS, *EXTRA_SIGNS]
    if len(set(names)) != len(names):
        raise ValueError("a concept and a sign share a name")
    bits = {name: 1 << place for place, name in enumerate(names)}
    for group, members in _GROUPS.items():
        bits[group] = sum(bits[member] for member in members.split())
    return bits


BITS: Final = _bits()


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule: every mask of `required` must meet the question's mask, `forbidden` must not."""

    label: str
    name: str
    required: tuple[int, ...]
    forbidden: int
    weak: bool


def _any(term: str) -> int:
    mask = 0
    for word in term.split("|"):
        mask |= BITS[word]
    return mask


def _compile(line: str) -> Rule:
    label, name, *terms = line.split()
    weak = "=weak" in terms
    required = tuple(_any(term) for term in terms if term[0] not in "-=")
    forbidden = sum({bit for term in terms if term[0] == "-" for bit in _single(_any(term[1:]))})
    return Rule(label, name, required, forbidden, weak)


def _single(mask: int) -> list[int]:
    return [1 << place for place in range(mask.bit_length()) if mask >> place & 1]


RULES: Final = tuple(_compile(line) for line in _RULES.strip().replace("\n    ", " ").splitlines())


def first_rule(mask: int) -> Rule | None:
    """Return the first rule that holds for a mask of concepts and signs, or None."""
    for rule in RULES:
        if not mask & rule.forbidden and all(mask & term for term in rule.required):
            return rule
    return None


def phrases() -> list[tuple[str, int]]:
    """Return every phrase with its mask, teams' full names and shields included."""
    rows = [(phrase, BITS[name]) for name, text in CONCEPTS.items() for phrase in split_names(text)]
    rows += [(name, BITS[f"team-{league}"]) for name, league in FULL_NAMES.items()]
    rows += [(f"the {name}", BITS[f"nick-{league}"]) for name, leagues in NICKNAMES.items() for league in leagues]
    return rows + [(phrase, 0) for phrase in split_names(SHIELDS)]
