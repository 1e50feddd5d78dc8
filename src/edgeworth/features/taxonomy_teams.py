"""Names of teams, public general knowledge: what a side of a fixture can be."""

from typing import Final

_NBA = """atlanta hawks, boston celtics, brooklyn nets, charlotte hornets, chicago bulls, cleveland cavaliers,
dallas mavericks, denver nuggets, detroit pistons, golden state warriors, houston rockets, indiana pacers,
los angeles clippers, la clippers, los angeles lakers, la lakers, memphis grizzlies, miami heat, milwaukee bucks,
minnesota timberwolves, new orleans pelicans, new york knicks, oklahoma city thunder, okc thunder, orlando magic,
philadelphia 76ers, phoenix suns, portland trail blazers, sacramento kings, san antonio spurs, toronto raptors,
utah jazz, washington wizards"""
_NHL = """anaheim ducks, arizona coyotes, boston bruins, buffalo sabres, calgary flames, carolina hurricanes,
chicago blackhawks, colorado avalanche, columbus blue jackets, dallas stars, detroit red wings, edmonton oilers,
florida panthers, los angeles kings, la kings, minnesota wild, montreal canadiens, nashville predators,
new jersey devils, new york islanders, new york rangers, ottawa senators, philadelphia flyers, pittsburgh penguins,
san jose sharks, seattle kraken, st louis blues, st. louis blues, tampa bay lightning, toronto maple leafs,
utah mammoth, utah hockey club, vancouver canucks, vegas golden knights, washington capitals, winnipeg jets"""
_NFL = """arizona cardinals, atlanta falcons, baltimore ravens, buffalo bills, carolina panthers, chicago bears,
cincinnati bengals, cleveland browns, dallas cowboys, denver broncos, detroit lions, green bay packers,
houston texans, indianapolis colts, jacksonville jaguars, kansas city chiefs, las vegas raiders,
los angeles chargers, la chargers, los angeles rams, la rams, miami dolphins, minnesota vikings,
new england patriots, new orleans saints, new york giants, new york jets, philadelphia eagles,
pittsburgh steelers, san francisco 49ers, seattle seahawks, tampa bay buccaneers, tennessee titans,
washington commanders"""
_MLB = """arizona diamondbacks, atlanta braves, baltimore orioles, boston red sox, chicago cubs, chicago white sox,
cincinnati reds, cleveland guardians, colorado rockies, detroit tigers, houston astros, kansas city royals,
los angeles angels, la angels, los angeles dodgers, la dodgers, miami marlins, milwaukee brewers,
minnesota twins, new york mets, new york yankees, oakland athletics, philadelphia phillies, pittsburgh pirates,
san diego padres, san francisco giants, seattle mariners, st louis cardinals, st. louis cardinals, tampa bay rays,
texas rangers, toronto blue jays, washington nationals"""
_TWO_WORD_NICKNAMES: Final = frozenset(
    {"trail blazers", "blue jackets", "red wings", "maple leafs", "golden knights", "red sox", "white sox", "blue jays"}
)
_EXTRA_NICKNAMES = {"cavs": "nba", "mavs": "nba", "sixers": "nba", "blazers": "nba", "habs": "nhl",
                    "leafs": "nhl", "dbacks": "mlb", "d'backs": "mlb", "utah": "nhl", "bucs": "nfl", "niners": "nfl",
                    "commanders": "nfl"}  # fmt: skip


def split_names(text: str) -> list[str]:
    """Split a comma list into names with single spaces."""
    return [" ".join(name.split()) for name in text.split(",") if name.strip()]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _names(text: str) -> frozenset[str]:
    return frozenset(split_names(text))


