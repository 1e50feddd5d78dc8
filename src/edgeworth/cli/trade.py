"""`edgeworth trade`: run the bot on paper, on the simulated venue or live; look at it, stop it, explain it."""

import getpass
from typing import TYPE_CHECKING, Any

import click

from edgeworth.cli.options import Command, Group, examples, option
from edgeworth.cli.output import advise, configuration, console, emit, print_frame, wants_json
from edgeworth.core.errors import EdgeworthError, GateError, RiskError, UsageError

if TYPE_CHECKING:
    from edgeworth.app.trading import Mode
    from edgeworth.trading.cancelling import Swept
    from edgeworth.trading.record import Line

_BANNER = {
    "paper": "[bold white on grey37] PAPER [/]",
    "sandbox": "[bold white on blue] SANDBOX [/]",
    "live": "[bold black on dark_orange] LIVE [/]",
}
_SIDE = {1: "YES", -1: "NO"}


@click.group("trade", cls=Group)
def command() -> None:
    """Trade on paper, on the simulated venue or live, under hard limits; every order is written down before it is sent.

    Paper is the default and never loads a key. What is legal where is your duty, and nothing here promises a profit.
    """


def _mode(paper: bool, sandbox: bool, live: bool) -> "Mode | None":
    chosen: list[Mode] = [name for name, on in (("paper", paper), ("sandbox", sandbox), ("live", live)) if on]  # type: ignore[misc]
    if len(chosen) > 1:
        raise UsageError("bad-option", "--paper, --sandbox and --live exclude each other")
    return chosen[0] if chosen else None


def _places(function: Any) -> Any:
    """Add the three places where money can be."""
    for flag, words in (
        ("--live", "The real venue."),
        ("--sandbox", "Orders on the simulated venue, over its wire."),
        ("--paper", "Paper money; the default."),
    ):
        function = click.option(flag, is_flag=True, help=words)(function)
    return function


