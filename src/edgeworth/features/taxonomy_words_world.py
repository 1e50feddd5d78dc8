"""Concepts of the world, power, wars and culture: each a set of whole phrases, `#` standing for any number."""

from typing import Final

# --- world -----------------------------------------------------------------------------------------------------------
WORLD: Final[dict[str, str]] = {
    "temperature": """
        temperature, temperatures, highest temperature, lowest temperature, global temperature, celsius,
        fahrenheit, hottest, hottest year, hottest month, warmest, coldest, heat wave, heatwave, degrees
        fahrenheit, degrees celsius, temperature increase, degrees hot, hottest on record, hottest year on record,
        el nino, la nina, arctic sea ice, weather""",
    "degrees": "°, degrees, degree, °c, °f",
    "precipitation": """
        rain, rainfall, snow, snowfall, inches of snow, inches of rain, inches of precipitation, precipitation,
        blizzard, white christmas, snowstorm, raining, snowing, rainy""",
    "storm": """
        hurricane, hurricanes, tropical storm, tropical storms, named storm, named storms, typhoon, typhoons,
        tornado, tornadoes, cyclone, tropical cyclone, category 5, category 4, cat 5, winter storm, storm""",
    "storm-context": """
        season, landfall, atlantic, pacific, florida, category, category #, make landfall, form, formed, forms,
        named, noaa, texas, gulf, louisiana, us, usa, us mainland, carolinas, wind, mph, evacuation, damage,
        before, deaths, many, how, hit, hits, strike, warning, record, major hurricane""",
    "disaster": """
        earthquake, earthquakes, magnitude, volcano, volcanic, volcanic eruption, volcanic eruptions, eruption,
        erupt, erupts, vei, wildfire, wildfires, acres burned, palisades fire, eaton fire, fire contained, meteor,
        meteor strike, asteroid, tsunami, flood, flooding, megaquake, supervolcano, yellowstone, solar storm,
        geomagnetic storm, drought, landslide""",
    "musk": "elon musk, elon, musk",
    "twitter": """
        tweet, tweets, tweeted, post, posts, posting, # tweets, truth social, truth social posts, x posts, repost,
        retweet, number of tweets""",
    "ai": """
        ai, ai model, ai models, best ai model, new model, frontier model, model released, artificial
        intelligence, agi, chatgpt, chat gpt, gpt-4, gpt-5, gpt, gpt #, claude, claude mythos, claude opus, claude
        sonnet, gemini #, gemini pro, gemini ultra, google gemini, grok, grok #, deepseek, llama #, llama,
        mistral, qwen, z ai, llm, llms, lmarena, chatbot arena, arena score, text arena, frontiermath, humanity
        last exam, midjourney, sora, moonshot, kimi k2, copilot, superintelligence, style control on, arc-agi,
        swe-bench, hugging face, gemini, nano banana, dall-e, veo #""",
    "aifirm": """
        openai, anthropic, xai, perplexity, perplexity ai, mistral ai, sam altman, ilya sutskever, dario amodei,
        openai ceo""",
    "techfirm": """
        apple, nvidia, tesla, microsoft, google, alphabet, amazon, meta, facebook, instagram, netflix, intel, amd,
        tsmc, samsung, ibm, oracle, palantir, aapl, nvda, tsla, msft, goog, googl, amzn, meta platforms, pltr,
        nflx, uber, airbnb, tiktok, bytedance, twitter, spotify stock, snapchat, reddit, iphone, foldable iphone,
        vision pro, airtag, airtags, macbook, tim cook, mark zuckerberg, zuckerberg, sundar pichai, satya nadella,
        jensen huang, linda yaccarino, cloudflare, aws, crowdstrike, cybertruck, robotaxi, robotaxis, waymo,
        optimus robot, steam machine, threads, linkedin, discord, starlink, neuralink, x money, broadcom, asml,
        arm, coreweave, micron, salesforce, adobe, tesla robotaxi, full self-driving, fsd, largest company,
        second-largest company, third-largest company, largest company in the world, trillion market cap, app
        store, #1 free app, free app, nintendo, sony, huawei, xiaomi, byd, rivian, lucid, quantum computer,
        self-driving, bluesky, doordash, ipad, whatsapp, youtube tv, airpods""",
    "space": """
        spacex, starship, starship launch, starship launches, falcon 9, falcon heavy, nasa, artemis, artemis ii,
        artemis iii, moon landing, land on the moon, lunar mission, lunar lander, lunar, mars, blue origin, new
        glenn, rocket launch, rocket lab, orbit, space, iss, astronauts, astronaut, boeing starliner, starliner,
        satellite, satellites, spacecraft, superheavy, super heavy, polaris dawn, india land, chandrayaan, esa,
        soyuz, voyager""",
    "science": """
        lk-99, superconductor, superconductivity, room-temperature superconductor, nuclear fusion, fusion, higgs,
        physics, aliens, alien, extraterrestrial, ufo, ufos, uap, uaps, life on mars, dark matter, riemann
        hypothesis, millennium prize, p vs np, mh370, quantum computing, cern, time travel, bigfoot, loch ness,
        nobel prize in physics, dinosaur, woolly mammoth, 3i/atlas, comet""",
    "disease": """
        covid, covid-19, coronavirus, measles, bird flu, h5n1, avian flu, flu, mpox, monkeypox, ebola, polio,
        pandemic, epidemic, vaccine, vaccines, vaccination, fda approve, fda approves, fda, cdc, who declares,
        public health emergency, measles cases, outbreak, hantavirus, tuberculosis, malaria, hospitalized,
        hospitalised, cancer, norovirus, ozempic, dengue, virus, disease x, autism, tylenol, cholera, mers,
        variant of concern, life expectancy, pneumonia, mystery pneumonia, pathogen, marburg""",
}
POWER: Final[dict[str, str]] = {
    "trump": """
        trump, donald trump, donald j trump, trumps, realdonaldtrump, potus, melania, melania trump, barron trump,
        donald trump jr, mar-a-lago""",
    "biden": "biden, joe biden, hunter biden, jill biden, bidens",
    "say": """
        say, says, said, mention, mentions, tweet about, use the word, remarks not air, remarks, laugh, during
        debate""",
    "election": """
        election, elections, presidential election, reelection, re-election, by-election, midterm, midterms,
        midterm elections, nominee, nominees, nomination, presidential nomination, primary, primaries, caucus,
        runoff, run-off, first round, second round, 1st round, mayoral, mayoral election, mayor election,
        gubernatorial, governor race, governor election, gubernatorial election, senate race, senate election,
        senate seat, senate seats, house seats, seats, most seats, popular vote, electoral college, electoral
        votes, swing state, swing states, ballot, ballots, referendum, voter turnout, turnout, vote share, voters,
        votes, poll, polls, polling, exit poll, presidency, presidential, win the presidency, vice presidential
        nominee, vp nominee, running mate, vice president nominee, debate, presidential debate, vp debate, iowa
        caucus, super tuesday, balance of power, control the house, control the senate, control of the house,
        control of the senate, house majority, senate majority, national list vote, list vote, constituency,
        bundestag election, snap election, general election, recall election, drop out, drops out, endorse kamala,
        win pennsylvania, win georgia, win michigan, win arizona, win wisconsin, win nevada, win north carolina,
        win texas, win florida, win ohio, win virginia, win iowa, win new hampshire, win minnesota, win new
        mexico, tipping point, flip a state, concede, concedes, inaugurated, nationwide vote, candidates,
        congressional district, parliamentary election, legislative election, municipal election, conclave vote,
        primary winner, redistricting, midterms #, coalition, governor, attorney general race, next mayor,
        leadership election, leadership race, mayor of, mayoral primary, win the house, win the senate, win all #,
        electoral vote, blue wave, red wave, silver bulletin, fivethirtyeight, 538, turnout be, elected,
        bundestag, by-elections, endorse for, electorate, caucuses, candidate""",
    "party": """
        democrats, democrat, democratic, republican, republicans, gop, democratic party, republican party, labour,
        labour party, tories, tory, conservatives, conservative party, reform uk, afd, cdu, spd, liberal party,
        liberals, ndp, rnc, dnc, libertarian, green party, kamala harris, kamala, harris, desantis, ron desantis,
        nikki haley, haley, vivek ramaswamy, rfk jr, robert f kennedy jr, gavin newsom, newsom, jd vance, vance,
        tim walz, bernie sanders, alexandria ocasio-cortez, aoc, mamdani, zohran mamdani, chris christie, mike
        pence, marianne williamson, cornel west, macron, le pen, farage, nigel farage, bolsonaro, lula, milei,
        javier milei, modi, erdogan, trudeau, poilievre, starmer, keir starmer, sunak, rishi sunak, scholz, merz,
        meloni, orban, netanyahu, zelenskyy, zelensky, putin, xi jinping, maduro""",
    "office": """
        next prime minister, prime minister of, leader of, head of state, next leader out, next president of, next
        chancellor, next pope, de facto leader of, functional leader of, president of the state""",
    "vote": """
        presidential election, presidential nomination, most seats, parliamentary election, parliamentary
        elections, legislative election, general election, state election, state elections, municipal election,
        mayoral election, mayor election, governor election, gubernatorial election, local elections, midterm
        elections, senate election, senate race, special election, primary election, vice presidential nominee,
        democratic nominee, republican nominee, democratic nomination, republican nomination, presidential
        nominee, by-election, election, elections, midterms, popular vote, electoral college, referendum,
        legislative assembly election, national assembly election, balance of power, voter turnout, republican
        primary, democratic primary, senate primary, governor primary, presidential primary, runoff,
        gubernatorial, governor race, president in #, presidency in #""",
    "trial": """
        sentenced, guilty, not guilty, convicted, conviction, pardon, pardoned, custody, charged, federally
        charged, criminally charged, indicted, indictment, trial, prison, prison time, jail, jailed, plead guilty,
        acquitted, extradited, arrested, arrest, hung jury, verdict, all counts""",
    "leader": """
        prime minister, president of, head of state, leader of, next leader, leader out, next leader out, supreme
        leader, chancellor, next chancellor, out as president, out as prime minister, out as leader, pm of, next
        pm, king of, next pope, monarch, premier, next president, taoiseach, no confidence, no-confidence, vote of
        no confidence, leadership change, party leader, regime fall, regime falls, remain in power, out as pm,
        step down as leader, new prime minister, impeached as president, resign as president, out as chancellor,
        form a government, next government, interim president, de facto leader, next supreme leader""",
    "head": """
        starmer, keir starmer, netanyahu, putin, xi jinping, maduro, macron, trudeau, sunak, rishi sunak,
        zelenskyy, zelensky, khamenei, ali khamenei, lula, milei, modi, erdogan, orban, scholz, merz, meloni, kim
        jong un, kim jong-un, gustavo petro, petro, bolsonaro, liz truss, boris johnson, claudia sheinbaum,
        sheinbaum, mark carney, carney, albanese, ishiba, takaichi, sanae takaichi, yoon suk yeol, lee jae-myung,
        pedro sanchez, lukashenko, assad, al-sisi, mbs, bin salman, king charles, shigeru ishiba, michel barnier,
        francois bayrou, lecornu, sebastien lecornu, diaz-canel, miguel diaz-canel, noboa, boluarte, marcos,
        duterte, petr fiala, ursula von der leyen, aleksandar vucic, vucic, pezeshkian, mojtaba khamenei, delcy
        rodriguez, lai ching-te""",
    "out": """
        out, out as, out by, resign, resigns, step down, steps down, removed, ousted, leave office, leaves office,
        cease to be, fired, exiled, flee, overthrown, arrested, dead, die, dies, survive""",
    "congress": """
        congress, senate, senator, senators, house of representatives, speaker, speaker of the house, house
        speaker, house vote, senate vote, filibuster, bill, bills, act, act becomes law, becomes law, become law,
        signed into law, save act, big beautiful bill, reconciliation, caucus vote, mike johnson, kevin mccarthy,
        mitch mcconnell, hakeem jeffries, chuck schumer, john thune, jim jordan, george santos, matt gaetz,
        impeach, impeached, impeachment, articles of impeachment, congressman, congresswoman, congressional,
        discharge petition, ndaa, senate pass, house pass, expelled, censure, ukraine aid bill, congressional
        hearing, subpoena, foreign aid package""",
    "shutdown": """
        government shutdown, gov shutdown, dhs shutdown, debt ceiling, debt limit, government funding, continuing
        resolution, funding lapse, us shutdown, the shutdown, shutdown end, shutdown ends, shutdown begin,
        shutdown last, partial shutdown, federal shutdown, government funding bill""",
    "courts": """
        scotus, supreme court, court, judge, jury, trial, convicted, conviction, indicted, indictment, charged,
        federally charged, criminally charged, charges, sentence, sentenced, prison, jail, jailed, guilty, not
        guilty, plead, plea, pardon, pardons, pardoned, commute, arrested, arrest, lawsuit, sue, sues, sued,
        custody, extradited, extradition, bail, epstein, epstein files, epstein list, jeffrey epstein, ghislaine
        maxwell, luigi mangione, mangione, felony, acquitted, deport, deported, deportation, verdict, mistrial,
        gag order, contempt, diddy trial, settlement, appeal, derek chauvin, hung jury, death penalty, executed,
        antitrust, justice alito, justice thomas, clarence thomas, sotomayor, criminal case, convict, jack smith,
        hush money""",
    "cabinet": """
        cabinet, secretary, secretary of defense, secretary of state, treasury secretary, attorney general,
        defense secretary, press secretary, director of, fbi director, cia director, head of, surgeon general,
        ambassador, confirmed as, nominate, nominated, nominates, nominee for secretary, confirmation, senate
        confirm, doge, department of government efficiency, pete hegseth, hegseth, pam bondi, bondi, kash patel,
        marco rubio, rubio, kristi noem, noem, tulsi gabbard, scott bessent, bessent, lee zeldin, howard lutnick,
        rfk, dan bongino, chief of staff, white house, administration, czar, border czar, sec chair, gary gensler,
        paul atkins, fda commissioner, irs, fbi, cia, epa, usaid, nih, department of education, federal employees,
        dhs, homeland security, mayorkas, mike waltz, susie wiles, stephen miller, fema, national guard,
        insurrection act, census, homan, tom homan, fcc, doj, faa, ice shooter, ice agent, ice agents, ice
        director, trump administration""",
    "lawother": """
        law, legal, legalize, legalise, legalization, legalized, ban, banned, bans, weed, marijuana, cannabis,
        rescheduled, abortion, gun, immigration, protest, protests, riot, rent, nyc, mayor, grocery store, state
        of emergency, martial law, pride, minimum wage, daylight savings, daylight saving, penny, constitution,
        amendment, tax, taxes, refund, stimulus, gambling, 51st state, statehood, strike deal, union, workers,
        border, military draft, draft authorized, social security, student loan, student loans, medicare,
        medicaid, insurance, parliament, approval rating, approval, favorability, governor of, secession, jfk
        files, assassination, declassify, declassifies, gold card, airport, tsa""",
}
GEO: Final[dict[str, str]] = {
    "ukraine": """
        ukraine, ukrainian, ukrainians, kyiv, kiev, zelenskyy, zelensky, crimea, donbas, donetsk, luhansk,
        kherson, zaporizhzhia, kharkiv, bakhmut, avdiivka, pokrovsk, kupiansk, kursk, odesa, kerch, kerch bridge,
        kostyantynivka, kramatorsk, sloviansk, lyman, huliaipole, hulyaipole, myrnohrad, siversk, chasiv yar,
        toretsk, robotyne, melitopol, tokmak, vovchansk, sumy, rodynske, prymorske, orikhiv, dobropillia,
        stepnohirsk, ternuvate, zelenskyy and putin""",
    "russia": """
        russia, russian, russians, putin, kremlin, moscow, wagner, prigozhin, navalny, lavrov, medvedchuk,
        vladimir putin""",
    "mideast": """
        iran, iranian, irans, israel, israeli, israelis, gaza, hamas, hezbollah, houthi, houthis, lebanon,
        lebanese, syria, syrian, yemen, iraq, iraqi, strait of hormuz, hormuz, khamenei, ali khamenei, mojtaba
        khamenei, netanyahu, palestine, palestinian, palestinians, kuwait, qatar, bahrain, uae, united arab
        emirates, saudi arabia, saudi, west bank, kharg, kharg island, tehran, beirut, assad, kurds, kurdish,
        kurdistan, idf, rafah, khan younis, fordow, natanz, irgc, red sea, jerusalem, tel aviv, ayatollah, reza
        pahlavi, pahlavi, golan, sinai, houthi strike, bab el-mandeb, oman, abraham accords, middle east, board of
        peace, al-ahli, nasrallah, sinwar, araghchi, ghalibaf, enriched uranium, jcpoa, suez canal, suez, hostages""",
    "asia": """
        china, chinese, taiwan, taiwanese, xi jinping, xi, ccp, beijing, north korea, north korean, kim jong un,
        kim jong-un, dprk, south korea, south china sea, india, indian, pakistan, pakistani, kashmir, philippines,
        myanmar, thailand, cambodia, afghanistan, taliban, japan, japanese, zhang youxia, hong kong, bangladesh,
        nepal, vietnam, indonesia, pla, senkaku, second thomas shoal, li keqiang, qin gang, jimmy lai""",
    "americas": """
        venezuela, venezuelan, maduro, cuba, cuban, diaz-canel, mexico, mexican, cartel, cartels, greenland,
        panama canal, panama, colombia, colombian, haiti, argentina, brazil, brazilian, ecuador, guyana,
        essequibo, nicaragua, latin american, latin america, bolivia, peru, chile, honduras, el salvador, bukele,
        falklands, canada, canadian, machado, maria corina machado, puerto rico""",
    "elsewhere": """
        sudan, ethiopia, eritrea, somalia, somaliland, niger, mali, nigeria, gabon, drc, congo, rwanda, m23,
        libya, serbia, kosovo, armenia, azerbaijan, nagorno-karabakh, georgia protests, egypt, turkey, turkish,
        ecowas, south africa, uganda, kenya, chad, burkina faso, moldova, transnistria, belarus, lukashenko,
        poland, finland, cyprus, germany, german, france, french, uk, britain, british, scotland, spain,
        catalonia, italy, hungary, romania, greece, european country, any country, any european, country,
        countries, bosnia, algeria, morocco, europe, rsf, el fasher""",
    "alliance": """
        nato, un, united nations, eu, european union, brics, icc, icj, g7, g20, opec, un security council,
        security council, npt, article 5, ambassador, diplomatic, embassy, treaty, new start, nuclear deal, peace
        summit, summit, apec, davos, schengen, world bank, imf, paris agreement, world health organization, out of
        who, leave who, leaves who, withdraw from who""",
    "meet": """
        meet, meets, meet next, meeting, meet with, visit, visits, call, talk, talks, shake hands, handshake,
        phone call, summit, speak to, speak with, bilateral""",
    "war": """
        war, wars, strike, strikes, struck, airstrike, airstrikes, attack, attacks, attacked, invade, invades,
        invasion, military, military action, military clash, military engagement, troops, missile, missiles,
        drone, drones, nuclear, nuke, nukes, nuclear weapon, nuclear test, bomb, bombs, ceasefire, cease-fire,
        truce, peace deal, peace agreement, peace, capture, captures, captured, occupy, offensive, ground
        offensive, annex, annexes, annexation, hostage, hostages, sanctions, sanction, warship, warships,
        blockade, blockaded, regime, regime fall, regime falls, territory, airspace, evacuate, evacuation,
        normalize relations, normalize, recognize, independence, intercept, assassinate, assassinated,
        assassination, ships transit, transits, tanker, disarm, withdraw, withdraws, withdrawal, conflict, clash,
        fighting, genocide, declare war, declares war, martial law, mobilization, cyberattack, terrorist, terror
        attack, coup, coup attempt, security guarantee, peacekeeping, peacekeepers, oil tanker, seize, seized,
        nuclear facility, uranium, surrender, shot down, re-enter, boots on the ground, casualties, killed,
        militia, sovereignty, expel, expelled, dissolves, bombing, us forces, enter ukraine, naval base, military
        base, armed forces, ground operation, ground forces, ship transits""",
    "us": "us, usa, united states, america, american, washington, pentagon, cia, u s",
}
CULTURE: Final[dict[str, str]] = {
    "movies": """
        movie, movies, film, films, box office, opening weekend, domestic opening weekend, rotten tomatoes,
        tomatometer, oscar, oscars, academy award, academy awards, best picture, best actor, best actress, best
        director, best supporting actor, best supporting actress, best animated, best animated feature, best
        original screenplay, best adapted screenplay, best cinematography, best costume design, best international
        feature, james bond, golden globe, golden globes, bafta, baftas, sag awards, marvel, avengers, star wars,
        disney, pixar, top grossing movie, grossing, highest grossing, gross, oppenheimer, barbie, wicked, dune,
        superman, toy story, snow white, letterboxd, cannes, palme d'or, venice film festival, metacritic movie,
        avatar, mission impossible, hunger games, sequel, critics choice, razzie, razzies, choice awards, john
        wick, batman, domestically""",
    "music": """
        album, albums, song, songs, spotify, billboard, billboard hot 100, hot 100, grammy, grammys, grammy
        awards, music video, eurovision, televote, jury winner, concert, headline, coachella, glastonbury, album
        of the year, song of the year, record of the year, drake, kendrick lamar, kanye, kanye west, playboi
        carti, carti, bad bunny, the weeknd, billie eilish, olivia rodrigo, sabrina carpenter, beyonce, rihanna,
        bts, blackpink, bruno mars, ariana grande, ed sheeran, travis scott, a$ap rocky, frank ocean, album sales,
        apple music, debut week, eurovision song contest, lil uzi, lil uzi vert, rock and roll hall, mtv, vmas,
        top artist, monthly listeners, rapper, charlie puth, iheart, nba youngboy, dua lipa, harry styles, lady
        gaga, world tour, new single, kanye west tour, wireless headliner""",
    "tv": """
        tv, tv show, netflix show, season #, episode, episodes, series finale, finale, stranger things, emmy,
        emmys, big brother, love island, the bachelor, the bachelorette, bachelorette, survivor, the traitors,
        dancing with the stars, american idol, the voice, squid game, house of the dragon, game of thrones, the
        last of us, the white lotus, white lotus, succession, hbo, netflix, top global netflix, snl, saturday
        night live, late show, stephen colbert, jimmy kimmel, kimmel, jimmy fallon, celebrity traitors, the boys,
        beast games, masterchef, south park, joe rogan, joe rogan experience, tucker carlson, podcast, love is
        blind, rupaul drag race, peaky blinders, severance, big brother brasil, bridgerton, oscars viewership,
        euphoria""",
    "games": """
        gta, gta vi, gta 6, grand theft auto, video game, video games, game of the year, the game awards,
        minecraft, fortnite, nintendo switch, switch 2, playstation, ps5, ps6, xbox, steam, elden ring, call of
        duty, silksong, hollow knight, half-life 3, half-life, zelda, pokemon, pokemon go, roblox, cyberpunk,
        metacritic, elder scrolls, palworld, starfield, baldur's gate, diablo, world of warcraft, steam awards,
        rockstar""",
    "internet": """
        mrbeast, mr beast, youtube, youtuber, youtubers, subscribers, twitch, streamer, streamers, kick ban, kai
        cenat, ishowspeed, adin ross, xqc, forsen, pewdiepie, views, million views, tiktoker, influencer,
        clavicular, meme, memes, hawk tuah, andrew tate, dr disrespect, asmongold, hasan piker, logan paul, ksi,
        onlyfans, viral, followers, instagram followers, wikipedia, substack, google search, google searches,
        searched, subathon, podcasters, jynxzi, sidemen, kai and speed, faze members, from kick""",
    "religion": """
        pope, pope leo, pope francis, vatican, conclave, papal, cardinal, jesus christ, jesus, church, bishop,
        archbishop, archbishop of canterbury, dalai lama, papacy, rapture, christ return""",
    "celebrity": """
        taylor swift, travis kelce, kim kardashian, kardashian, kylie jenner, oprah, celebrity, celebrities,
        prince andrew, prince harry, meghan markle, meghan, king charles, kate middleton, prince william, royal
        family, royal, timothee chalamet, timothy chalamet, zendaya, tom holland, jay-z, diddy, britney spears,
        justin bieber, selena gomez, hailey bieber, leonardo dicaprio, ben affleck, jennifer lopez, sydney
        sweeney, pete davidson, george clooney, brad pitt, johnny depp, amber heard, will smith, chris rock, ellen
        degeneres, jimmy carter, sexiest man alive, dwayne johnson, the rock, tom cruise, blake lively, justin
        baldoni, cardi b, nicki minaj, emma watson, jeff bezos wedding, melinda gates, bill gates, katy perry,
        miley cyrus, lizzo, alec baldwin, tom brady, gisele, giselle, bianca censori, paris hilton, travis kelce
        and""",
    "speakership": """
        next speaker, speaker of the house, house speaker, vote for speaker, new speaker, as speaker, speaker be
        elected, speaker elected, speaker of the us house, elected speaker, remain speaker, next vote for speaker""",
    "appointed": """
        confirmed as, appointed ambassador, member of the trump administration, trump attorney general, trump
        cabinet, press secretary, secretary of, treasury secretary, defense secretary, attorney general, fbi
        director, director of the fbi, director of the cia, chief of staff, ambassador to, un ambassador,
        confirmed by the senate, out as secretary, out as attorney general""",
    "fight": "fight, fights, rematch, restraining",
    "musicwork": """
        album, new album, albums, song, songs, spotify, billboard, music video, concert, eurovision, world tour,
        debut week""",
    "private": """
        married, marry, wedding, engaged, engagement, divorce, divorced, pregnant, baby, child, children, break
        up, breakup, dating, girlfriend, boyfriend, kids, birth, propose, split up, affair, buttigieg baby,
        sexiest""",
    "prize": """
        nobel, nobel peace prize, nobel prize, pulitzer, booker prize, person of the year, time person of the
        year, time 100, book, miss universe, miss america, miss world, baby names, boy names, girl names, ssa,
        word of the year, magazine cover, met gala, sports illustrated, fashion, restaurant, kitkats, michelin,
        harvard president, harvard, columbia university, ivy league, claudine gay, winds of winter, george rr
        martin, groundhog, punxsutawney phil, birth rate, titanic, titan submarine, submarine, submersible,
        museum, louvre, painting, auction, zoo""",
    "grammyshow": """
        grammys, grammy awards, annual grammy awards, grammy, brit awards, brit award, american music awards,
        vmas, video music awards""",
    "oscarshow": """
        oscars, academy awards, oscar, academy award, golden globe, golden globes, bafta, baftas, sag awards,
        actor awards, critics choice awards, palme d'or""",
    "emmyshow": "emmys, emmy awards, emmy, primetime emmy",
    "wideprize": """
        nobel peace prize, nobel prize, nobel prize in literature, person of the year, pulitzer prize, booker
        prize, fields medal, abel prize""",
    "ceo": "ceo, ceos, cto, chief executive, head of product, founder, layoffs, lay off, employees, chairman",
    "epsteinisland": "epstein island, visited epstein, epstein's island",
}
