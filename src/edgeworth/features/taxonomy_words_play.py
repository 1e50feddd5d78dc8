"""Concepts of sport and money: each a set of whole phrases, `#` standing for any number."""

from typing import Final

# --- sport -----------------------------------------------------------------------------------------------------------
SPORT: Final[dict[str, str]] = {
    "esports": """
        lol, league of legends, counter-strike, counter strike, cs2, cs:go, csgo, dota 2, dota, valorant, rocket
        league, overwatch, call of duty league, cdl, rainbow six, rainbow six siege, mobile legends, mlbb, honor
        of kings, starcraft, starcraft ii, street fighter, pubg, apex legends, vct, lck, lpl, lec, lcs, cblol,
        first stand, mid-season invitational, iem, iem katowice, iem cologne, pgl, esl, esl pro league, esl one,
        blast slam, blast open, blast premier, blast bounty, dreamleague, esports, esports world cup, esport, the
        international #, worlds #, age of empires, ea sports fc pro, faze clan, natus vincere, navi, team liquid,
        team vitality, cloud9, fnatic, gen.g, optic, astralis, msi, roster move, roster change, esports team,
        worlds finals, first blood, most kills, rounds handicap, total rounds over under, map pool""",
    "tennis": """
        tennis, wimbledon, roland garros, french open, australian open, us open, atp, atp finals, wta, davis cup,
        billie jean king cup, fed cup, laver cup, united cup, miami open, indian wells, madrid open, italian open,
        monte carlo masters, monte-carlo masters, rolex monte carlo masters, cincinnati open, canadian open,
        shanghai masters, paris masters, australian open men, men singles, women singles, mens singles, womens
        singles, internazionali bnl d'italia, mutua madrid open, queen club championships, grand prix hassan, clay
        court championships, tennis grand prix, ladies linz, carlos alcaraz, jannik sinner, novak djokovic, rafael
        nadal, roger federer, alexander zverev, daniil medvedev, taylor fritz, iga swiatek, aryna sabalenka, coco
        gauff, elena rybakina, jessica pegula, madison keys, naomi osaka, emma raducanu, holger rune, stefanos
        tsitsipas, casper ruud, andrey rublev, ben shelton, jack draper, lorenzo musetti, grand slam titles""",
    "cricket": """
        cricket, ipl, indian premier league, psl, pakistan super league, big bash, wpl, sa20, ilt20, caribbean
        premier league, cpl, the ashes, t20, t20 world cup, t20 series, t20i, odi, odi series, test match, test
        series, cricket world cup, icc champions trophy, lanka premier league, bangladesh premier league, county
        championship, most sixes, top batter, asia cup, major league cricket, super giants, royal challengers,
        sunrisers, knight riders, rajasthan royals, punjab kings, chennai super kings, mumbai indians, gujarat
        titans, icc t20, bbl cricket, ranji trophy, wncl, sheffield shield, wins the toss, county cricket""",
    "ufc": """
        ufc, mma, mixed martial arts, boxing, boxer, heavyweight title, heavyweight champion, welterweight,
        lightweight, bantamweight, featherweight, flyweight, middleweight, light heavyweight, heavyweight,
        strawweight, pfl, bellator, jake paul, logan paul fight, tyson fury, anthony joshua, oleksandr usyk,
        canelo alvarez, conor mcgregor, jon jones, khamzat chimaev, ilia topuria, islam makhachev, alex pereira,
        dana white, by ko, by submission, by ko or tko, knockout, mayweather, pacquiao, terence crawford, gervonta
        davis, ryan garcia, mike tyson, fight next, title fight""",
    "golf": """
        golf, golfer, pga, pga tour, pga championship, liv golf, ryder cup, masters tournament, the masters, open
        championship, players championship, presidents cup, genesis invitational, us open golf, fedex cup, tour
        championship, arnold palmer invitational, memorial tournament, scottie scheffler, rory mcilroy, tiger
        woods, bryson dechambeau, jon rahm, hole in one, hole-in-one, top # at the masters, tgl, farmers insurance
        open, sony open, pebble beach pro-am, phoenix open, rbc heritage, travelers championship, zurich classic,
        valspar championship, houston open, rocket classic, john deere classic, 3m open, wyndham championship,
        scottish open, canadian open golf, sentry, american express tournament, texas open, cj cup""",
    "f1": """
        f1, formula 1, formula one, drivers champion, drivers' champion, drivers' championship, drivers
        championship, drivers standings, constructors' champion, constructors champion, constructors'
        championship, constructors championship, pole position, max verstappen, lewis hamilton, charles leclerc,
        lando norris, oscar piastri, fernando alonso, kimi antonelli, fastest pit stop, fastest lap, sprint
        qualifying""",
    "grandprix": "grand prix, gp",
    "otherrace": "motogp, nascar, daytona 500, indycar, indy 500, formula e, le mans, moto gp, wrc",
    "rugby": """
        rugby, six nations, super rugby, all blacks, springboks, rugby world cup, nrl, state of origin, afl, super
        league rugby, premiership rugby, rugby championship, united rugby championship, afl premiership, top 14,
        bordeaux begles, clermont auvergne, racing 92, stade toulousain, leinster, munster rugby""",
    "othersport": """
        olympic, olympics, olympic games, winter olympics, summer olympics, paralympics, chess, world chess
        championship, candidates tournament, fide, magnus carlsen, hans niemann, tour de france, giro d'italia,
        vuelta, cycling, darts, pdc, snooker, table tennis, badminton, volleyball, handball, pickleball, ppa,
        swimming, track and field, athletics championships, marathon, world record in the #, commonwealth games,
        asian games, gold medals, gold medal, medal count, silver medals, bronze medal, medals, kentucky derby,
        preakness, belmont stakes, grand national, horse racing, hot dog eating contest, wrestlemania, wwe, royal
        rumble, lacrosse, sailing, skiing, figure skating, ski jumping, curling, biathlon, usain bolt, noah lyles,
        judd trump, nathan chen, x games, surfing, skateboarding, wimbledon darts, speedrun""",
    "nba": """
        nba, nba finals, nba draft, nba cup, nba all-star, lebron, lebron james, nikola jokic, luka doncic,
        stephen curry, giannis, giannis antetokounmpo, kevin durant, wembanyama, victor wembanyama, shai
        gilgeous-alexander, james harden, anthony edwards, jayson tatum, bronny james, joel embiid, adam silver,
        western conference finals, eastern conference finals""",
    "hoops": """
        rebounds, assists, steals, 3-pointers, three pointers, triple-double, triple double, double-double, points
        o/u""",
    "basketball": """
        basketball, wnba, euroleague, eurocup, fiba, eurobasket, kbl, b.league, basketball bundesliga, acb, nbl,
        las vegas aces, indiana fever, minnesota lynx, seattle storm, new york liberty, chicago sky, connecticut
        sun, dallas wings, atlanta dream, phoenix mercury, los angeles sparks, washington mystics, golden state
        valkyries, caitlin clark, angel reese, unrivaled, b league, basquetbol, liga endesa, aba league, bsl, bbl,
        liga acb, lnb pro a, greek basket league, basketball champions league, basketbol, basket league, lba""",
    "nhl": """
        nhl, stanley cup, nhl draft, hart trophy, vezina trophy, norris trophy, calder trophy, presidents' trophy,
        art ross, rocket richard, conn smythe, hockey, ice hockey, iihf, khl, shl, connor mcdavid, sidney crosby,
        alex ovechkin, ovechkin, 4 nations face-off, auston matthews, macklin celebrini""",
    "nfl": """
        nfl, super bowl, superbowl, pro bowl, afc championship, nfc championship, afc east, afc west, afc north,
        afc south, nfc, nfl draft, pro football champion, pro football, patrick mahomes, aaron rodgers, josh
        allen, lamar jackson, joe burrow, jalen hurts, halftime show, touchdown, touchdowns, passing yards,
        rushing yards, receiving yards, sunday night football, monday night football, thursday night football,
        fantasy quarterback, fantasy wide receiver, fantasy tight end, fantasy running back, fantasy flex player,
        top fantasy, qb, quarterback, wide receiver, tight end, running back, rush for, rushing record, nfl week,
        hail mary pass, tnf, snf, mnf""",
    "mlb": """
        mlb, world series, home run derby, home runs, home run, cy young, al mvp, nl mvp, american league,
        national league mvp, nrfi, run scored in the first inning, first inning, baseball, world baseball classic,
        kbo, npb, shohei ohtani, ohtani, aaron judge, juan soto, al east, al west, al central, nl east, nl west,
        nl central, alcs, nlcs, spring training, total bases, strikeouts""",
    "college": """
        ncaa, march madness, college football, college football playoff, cfp, cfb, cbb, final four, sweet sixteen,
        sweet 16, elite eight, heisman, heisman trophy, rose bowl, sugar bowl, orange bowl, cotton bowl, peach
        bowl, fiesta bowl, acc championship, sec championship, big ten, big 12, big east, pac-12, cbb
        championship, ncaa tournament, frozen four, transfer portal, march mania, college basketball, national
        championship game""",
    "soccer": """
        soccer, premier league, english premier league, epl, efl, efl cup, carabao cup, fa cup, community shield,
        championship playoff, league one, la liga, laliga, copa del rey, serie a, coppa italia, bundesliga,
        bundesliga 2, dfb pokal, dfb-pokal, ligue 1, ligue 2, coupe de france, eredivisie, primeira liga, scottish
        premiership, super lig, champions league, ucl, europa league, uefa, conference league, uefa super cup,
        club world cup, world cup, fifa, fifa world cup, world cup qualifier, euro 2024, euro 2028, euros, copa
        america, gold cup, nations league, afcon, africa cup of nations, copa libertadores, copa sudamericana,
        saudi pro league, a-league, j-league, j league, k league, mls, mls cup, liga mx, brasileirao, argentine
        primera, chinese super league, indian super league, ballon d'or, golden boot, top goal scorer, top
        goalscorer, top scorer, goalscorer, clean sheets, clean sheet, both teams to score, relegated, relegation,
        transfer window, sign with a new club, hat trick, penalty shootout, messi, lionel messi, ronaldo,
        cristiano ronaldo, mbappe, kylian mbappe, erling haaland, haaland, lamine yamal, mohamed salah, neymar,
        harry kane, jude bellingham, vinicius junior, pep guardiola, xabi alonso, ole gunnar solskjaer, ruben
        amorim, arne slot, jose mourinho, carlo ancelotti, erik ten hag, manchester united, man united, man utd,
        manchester city, man city, real madrid, fc barcelona, barcelona win, atletico madrid, club atletico de
        madrid, bayern munich, bayern munchen, fc bayern munchen, borussia dortmund, bayer leverkusen, paris
        saint-germain, psg, juventus, inter milan, ac milan, as roma, ssc napoli, inter miami, arsenal, chelsea
        fc, tottenham, tottenham hotspur, nottingham forest, aston villa, west ham, crystal palace, leicester
        city, leeds united, lafc, wrexham, uswnt, usmnt, football club, goal of the season, ksi league, us open
        cup, chelsea manager, permanent manager, caretaker manager, next manager, river plate, boca juniors,
        liverpool, everton, newcastle united, benfica, al hilal, al-hilal, al nassr, al-nassr, al ahli, saudi
        professional league, friendlies, promoted to, promotion to, achieve promotion, premier league #, fa cup
        winner, go to penalties, extra time""",
    "winword": """
        win, wins, winner, beat, beats, champion, champions, championship, finals, final, playoffs, playoff, make
        the playoffs, draft, mvp, season, conference, western conference, eastern conference, division, title,
        trade, traded, coach, head coach, sign, roster, rookie, regular season, series, game, games, match,
        quarterback, no. 1 seed, seed, trophy, cup, tournament, retire, play for, player of the year, score,
        points, top seed, defensive player of the year""",
}
# --- money -----------------------------------------------------------------------------------------------------------
MONEY_WORDS: Final[dict[str, str]] = {
    "btc": "bitcoin, btc, xbt, bitcoins, satoshi, btcusd, btcusdt, $btc",
    "eth": "ethereum, ether, eth, ethusd, ethusdt, $eth",
    "alt": """
        solana, xrp, ripple, cardano, avax, dogecoin, bnb, litecoin, ltc, chainlink, polkadot, hyperliquid, shiba
        inu, monero, zcash, toncoin, polygon, matic, aptos, arbitrum, trx, uniswap price, bitcoin cash, stellar
        lumens, xlm, hedera, hbar, filecoin, dogwifhat, fartcoin, pengu, solusd, solusdt, xrpusd, memecoin,
        memecoins, altcoin, altcoins, worldcoin, ethena, jupiter token, trumpcoin, melania coin, pi coin, kaspa,
        bittensor, near protocol, internet computer, vechain, algorand, cosmos atom, injective, celestia,
        pepecoin, trump coin, official trump""",
    "altweak": """
        sol, ada, doge, hype, link, dot, pepe, wif, atom, uni, apt, arb, op, sei, tia, strk, zec, xmr, avalanche,
        pump, penguin, near, sui, ton, ondo, aave, pi, tron, bonk, floki""",
    "updown": """
        up or down, opens up or down, higher or lower, opens up, green or red, close higher than it opened, close
        green""",
    "pricing": """
        price of, price, reach, reaches, hit, hits, dip, dip to, dip below, dips, above, below, between, all time
        high, all-time high, ath, new all time high, close above, close below, worth, trade above, trade at,
        outperform, flip, flipped, flippening, crash, surge, best month, best performance, candle, volatility
        index, market cap, market dominance, dominance, less than, greater than, settle, under, over, drop, drops,
        fall, falls, rise, rally, low, high, exceed, surpass, touch, touches, peak, end the year, higher, lower,
        first to""",
    "token": """
        airdrop, airdrops, fdv, launch a token, launches a token, token launch, launch token, launches token,
        public sale, presale, ico, tge, token, tokens, perform an airdrop, market cap fdv, nft, nfts, floor price,
        cryptopunks, opepen, bored ape, pudgy penguins, mainnet launch, testnet, tokenized, launch a coin, token
        sale, committed to the, coin be first, pump.fun coin, goes live on mainnet""",
    "cryptofirm": """
        crypto, cryptocurrency, cryptocurrencies, cryptos, stablecoin, stablecoins, usdc, usdt, usde, tether,
        usd1, depeg, depegs, coinbase, binance, okx, bybit, kraken ipo, kucoin, ftx, gemini ipo, gemini exchange,
        microstrategy, mara, metaplanet, michael saylor, saylor, strategic bitcoin reserve, bitcoin reserve, cex,
        defi, blockchain, web3, satoshi nakamoto, vitalik, vitalik buterin, do kwon, sbf, sam bankman-fried,
        opensea, metamask, uniswap, pump.fun, pumpfun, megaeth, polymarket, kalshi, sha-256, hodl, bitcoin
        treasury, bitcoin etf, ethereum etf, solana etf, xrp etf, doge etf, litecoin etf, cardano etf, spot btc
        etf, spot bitcoin etf, etf flows, bitmine, genius act, clarity act, listed on binance, listed on coinbase,
        layerzero, zksync, starknet, eigenlayer, berachain, friend tech, hashrate, halving, bitcoin halving,
        pectra, mt gox, tornado cash, ledger wallet, grayscale, bitwise, celsius network, insider trading on
        polymarket, changpeng zhao, crypto hack""",
    "etf": "etf, etfs, exchange-traded fund",
    "index": """
        s&p 500, s&p, spx, spy, nasdaq, nasdaq 100, nasdaq composite, ndx, qqq, dow jones, djia, dji, dow, russell
        2000, rut, nikkei, nikkei 225, nik, nky, ftse, ftse 100, ukx, dax, hang seng, hsi, kospi, stock market,
        stock markets, stocks crash, vix, euro stoxx, cac 40, nifty, sensex, ibovespa, circuit breaker, circuit
        breakers, wall street""",
    "commodity": """
        crude oil, crude, wti, wti crude oil, brent, brent crude, oil price, oil prices, natural gas, gas prices,
        gas price, xauusd, xagusd, gold price, silver price, price of gold, price of silver, price of oil, price
        of natural gas, copper, platinum, palladium, uranium price, wheat, corn, soybeans, lumber, coffee price,
        cocoa, egg prices, price of eggs, dozen eggs, eggs cost, gallon of gas, gas hit, opec, strategic petroleum
        reserve, coffee, oil hit, oil hits, oil be, silver hit, gold hit, gold close, silver close, gold gc,
        silver si, gold cross, gold end, gold above, gold below, gold reach, gold and silver, or eth, barrel""",
    "metal": "gold, silver, oil",
    "level": "dip to, dips to",
    "inflation": """
        inflation, cpi, pce, core cpi, core pce, consumer price index, deflation, hyperinflation, annual
        inflation, monthly inflation""",
    "jobs": """
        unemployment, unemployment rate, jobs report, jobs added, nonfarm payrolls, non-farm payrolls, payrolls,
        jobless claims, job openings, jolts, jobs numbers, jobs, writers guild, auto workers, uaw, union strike,
        port strike, sag-aftra, longshore, dockworkers, labor strike, teamsters, collective bargaining, nurses
        strike, teachers strike, rail strike, workers strike""",
    "growth": """
        gdp, gdp growth, recession, us recession, national debt, housing market, home prices, house prices, home
        value, median home, mortgage rate, mortgage rates, bank failure, bank failures, bank fail, credit rating,
        downgrade us, retail sales, ism, pmi, trade deficit, budget deficit, deficit, treasury yield, 10-year
        treasury, 10y treasury, 10-year yield, yield curve, default on debt, economy, depression, average rent,
        federal spending, government spending""",
    "trade": """
        tariff, tariffs, trade deal, trade agreement, trade war, usmca, section 122, reciprocal tariffs, export
        controls, import ban""",
    "fed": """
        federal reserve, fomc, fed chair, fed chairman, jerome powell, powell, fed rate, fed rates, fed rate cut,
        fed rate cuts, fed interest rates, fed funds, federal funds rate, federal funds, fed, fed decision, fed
        decisions, fed cut, fed hike, fed emergency, fed governor, fed board, lisa cook, kevin hassett fed, beige
        book, fed minutes, fed meeting, warsh confirmed, warsh fed""",
    "bps": """
        bps, bps increase, bps decrease, basis points, rate cut, rate cuts, rate hike, rate hikes, interest rates,
        interest rate, no change""",
    "meeting": """
        meeting, march meeting, july meeting, dec meeting, after march meeting, december meeting, september
        meeting, november meeting, june meeting, may meeting, january meeting""",
    "centralbank": """
        bank of japan, boj, bank of england, boe, ecb, european central bank, bank of canada, bank of mexico,
        banxico, bank of brazil, central bank of brazil, selic, selic rate, copom, reserve bank of australia, rba,
        reserve bank of new zealand, rbnz, reserve bank of india, rbi, people's bank of china, people bank of
        china, pboc, swiss national bank, snb, riksbank, norges bank, bank of korea, bank of israel, central bank
        of turkey, turkish central bank, tcmb, cbrt, central bank of russia, bank of russia, bank indonesia,
        central bank""",
    "currency": """
        eur/usd, usd/jpy, gbp/usd, usd/cad, usd/krw, usd/brl, eurusd, usdjpy, gbpusd, usd/try, usd/ars, exchange
        rate, dollar index, dxy, ruble, yen, yuan, usd, rials, iranian rials, lira, turkish lira, argentine peso,
        rial, rupee, euro parity, dollar parity, us dollar, exchange rates, canadian dollar, australian dollar,
        dollar, peso, swiss franc, krona, krone""",
    "deal": """
        ipo, ipos, ipo day, initial public offering, underwriter, public ticker, ticker be, acquired, acquisition,
        acquisitions, acquire, acquires, acquire tiktok, buy tiktok, merger, merge, merges, takeover, buyout,
        chapter 11, bankruptcy, bankrupt, goes public, go public, going public, spin off, close warner bros
        acquisition, warner bros acquisition, funding round, raise funding, valuation, valued at, stock split,
        delisted""",
    "earnings": """
        quarterly earnings, earnings, earnings call, earnings per share, eps, revenue, beat earnings, beat
        quarterly earnings""",
    "stocks": """
        gamestop, gme, amc, bynd, beyond meat, walmart, costco, jpmorgan, goldman sachs, disney stock, boeing,
        general motors, berkshire, berkshire hathaway, exxon, coca-cola, starbucks, mcdonald, pfizer, moderna, eli
        lilly, novo nordisk, opendoor, robinhood, hood, saudi aramco, blackrock, mastercard, share price, deutsche
        bank, stock price, lmt, lockheed martin, citigroup, bank of america, wells fargo, morgan stanley, credit
        suisse, first republic, warner bros, ford motor, stock, opendoor technologies, airlines""",
    "wealth": """
        richest person, richest man, richest woman, richest people, net worth, trillionaire, billionaire,
        billionaires, wealthiest""",
}