@command.command("run", cls=Command)
@examples(
    "edgeworth trade run --paper",
    "edgeworth trade run --paper --rules crypto-favorite-fade --category crypto --ticks 60",
    "edgeworth trade run --live --confirm 1a2b3c",
)
@_places
@click.option("--rules", multiple=True, metavar="NAME|FILE.py|all", help="Strategies, also separated by commas.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the one rule given.")
@click.option("--market", "markets", multiple=True, metavar="MARKET", help="Only these: slug, id, URL, #number.")
@click.option("--category", default="", help="Only this category, such as crypto or crypto/btc-price.")
@click.option("--model", metavar="NAME", help="Saved model that speaks too; `champion` where there is one.")
@click.option("--no-model", is_flag=True, help="Ask rules only.")
@click.option("--max-markets", type=click.IntRange(1, 2000), default=300, show_default=True, help="Markets watched.")
@click.option("--every", metavar="TIME", default="60s", show_default=True, help="Time between ticks.")
@click.option("--ticks", type=click.IntRange(min=0), default=0, help="Stop after so many; 0 runs until stopped.")
@click.option("--react", is_flag=True, help="Follow the books live; a model that sees an edge in one wakes the bot.")
@click.option("--allow-exhibits", is_flag=True, help="Let the exhibits of failed strategies trade live, too.")
@click.option("--confirm", default="", metavar="TAIL", help="With --live: the last six digits of the wallet's address.")
@click.option("--key-file", "key_fd", type=click.File("rb"), help="With --live: read the key from here; `-` is stdin.")
@click.pass_context
def run(
    ctx: click.Context, paper: bool, sandbox: bool, live: bool, rules: tuple[str, ...], params: tuple[str, ...],
    markets: tuple[str, ...], category: str, model: str | None, no_model: bool, max_markets: int, every: str,
    ticks: int, react: bool, allow_exhibits: bool, confirm: str, key_fd: Any,
) -> None:  # fmt: skip
    """Run the bot: look at the books, ask the strategies, size, check every limit, write down, send, reconcile.

    The first Ctrl-C stops it after the tick under way; orders rest until they expire. A start after a crash is the same
    as any start: the journal is folded and compared with the venue before anything is sent.
    """
    from edgeworth.app.preflight import Said
    from edgeworth.app.signer import key_plan
    from edgeworth.app.trading import Request
    from edgeworth.app.trading_run import run as run_bot
    from edgeworth.core.instants import parse_duration

    mode = _mode(paper, sandbox, live) or "paper"
    config = configuration(ctx)
    key = key_plan(config, fd=key_fd.fileno()) if key_fd is not None else None
    request = Request(
        mode=mode, rules=rules or ("all",), params=params, markets=markets, category=category, model=model,
        no_model=no_model, max_markets=max_markets, every_s=parse_duration(every) / 1e6, most=ticks,
        exhibits=allow_exhibits, react=react, said=Said(live=live, confirm=confirm), key=key,
    )  # fmt: skip
    quiet = bool(option(ctx, "quiet")) or wants_json(ctx)
    out = console(ctx, err=True)

    def started(run_name: str, count: int, silent: str) -> None:
        if not quiet:
            out.print(f"{_BANNER[mode]} {count} markets, run {run_name}; Ctrl-C stops after the tick under way")
            if silent:
                out.print(silent, style="yellow", markup=False, soft_wrap=True)

    def told(line: "Line", outcomes: dict[str, int]) -> None:
        if not quiet:
            out.print(_tick_words(line, outcomes), markup=False, soft_wrap=True)

    def checked(checks: Any) -> None:
        for check in checks:
            if not quiet:
                out.print(f"  {check.status:<4} {check.name}: {check.finding}", markup=False, soft_wrap=True)

    found = run_bot(config, request, started, told, checked)
    if wants_json(ctx):
        emit(ctx, "trade-run", found, next_commands=("edgeworth trade status", "edgeworth report trading"))
        return
    _print_summary(ctx, found)
    advise(ctx, "edgeworth trade status", "edgeworth trade positions", "edgeworth report trading")


def _tick_words(line: "Line", outcomes: dict[str, int]) -> str:
    from edgeworth.core.instants import to_iso
    from edgeworth.core.units import Micros

    wanted = ", ".join(
        f"{'buy' if one.is_buy else 'sell'} {one.shares_e6 / 1e6:g} {'YES' if one.instrument.is_yes else 'NO'} "
        f"#{one.instrument.market_no} @ {one.price_e4 / 1e4:g}"
        for one in line.wanted
    )
    words = f"{to_iso(Micros(line.tick.t))[:19]}  {len(line.tick.books)} books, {len(line.opinions)} opinions"
    return f"{words}{', ' + wanted if wanted else ''}   {_counts(outcomes)}".rstrip()


def _counts(outcomes: dict[str, int]) -> str:
    return " ".join(f"{code}:{count}" for code, count in sorted(outcomes.items(), key=lambda pair: -pair[1]))