COLLEGE_NICKNAMES: Final = _words(
    """
    aggies anteaters aztecs badgers bearcats beavers bearkats billikens bison blazers bluejays bobcats boilermakers
    bonnies braves broncos bruins buckeyes buffaloes bulldogs cardinal catamounts cavaliers chanticleers chippewas
    colonels colonials commodores cornhuskers cougars cowboys crimson crusaders cyclones deacons demons dolphins
    dons ducks dukes dutchmen eagles explorers falcons fighting flyers frogs gaels gamecocks gators gauchos golden
    gophers greyhounds grizzlies hatters hawkeyes heels highlanders hilltoppers hokies hoosiers hornets hoyas
    huskers huskies illini jackrabbits jackets jaguars jaspers jayhawks knights lancers leopards lobos longhorns
    lumberjacks matadors mastodons mavericks midshipmen miners minutemen mocs mountaineers musketeers mustangs norse
    orange ospreys owls paladins panthers patriots peacocks penguins phoenix pilots pioneers pride privateers
    quakers racers raiders rainbow ramblers rams ravens razorbacks redbirds redhawks red-storm revolutionaries
    retrievers roadrunners rockets runnin saints salukis screaming seahawks seawolves seminoles shockers skyhawks
    sooners spartans spiders sycamores tar terrapins terriers texans thunderbirds tide tigers titans toreros trojans
    utes vandals vaqueros vikings volunteers warhawks wildcats wolfpack wolverines wolves zags zips governors
    tommies"""
)
COLLEGE_PAIRS: Final = _names(
    """
    blue devils, blue demons, blue hens, blue raiders, black bears, big green, big red, crimson tide, demon deacons,
    fighting illini, fighting irish, fighting hawks, golden bears, golden eagles, golden flashes, golden gophers,
    golden griffins, golden hurricane, golden lions, golden panthers, golden hurricanes, great danes, green wave,
    horned frogs, mean green, mountain hawks, nittany lions, orange men, purple aces, purple eagles, ragin cajuns,
    rainbow warriors, red flash, red foxes, red raiders, red storm, red wolves, river hawks, runnin rebels, runnin'
    rebels, scarlet knights, sun devils, tar heels, thundering herd, wolf pack, yellow jackets, delta devils,
    fighting camels, running eagles, mountain lions, black knights, golden tigers, big blue, red dragons, purple
    raiders, sea wolves, redhawks, gray wolves, river bandits, screaming eagles, ragin' cajuns"""
)
STATES: Final = _words(
    """
    alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois
    indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri
    montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington
    wisconsin wyoming"""
)
SCHOOLS: Final = _names(
    """
    uconn, ucla, usc, unlv, vcu, smu, tcu, byu, lsu, ucf, uic, liu, ucsb, utep, utsa, uab, unc, ole miss, duke,
    gonzaga, purdue, villanova, georgetown, marquette, creighton, xavier, butler, dayton, auburn, clemson, baylor,
    rutgers, northwestern, notre dame, syracuse, vanderbilt, stanford, penn state, ohio state, michigan state, north
    carolina, south carolina, west virginia, north dakota, south dakota, new mexico, boston college, wake forest,
    virginia tech, texas tech, georgia tech, florida state, iowa state, kansas state, arizona state, oregon state,
    san diego state, boise state, fresno state, mississippi state, oklahoma state, colorado state, utah state, texas
    a&m, louisville, memphis, cincinnati, pitt, st john's, st. john's, saint mary's, seton hall, providence,
    harvard, yale, princeton, cornell, brown, dartmouth, columbia, army, navy, air force, james madison, appalachian
    state, liberty, saint joseph's, high point, saint peter's, austin peay, new mexico state, east carolina, nc
    state, bowling green, miami (oh), miami (fl)"""
)
# Places whose teams, without a football club's word, play basketball.
ABROAD_PLACES: Final = _words(
    """
    beijing shanghai guangdong guangzhou zhejiang liaoning xinjiang shanxi shandong sichuan jiangsu nanjing ningbo
    qingdao tianjin jilin fujian shenzhen jiangxi hubei chiba gunma utsunomiya ryukyu nagoya akita sendai"""
)
BASKETBALL_WORDS: Final = _words(
    """
    bc basket basketball baskets kk virtus olimpia anadolu efes crvena zvezda partizan baskonia saski maccabi
    zalgiris asvel panathinaikos olympiacos olympiakos hapoel egis alvark"""
)
CLUB_SUFFIXES: Final = _words(
    """
    fc cf sc afc cfc fk sk bk ssc vfb vfl tsg fsv"""
)
CLUB_WORDS: Final = _words(
    """
    fc cf sc afc cfc fk sk bk ud cd rcd ca ac ssc vfb vfl tsg sv bv fsv rb ec se aek psg utd ogc osc cp ad sd us as
    rc calcio united city real athletic atletico sporting deportivo deportiva independiente racing club clube
    olympique borussia bayern bayer eintracht hamburger hotspur wanderers rovers albion villa palace forest wolves
    everton fulham brentford bournemouth burnley sunderland leeds newcastle chelsea arsenal liverpool tottenham
    juventus milan inter internazionale napoli roma lazio fiorentina atalanta torino genoa bologna udinese cagliari
    lecce sassuolo parma verona benfica braga porto ajax psv feyenoord celtic galatasaray fenerbahce besiktas
    trabzonspor monaco lyon marseille lille nice rennais lens strasbourg toulouse nantes lorient metz auxerre angers
    brest barcelona valencia villarreal sevilla betis girona getafe celta mallorca espanyol alaves osasuna levante
    elche oviedo rayo vallecano estudiantes boca river flamengo palmeiras corinthians gremio santos cruzeiro
    fluminense botafogo vasco internacional pumas tigres monterrey chivas cruz azul whitecaps sounders timbers
    galaxy earthquakes revolution crew rapids dynamo spor"""
)
NATION_NAMES: Final = _names(
    """
    afghanistan, albania, algeria, andorra, angola, argentina, armenia, australia, austria, azerbaijan, bahrain,
    bangladesh, belarus, belgium, benin, bolivia, bosnia and herzegovina, bosnia-herzegovina, botswana, brazil,
    bulgaria, burkina faso, burundi, cabo verde, cameroon, canada, cape verde, chile, china, colombia, congo dr,
    costa rica, cote d'ivoire, croatia, cuba, curacao, cyprus, czechia, czech republic, denmark, dr congo, ecuador,
    egypt, el salvador, england, estonia, ethiopia, faroe islands, fiji, finland, france, gabon, georgia, germany,
    ghana, gibraltar, greece, guatemala, guinea, haiti, honduras, hong kong, hong kong sar, hungary, iceland, india,
    indonesia, iran, ir iran, iraq, ireland, israel, italy, ivory coast, jamaica, japan, jordan, kazakhstan, kenya,
    korea republic, kosovo, kuwait, latvia, lebanon, liechtenstein, lithuania, luxembourg, malaysia, mali, malta,
    mexico, moldova, montenegro, morocco, namibia, nepal, netherlands, new zealand, nigeria, north macedonia,
    northern ireland, norway, oman, pakistan, panama, paraguay, peru, philippines, poland, portugal, qatar, republic
    of ireland, romania, russia, san marino, saudi arabia, scotland, senegal, serbia, singapore, slovakia, slovenia,
    south africa, south korea, spain, sri lanka, suriname, sweden, switzerland, syria, tanzania, thailand, togo,
    trinidad and tobago, tunisia, turkiye, turkey, ukraine, united arab emirates, united states, usa, usmnt,
    uruguay, uzbekistan, venezuela, vietnam, wales, zambia, zimbabwe"""
)
LEAGUES: Final = ("nba", "nhl", "nfl", "mlb")


