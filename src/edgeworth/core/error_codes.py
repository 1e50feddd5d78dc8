"""The catalogue of error codes: what each means, how it is fixed. `docs/reference/errors.md` is generated from it."""

from typing import NamedTuple


class CodeDoc(NamedTuple):
    """Document one code: `meaning` says what happened, `hint` what to do when the raiser has nothing better."""

    meaning: str
    hint: str


CODES: dict[str, CodeDoc] = {
    # usage
    "unknown-command": CodeDoc("The verb does not exist.", "edgeworth --help"),
    "bad-option": CodeDoc("An option or argument is missing, unknown or malformed.", "add --help to the command"),
    "bad-date": CodeDoc("A date is not understood.", "write 2026-01-31, 2026-01-31T12:00:00Z, 2026-Q1 or 30d"),
    "bad-duration": CodeDoc("A duration is not understood.", "write 15m, 6h, 7d or 2w"),
    "bad-interval": CodeDoc("The start does not lie before the end.", "swap --from and --to, or widen the range"),
    "bad-grid": CodeDoc("A sweep specification is not understood.", "write --grid 'threshold=0.55:0.95:0.05'"),
    "bad-sample": CodeDoc("A sampling rule is not understood.", "write calendar:monday, age:7d or resolution:7d"),
    "bad-number": CodeDoc("A value is not a number, or out of range.", "see --help for the allowed range"),
    "bad-query": CodeDoc("An SQL query cannot be run.", "edgeworth data sql 'select * from markets limit 5'"),
    "bad-name": CodeDoc("A name has characters or a form that is not allowed.", "use letters, digits and dashes"),
    "unknown-strategy": CodeDoc("No strategy has this name.", "edgeworth backtest --list"),
    "unknown-parameter": CodeDoc("The strategy has no such parameter.", "edgeworth backtest --list shows parameters"),
    "bad-parameter": CodeDoc("A strategy's parameter has a value that does not fit.", "see edgeworth backtest --list"),
    "unknown-feature": CodeDoc("No feature has this name.", "see docs/reference/features.md"),
    "feature-not-live": CodeDoc(
        "A feature needs more than the market's own prices, so it cannot follow every change of a book.",
        "use a model whose features are all of price, momentum, volatility, path, horizon and calendar",
    ),
    "unknown-market": CodeDoc("No market matches.", "edgeworth data ls --search WORDS"),
    "ambiguous-market": CodeDoc("Several markets match.", "use the slug or a longer id prefix"),
    "unknown-model": CodeDoc("No model has this name.", "edgeworth train --list"),
    "unknown-run": CodeDoc("No run has this id.", "edgeworth backtest --runs"),
    "unknown-scenario": CodeDoc("No simulated world has this name.", "edgeworth demo --about"),
    "unknown-topic": CodeDoc("There is no explanation under this name.", "edgeworth doctor explain"),
    "unknown-source": CodeDoc("No data source has this name.", "edgeworth data ls --sources"),
    "extra-missing": CodeDoc("An optional part is not installed.", "pip install 'edgeworth[NAME]'"),
    "not-loopback": CodeDoc("The simulated venue serves this computer alone.", "--host 127.0.0.1"),
    "port-busy": CodeDoc("The port cannot be used: something else listens on it.", "--port 0 picks a free one"),
    "file-exists": CodeDoc("The file exists already and is not overwritten.", "choose another name, or pass --force"),
    # trading
    "halt-needs-operator": CodeDoc(
        "The halt does not end by itself.", "edgeworth trade resume, after reading the reason"
    ),
    # config and access
    "config-unknown-key": CodeDoc("The configuration holds a key that does not exist.", "edgeworth doctor config"),
    "config-bad-value": CodeDoc("A setting has a value of the wrong type or range.", "edgeworth doctor config"),
    "config-unreadable": CodeDoc("The configuration file cannot be read or parsed.", "check the TOML syntax"),
    "config-secret": CodeDoc("A secret stands in the configuration file.", "use the environment or the keyring"),
    "home-unwritable": CodeDoc("The home folder cannot be written.", "set EDGEWORTH_HOME to a folder you own"),
    "output-unwritable": CodeDoc("The output cannot be written.", "choose another path with --output"),
    "disk-full": CodeDoc("The disk is full.", "free space, then run the same command again: it resumes"),
    "another-instance": CodeDoc(
        "Another edgeworth process owns this home, or this journal of it.", "wait for it, or use another --home"
    ),
    # collection
    "sandbox-not-running": CodeDoc(
        "The sandbox does not answer.", "start it in another terminal: edgeworth serve --sandbox"
    ),
    "venue-mixed": CodeDoc(
        "This home holds markets of another venue.", "use another --home for it: simulated and real markets never mix"
    ),
    "collect-incomplete": CodeDoc("Not everything that was due could be collected.", "edgeworth data status"),
    # venues
    "venue-timeout": CodeDoc("The venue did not answer in time.", "it is tried again; see data status"),
    "venue-unreachable": CodeDoc("No connection to the venue.", "check the network; it is tried again"),
    "venue-unavailable": CodeDoc("The venue failed on its side.", "it is tried again; see data status"),
    "venue-restarting": CodeDoc("The venue is restarting or accepts only some actions.", "wait; it is tried again"),
    "venue-rate-limited": CodeDoc("The venue asks for fewer requests.", "it is tried again after the stated wait"),
    "venue-circuit-open": CodeDoc(
        "The venue failed several times in a row, so nothing is sent for a while.", "wait; it is tried again"
    ),
    "venue-truncated": CodeDoc("The venue's answer ends too early.", "it is tried again"),
    "venue-not-json": CodeDoc("The venue answered with something other than JSON.", "it is tried again"),
    "venue-too-large": CodeDoc("The venue's answer is larger than allowed.", "ask for less at once"),
    "venue-refused": CodeDoc("The venue understood the request and refused it.", "see the venue's own words"),
    "venue-not-found": CodeDoc("The venue does not know what was asked for.", "check the id"),
    "venue-drift": CodeDoc("The venue's answer has none of the shapes known here.", "upgrade edgeworth"),
    "venue-unauthorised": CodeDoc("The venue does not accept the credentials.", "create or renew the API key"),
    "venue-forbidden": CodeDoc(
        "The venue refuses this place or this client.", "do not try again; check where you connect from"
    ),
    "venue-banned": CodeDoc("The venue has banned this address for a while.", "wait for the stated time"),
    "venue-protocol": CodeDoc("The venue speaks another version of its protocol.", "upgrade edgeworth"),
    "egress-refused": CodeDoc(
        "A request would leave for a host that is not configured.", "see the [endpoints] section of the configuration"
    ),
    "not-listed": CodeDoc("The exchange has no file for this symbol and period.", "choose another symbol or period"),
    "checksum-mismatch": CodeDoc("A downloaded file differs from its published checksum.", "fetch it again"),
    # orders at a venue
    "order-off-tick": CodeDoc(
        "The price of an order is not on the market's grid.", "round it to the tick; it may have changed"
    ),
    "order-too-small": CodeDoc("An order is smaller than the market takes.", "raise its size"),
    "order-bad-expiry": CodeDoc(
        "The expiry of an order does not fit.", "state three minutes at least, for GTD orders only"
    ),
    "order-malformed": CodeDoc(
        "An order's terms contradict each other, or the venue cannot read it.", "see the message"
    ),
    "order-kept": CodeDoc(
        "Trading stopped while an order waited to leave, so it did not.", "edgeworth trade status says why"
    ),
    "order-uncertain": CodeDoc(
        "Whether the venue took the order is not known.", "it counts as open until there is evidence; nothing to do"
    ),
    "order-refused": CodeDoc("The venue refused an order.", "see the venue's own words"),
    "order-no-money": CodeDoc(
        "The account cannot pay for the order, or has not allowed the venue to.", "edgeworth trade check"
    ),
    "order-would-cross": CodeDoc("A post-only order would have traded at once.", "re-price it"),
    "order-not-filled": CodeDoc("An order that may not rest found too little to trade with.", "a normal outcome"),
    "order-no-market": CodeDoc(
        "The market takes no orders: unknown, closed or without a book.", "choose another market"
    ),
    "order-no-book": CodeDoc(
        "No book of this market can be trusted at the moment, so a paper order cannot be judged.", "wait for its stream"
    ),
    "order-id-differs": CodeDoc(
        "The venue names an order differently than it was signed.", "upgrade edgeworth; do not trade with this version"
    ),
    "account-restricted": CodeDoc(
        "The venue has restricted this account.", "see the venue's own words, and its support"
    ),
    # keys and live trading
    "wallet-mismatch": CodeDoc(
        "The wallet's addresses, its kind and the key do not fit together.",
        "compare with the profile page of the venue: the address shown there holds the money",
    ),
    "key-missing": CodeDoc("No wallet key was found.", "edgeworth trade check lists where a key may lie"),
    "key-unusable": CodeDoc("A wallet key cannot be read or opened.", "check the file and its password"),
    "key-exposed": CodeDoc(
        "A wallet key lies where it may not.", "use the keyring, an age or keystore file, or a file descriptor"
    ),
    "signing-failed": CodeDoc("An order could not be signed.", "upgrade edgeworth and its 'live' part"),
    "signer-refused": CodeDoc("The signer process refuses to sign this.", "see its limits in the [wallet] settings"),
    "signer-gone": CodeDoc("The signer process does not answer.", "start trading again"),
    "live-refused": CodeDoc("Live trading does not start: a check did not pass.", "see the checks marked failed"),
    # data
    "file-not-found": CodeDoc("The file does not exist.", "check the path"),
    "file-unreadable": CodeDoc("The file cannot be read.", "check its permissions"),
    "file-truncated": CodeDoc("The file ends in the middle of a record.", "fetch it again; what came before is kept"),
    "format-unknown": CodeDoc("The file has no recognised shape.", "describe it with --mapping FILE.toml"),
    "format-mixed": CodeDoc("The file starts as one shape and goes on as another.", "split the file"),
    "mapping-unreadable": CodeDoc("The mapping file cannot be parsed.", "see docs/how-to/import-own-data.md"),
    "mapping-bad-field": CodeDoc(
        "The mapping names a field that does not exist.", "see the list of fields in the docs"
    ),
    "mapping-bad-column": CodeDoc("The mapping names a column the file does not have.", "compare with the header"),
    "mapping-bad-unit": CodeDoc("The mapping names a unit that does not exist.", "see the list of units in the docs"),
    "bad-examples": CodeDoc("Rows to learn from contradict themselves.", "this is a bug: please report it"),
    "leaky-training": CodeDoc("The rows or the splits know the answer, so no model is saved.", "read the lines named"),
    "dataset-unreadable": CodeDoc("A folder holds no dataset.", "edgeworth train data --output FOLDER makes one"),
    "dataset-mismatch": CodeDoc("Datasets of different features cannot be combined.", "build them again, alike"),
    "promotion-refused": CodeDoc("The condition for promoting a model does not hold.", "edgeworth train show MODEL"),
    "no-rule": CodeDoc("No description of this market is stored.", "collect or import its listing"),
    "too-few-rows": CodeDoc("There is too little data to fit or test anything.", "widen the range or fetch more"),
    "no-trading": CodeDoc("Nothing has been traded in this home.", "edgeworth trade run --paper"),
    "no-markets": CodeDoc("No open market of this home can be traded.", "collect first, or widen the filters"),
    "unknown-order": CodeDoc("No order has this id.", "edgeworth trade orders --all"),
    "kill-unverified": CodeDoc(
        "Orders may still be open after a kill.", "look at the venue; run edgeworth trade kill again"
    ),
    "replay-differs": CodeDoc(
        "A recorded run decides differently when it is decided again.", "report it with edgeworth trade check --json"
    ),
    "demo-trading-failed": CodeDoc("The demo's bot ended early.", "edgeworth demo --no-trade; please report it"),
    "bad-ticks": CodeDoc("A recording of ticks cannot be read.", "restore the file, or begin a new run"),
    "model-not-compiled": CodeDoc(
        "A model cannot be compiled for single rows: it has a member of another kind, or its compiled form disagrees.",
        "train with --models logistic,xgb,lgbm, or decide once per tick",
    ),
    "model-corrupt": CodeDoc("A saved model cannot be read.", "train it again"),
    "model-outdated": CodeDoc(
        "A saved model is of an older make: its features are computed differently today, or its card lacks a date.",
        "train it again: edgeworth train",
    ),
    "columns-missing": CodeDoc(
        "Columns from beyond the prices cannot be made: candles, rules, snapshots or resolved questions are missing.",
        "fetch candles with edgeworth data fetch --candles, or train without these columns",
    ),
    "model-looks-ahead": CodeDoc(
        "A model is silent about instants before the last outcome it learned from was known.",
        "choose a later --as-of, or edgeworth backtest model, which trains anew as time goes by",
    ),
    "forecasts-altered": CodeDoc(
        "Stored forecasts are not as they were written: the chain of their digests is broken.",
        "restore ledger.db from a backup",
    ),
    "store-unreachable": CodeDoc(
        "The database server does not answer.", "check that it runs and that store.market_url names it"
    ),
    "store-corrupt": CodeDoc("A stored file differs from its checksum.", "edgeworth data verify, then import again"),
    "manifest-corrupt": CodeDoc(
        "The list of stored files does not match its own checksum.", "restore manifest.json, or import again"
    ),
    "lake-part-missing": CodeDoc("A stored file is gone.", "restore it, or import its source again"),
    "lake-part-extra": CodeDoc(
        "A file lies in the lake that no import finished.", "harmless: import again, or delete the file"
    ),
    "store-newer": CodeDoc("The home was written by a newer edgeworth.", "upgrade edgeworth"),
    "store-locked": CodeDoc("The database is locked by another process.", "wait for it, or stop it"),
    "store-empty": CodeDoc("There is no data yet.", "edgeworth demo, or edgeworth data import PATH"),
    "no-prices": CodeDoc("No price lies in the chosen range.", "edgeworth data ls shows what is there"),
    "no-resolved": CodeDoc("No market in the chosen range has resolved.", "import resolutions, or widen the range"),
    "coverage-too-low": CodeDoc("Too few of the chosen markets have prices.", "import more, or lower --min-coverage"),
    "price-label": CodeDoc(
        "The price equals the outcome in every row: it was sampled after the resolution.",
        "use prices observed before the outcome was known",
    ),
    "implausible-candles": CodeDoc("The candles do not look like a traded price.", "check the source"),
    "implausible-prices": CodeDoc("The prices do not look like a prediction market's.", "check columns and units"),
    "look-ahead": CodeDoc(
        "The sampling is anchored on the resolution: it looks ahead.",
        "use calendar or age sampling, or pass --allow-look-ahead to see the inflated figure",
    ),
    "hindsight-column": CodeDoc("A column known only afterwards cannot enter a feature frame.", "drop the column"),
    "schema-mismatch": CodeDoc("A frame does not have the columns its schema demands.", "compare with the schema"),
    "audit-failed": CodeDoc(
        "What a rule said changes with what was not known yet: it, or a feature it reads, looks ahead.",
        "the message names the first value that changed; see docs/explanation/audits.md",
    ),
    "not-row-wise": CodeDoc("The rule looks beyond its own row.", "use only columns of `row`, elementwise"),
    "strategy-broken": CodeDoc("The strategy file cannot be loaded or run.", "run its test"),
    "report-unreadable": CodeDoc("The stored run cannot be read.", "run the backtest again"),
    # gates and outcome
    "check-failed": CodeDoc("A check did not pass.", "see the lines marked failed"),
    "fetch-incomplete": CodeDoc(
        "Some of what was asked for could not be fetched.", "run the same command again: it goes on where it stopped"
    ),
    # orders and money
    "order-step": CodeDoc(
        "An order was about to take a step that no order may take.", "this is a bug: please report it"
    ),
    "order-unknown": CodeDoc("The journal knows no such order.", "edgeworth trade orders"),
    "order-bad": CodeDoc("An order cannot be sent as it stands.", "see the message"),
    "journal-altered": CodeDoc(
        "The journal of orders is not as it was written: the chain of its digests is broken.",
        "restore ledger.db from a backup; do not trade on this one",
    ),
    "journal-unreadable": CodeDoc("A journal entry is of a kind that this version does not know.", "upgrade edgeworth"),
    "ledger-unbalanced": CodeDoc(
        "Debits and credits of the trading ledger differ.", "trading is halted; please report it with the journal"
    ),
    "not-recovered": CodeDoc(
        "Trading has not yet been reconciled with the venue since the start.", "wait for it, or see trade status"
    ),
    "store-not-durable": CodeDoc(
        "The database server acknowledges what is not on its disk yet.", "turn fsync and synchronous_commit on"
    ),
    "account-incomplete": CodeDoc("The venue did not give a complete account.", "it is tried again"),
    "import-partial": CodeDoc("Some files could not be imported.", "see the list; the rest is stored"),
    "interrupted": CodeDoc("Stopped by the user.", "run the same command again: it resumes"),
    "internal": CodeDoc("A bug in edgeworth.", "the traceback is in the log file named above; please report it"),
}