def _print_summary(ctx: click.Context, found: dict[str, Any]) -> None:
    out = console(ctx)
    accounts = found["accounts"]
    out.print(
        f"{found['ticks']} ticks, {sum(found['orders'].values())} orders ({_counts(found['orders'])}), "
        f"{found['positions']} positions; equity {found['equity_e6'] / 1e6:,.2f}, cash {accounts['cash'] / 1e6:,.2f}, "
        f"fees {accounts['fees'] / 1e6:,.2f}; state {found['state']}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    for halt in found["halts"]:
        out.print(f"[red]halt[/red] {halt}", soft_wrap=True)


@command.command("status", cls=Command)
@_places
@click.option("--watch", is_flag=True, help="Print again every few seconds until stopped.")
@click.pass_context
def status(ctx: click.Context, paper: bool, sandbox: bool, live: bool, watch: bool) -> None:
    """Show how trading stands: state and halts, money, orders, what was denied, evidence by strategy."""
    import asyncio

    from edgeworth.app import trade_desk as desk

    while True:
        with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
            found = desk.status(at)
            clock = at.clock
        if wants_json(ctx):
            emit(ctx, "trade-status", found)
        else:
            _print_status(ctx, found)
        if not watch:
            return
        asyncio.run(clock.sleep(5.0))


def _print_status(ctx: click.Context, found: dict[str, Any]) -> None:
    out = console(ctx)
    colour = {"active": "green", "reducing": "yellow", "halted": "red"}[found["state"]]
    bot = f"bot running (PID {found['bot']})" if found["bot"] else "no bot running"
    out.print(
        f"{_BANNER[found['mode']]} [{colour}]{found['state'].upper()}[/{colour}]  {bot}, "
        f"{found['entries']:,} journal entries"
    )
    for halt in found["halts"]:
        out.print(
            f"  halt {halt['cause']} since {halt['since'][:19]}: {halt['reason']} (resumes: {halt['resume']})",
            markup=False,
        )
    out.print(
        f"  cash {found['cash']:,.2f}  reserved {found['reserved']:,.2f}  at stake {found['at_stake']:,.2f}  "
        f"realised {found['realised']:+,.2f}  fees {found['fees']:,.2f}  suspense {found['suspense']:,.2f}"
    )
    out.print(
        f"  {found['positions']} positions, {found['open_orders']} open of {found['orders']} orders; last decision "
        f"{(found['last_decision'] or 'never')[:19]}, reconciled {(found['reconciled'] or 'never')[:19]}"
    )
    if found["denials"]:
        out.print(f"  denied: {_counts(found['denials'])}", markup=False, soft_wrap=True)
    for row in found["strategies"]:
        out.print(
            f"  {row['strategy']:<28} e-value {row['e_value']:>8.3f} over {row['events']} events, {row['open']} open: "
            f"{row['stage']}", markup=False,
        )  # fmt: skip


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


@command.command("pause", cls=Command)
@_places
@click.option("--reason", default="paused by hand", help="Why; it is written down.")
@click.pass_context
def pause(ctx: click.Context, paper: bool, sandbox: bool, live: bool, reason: str) -> None:
    """Stop entries until `resume`; positions may still be reduced. Survives restarts."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        desk.pause(at, f"{reason} ({_who()})")
        _said(
            ctx,
            "trade-pause",
            {"state": desk.status(at)["state"]},
            "paused: nothing is bought until `edgeworth trade resume`",
        )


@command.command("resume", cls=Command)
@_places
@click.option("--reason", default="resumed by hand", help="Why; it is written down.")
@click.pass_context
def resume(ctx: click.Context, paper: bool, sandbox: bool, live: bool, reason: str) -> None:
    """Lift every halt that stands, as an operator."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        lifted = desk.resume(at, reason, _who())
        words = f"lifted: {', '.join(lifted)}" if lifted else "nothing was halted"
        _said(ctx, "trade-resume", {"lifted": lifted, "state": desk.status(at)["state"]}, words)


@command.command("kill", cls=Command)
@_places
@click.option("--reason", default="killed by hand", help="Why; it is written down.")
@click.pass_context
def kill(ctx: click.Context, paper: bool, sandbox: bool, live: bool, reason: str) -> None:
    """Halt, cancel every order, and look until none is open; says so when that could not be verified (exit 7).

    Where several bots run and none is named, all of them are killed.
    """
    import msgspec

    from edgeworth.app import trade_desk as desk
    from edgeworth.trading.cancelling import Swept

    config, mode = configuration(ctx), _mode(paper, sandbox, live)
    at_work = desk.running(config) if mode is None else []
    found = {}
    if len(at_work) < 2:
        with desk.desk(config, mode) as at:
            found[at.mode] = desk.kill(at, reason, _who())
    for one in at_work if not found else ():
        try:
            with desk.desk(config, one) as at:
                found[one] = desk.kill(at, reason, _who())
        except EdgeworthError as error:  # the others must be stopped all the same
            found[one] = Swept(verified=False, text=error.message)
    where = f" ({', '.join(found)})" if len(found) > 1 else ""
    if not all(swept.verified for swept in found.values()):
        said = [f"{name}: {_unverified(swept)}" for name, swept in found.items() if not swept.verified]
        raise RiskError(
            "kill-unverified",
            " ".join(said) if where else said[0].partition(": ")[2],
            open=[name for swept in found.values() for name in swept.open],
            doubtful=[name for swept in found.values() for name in swept.doubtful],
        )
    every = {name: msgspec.to_builtins(swept) for name, swept in found.items()}
    told = {"verified": True, "bots": every} if where else every.popitem()[1]
    _said(ctx, "trade-kill", told, f"killed{where}: no order is open; `edgeworth trade resume` lifts the halt")


def _unverified(swept: "Swept") -> str:
    words = f"UNVERIFIED: {len(swept.open)} orders were last seen open, {len(swept.doubtful)} are in doubt"
    return f"{words}. {swept.text}".strip()


@command.command("flatten", cls=Command)
@_places
@click.option("--reason", default="flattened by hand", help="Why; it is written down.")
@click.pass_context
def flatten(ctx: click.Context, paper: bool, sandbox: bool, live: bool, reason: str) -> None:
    """Stop entries, cancel every order and sell what may be sold; a running bot sells at its next tick."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        found = desk.flatten(at, reason, _who())
        words = (
            "the bot sells at its next tick" if found.get("requested")
            else f"{len(found.get('sales', []))} sales were sent"
        )  # fmt: skip
        _said(ctx, "trade-flatten", found, words)


@command.command("reconcile", cls=Command)
@_places
@click.pass_context
def reconcile(ctx: click.Context, paper: bool, sandbox: bool, live: bool) -> None:
    """Compare the ledger with the venue; one that is seen twice, a minute apart, goes to suspense and halts."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        found = desk.reconcile(at)
        words = (
            "ledger and venue agree" if found["clean"] else f"they differ: {found['suspects'] or found['suspended']}"
        )
        _said(ctx, "trade-reconcile", found, words)


@command.command("check", cls=Command)
@_places
@click.option("--replay", metavar="RUN", help="Decide a run again from its recording and compare every intent.")
@click.pass_context
def check(ctx: click.Context, paper: bool, sandbox: bool, live: bool, replay: str | None) -> None:
    """Recompute the journal's chain and the ledger from zero; with --replay also a run's decisions."""
    import msgspec

    from edgeworth.app import trade_desk as desk
    from edgeworth.app.trading_replay import replay as decide_again

    config = configuration(ctx)
    with desk.desk(config, _mode(paper, sandbox, live)) as at:
        found = desk.verify(at)
    words = f"{found['entries']:,} entries: chain, ledger and replay from zero agree"
    if replay is not None:
        again = decide_again(config.home, config.home.root / "trading" / replay)
        found["replay"] = {name: getattr(again, name) for name in again.__slots__}
        if again.differs_at is not None:
            raise GateError(
                "replay-differs",
                f"run {replay} decides differently at {again.differs_at}",
                was=list(again.was),
                now=list(again.is_now),
            )
        words += f"; {again.ticks} ticks of {replay} give the same {again.intents} intents, byte for byte"
    del msgspec
    _said(ctx, "trade-check", found, words)


@command.command("explain", cls=Command)
@click.argument("order_id", metavar="ID")
@_places
@click.pass_context
def explain(ctx: click.Context, order_id: str, paper: bool, sandbox: bool, live: bool) -> None:
    """Show where an order came from: order <- intent <- signal <- features <- data."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        found = desk.explain(at, order_id)
    if wants_json(ctx):
        emit(ctx, "trade-explain", found)
        return
    _print_explained(ctx, found)


def _print_explained(ctx: click.Context, found: dict[str, Any]) -> None:
    out = console(ctx)
    row, signal = found["order"], found["signal"]
    out.print(f"order    {row['order'] or '(never signed)'}  {row['state']}", markup=False)
    out.print(
        f"         {row['side']} {row['shares']:g} {row['leg']} of #{row['market']} at most {row['price']:g}, "
        f"filled {row['filled']:g}", markup=False,
    )  # fmt: skip
    for fill in found["fills"]:
        out.print(
            f"fill     {fill['shares']:g} at {fill['price']:g}, fee {fill['fee']:g}, {fill['settlement']}, "
            f"{fill['at'][:19]}",
            markup=False,
        )
    out.print(f"intent   {row['intent']}  of {row['at'][:19]}", markup=False)
    if signal is not None and signal["opinion"] is not None:
        one = signal["opinion"]
        sealed = "committed before it was sent" if signal["committed"] else "NOT what the journal committed to"
        out.print(
            f"signal   {one['strategy']}: {_SIDE[one['side']]} wins with {one['p']:.4f} +- {one['se']:.4f} "
            f"({one['reason']}); {sealed}, run {signal['run']}", markup=False, soft_wrap=True,
        )  # fmt: skip
        plan = signal["plan"] or {}
        out.print(
            f"plan     edge {plan.get('edge_e6', 0) / 1e4:.2f} cents a share, "
            f"stake {plan.get('stake_e6', 0) / 1e6:.2f}",
            markup=False,
        )
        for name, value in signal["features"].items():
            out.print(f"feature  {name} = {value:g}", markup=False)
        if signal["book"] is not None:
            _, known_at, _, tick, bids, asks = signal["book"]
            best = (
                f"bid {bids[0][0] / 1e4:g} x {bids[0][1] / 1e6:g}, ask {asks[0][0] / 1e4:g} x {asks[0][1] / 1e6:g}"
                if bids and asks
                else "one-sided"
            )
            out.print(f"data     YES book: {best}, tick {tick / 1e4:g}, known at {known_at}", markup=False)
    for event in found["events"]:
        out.print(f"journal  #{event['number']} {event['at'][:23]} {event['kind']}", markup=False)


@command.command("positions", cls=Command)
@_places
@click.pass_context
def positions(ctx: click.Context, paper: bool, sandbox: bool, live: bool) -> None:
    """List what is held and what was closed."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        _table(ctx, "trade-positions", desk.positions(at), "no position")


@command.command("orders", cls=Command)
@_places
@click.option("--all", "everything", is_flag=True, help="Ended ones, too.")
@click.pass_context
def orders(ctx: click.Context, paper: bool, sandbox: bool, live: bool, everything: bool) -> None:
    """List open orders, newest first."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        _table(ctx, "trade-orders", desk.orders(at, everything=everything), "no open order")


@command.command("history", cls=Command)
@_places
@click.option("--last", type=click.IntRange(min=1), default=30, show_default=True, help="How many entries.")
@click.pass_context
def history(ctx: click.Context, paper: bool, sandbox: bool, live: bool, last: int) -> None:
    """List the newest entries of the journal."""
    from edgeworth.app import trade_desk as desk

    with desk.desk(configuration(ctx), _mode(paper, sandbox, live)) as at:
        _table(ctx, "trade-history", desk.history(at, last), "the journal is empty")


def _table(ctx: click.Context, schema: str, rows: list[dict[str, Any]], nothing: str) -> None:
    if wants_json(ctx):
        emit(ctx, schema, rows)
        return
    if not rows:
        click.echo(nothing, err=True)
        return
    import polars as pl

    print_frame(ctx, pl.DataFrame(rows, infer_schema_length=None))


def _said(ctx: click.Context, schema: str, data: Any, words: str) -> None:
    if wants_json(ctx):
        emit(ctx, schema, data)
    else:
        click.echo(words)