def _nickname(full: str) -> str:
    parts = full.split()
    pair = " ".join(parts[-2:])
    return pair if pair in _TWO_WORD_NICKNAMES else parts[-1]


def _tables() -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    full: dict[str, str] = {}
    nick: dict[str, set[str]] = {}
    for league, text in zip(LEAGUES, (_NBA, _NHL, _NFL, _MLB), strict=True):
        for name in split_names(text):
            full[name] = league
            nick.setdefault(_nickname(name), set()).add(league)
    for name, league in _EXTRA_NICKNAMES.items():
        nick.setdefault(name, set()).add(league)
    return full, {name: frozenset(leagues) for name, leagues in nick.items()}


FULL_NAMES, NICKNAMES = _tables()


def is_college(side: str) -> bool:
    """Tell whether a side such as `iowa state cyclones` is a school's team; professional names are asked first."""
    parts = side.split()
    if len(parts) < 2:
        return side in SCHOOLS
    if " ".join(parts[-2:]) in COLLEGE_PAIRS:
        return True
    if len(parts) == 2 and " ".join(parts) in SCHOOLS:
        return True
    return parts[-1] in COLLEGE_NICKNAMES or parts[-1] in NICKNAMES or " ".join(parts[-2:]) in _TWO_WORD_NICKNAMES
