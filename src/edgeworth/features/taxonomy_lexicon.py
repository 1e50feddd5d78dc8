"""All concepts together, and the shields: phrases that mean none of what their words mean elsewhere."""

from typing import Final

from edgeworth.features.taxonomy_words_play import MONEY_WORDS, SPORT
from edgeworth.features.taxonomy_words_world import CULTURE, GEO, POWER, WORLD

SHIELDS: Final = """
    turkey roast, roast turkey, thanksgiving turkey, turkey prices, activision blizzard, steve jobs, ryan wedding,
    the wedding singer, bill clinton, bill gates foundation, bill ackman, bill belichick, bill maher, bill cosby,
    bill burr, bill murray, golden state, golden gate, silver lining, silver screen, air force one, air canada, air
    india, trump card, ripple effect, heat index, sol campbell, ada hegerberg, ada oklahoma, ada ohio, golden age,
    gold standard, apple pie, apple tree, big apple, amazon rainforest, amazon river, meta-analysis, federation cup,
    avalanche warning, snow leopard, jon snow, purple rain, rain man, second degree, first degree, third degree,
    master degree, college degree, state of the union, power outage, apple martin, tesla coil, nikola tesla, link
    to, link between, link up, hype man, hype house, oil painting, olive oil, silver spoon, token gesture, token
    appearance, ice cream, ice age, iron dome, brown bear, house of cards, rock star, snow patrol, polar bear, ton
    of, pump up, fed up, well fed, gold rush, gold coast, silver lake, silver surfer, gold digger, coin toss, coin
    flip, flip a coin, opening coin toss, tour of duty, primary care, primary school, primary school teacher, meteor
    shower, meteoric, royal challengers, degree murder, tron legacy, tron ares, cosmos magazine, house of gucci,
    space jam, space jam 2, mars bar, bruno mars fan, apollo theater, storm area, storm the, stormy, chip war,
    culture war, bidding war, price war, star war, playing cards, yellow card, red card, red cards, ground beef,
    single parent, single mother, album cover art"""
CONCEPTS: Final[dict[str, str]] = {**SPORT, **MONEY_WORDS, **WORLD, **POWER, **GEO, **CULTURE}
