"""The signer process: what it signs, what it refuses, where its key may lie, and that the key shows nowhere."""

import asyncio
import json
import logging
import os
import socket
import stat
import sys
import traceback
from pathlib import Path

import msgspec
import pytest
from tests.support.wires import START

from edgeworth.app.signer import KeyPlan, key_plan, policy_of, running_signer
from edgeworth.core import config, random
from edgeworth.core.clock import ManualClock, SystemClock
from edgeworth.core.errors import AccessError, EdgeworthError, Fatal
from edgeworth.core.units import HOUR, MINUTE
from edgeworth.sandbox.exchange import eip712
from edgeworth.sandbox.exchange.signatures import Verifier
from edgeworth.venues.polymarket import typed_data
from edgeworth.venues.polymarket.signer_client import RemoteSigner
from edgeworth.venues.polymarket.signer_keys import KeySource, load_key, parse_key, write_age
from edgeworth.venues.polymarket.signer_policy import Gate, Policy, Signed
from edgeworth.venues.polymarket.signer_process import Orders, completed
from edgeworth.venues.polymarket.signer_server import FileMemory, SignerServer
from edgeworth.venues.polymarket.signer_wire import Hello, SignLogin, SignOrder
from edgeworth.venues.polymarket.signing import KeySigner, Unsigned, Wallet, make_wallet

KEY = bytes(range(1, 33))
SIGNER = KeySigner(KEY)
FUNDER = typed_data.checksummed("0x" + "d" * 40)
TOKEN = 71321045679252212594626385532706912750332728571942532289631379312455583992563
USD = 1_000_000


class Kept:
    def __init__(self):
        self.signed, self.saves = [], 0

    def load(self):
        return list(self.signed)

    def save(self, signed):
        self.signed, self.saves = list(signed), self.saves + 1


def policy(signature_type=3, **changes):
    wallet = make_wallet(SIGNER.address, SIGNER.address if signature_type == 0 else FUNDER, signature_type)
    return Policy(**{"wallet": wallet, "order_e6": 25 * USD, "hour_e6": 100 * USD, "day_e6": 150 * USD, **changes})


def good(number=1, now=START, signature_type=3, **changes):
    wallet = policy(signature_type).wallet
    facts = {
        "salt": 1_000 + number,
        "maker": wallet.funder,
        "signer": wallet.signer,
        "token": TOKEN,
        "maker_e6": 10 * USD,
        "taker_e6": 20 * USD,
        "is_buy": True,
        "signature_type": signature_type,
        "timestamp": now // 1_000,
    }
    return typed_data.OrderData(**{**facts, **changes})


class Room:
    def __init__(self, rules=None, memory=None):
        self.clock, self.memory = ManualClock(START), memory or Kept()
        self.gate = Gate(rules or policy(), self.memory, self.clock)
        self.server = SignerServer(SIGNER, self.gate, frozenset({os.getuid()}))

    def ask(self, request):
        raw = request if isinstance(request, bytes) else msgspec.json.encode(request)
        return asyncio.run(self.server.answer(raw))

    def order(self, *words, exchange=typed_data.PINNED[0], **changes):
        return self.ask(SignOrder(good(*words, now=int(self.clock.now()), **changes), exchange))


def test_an_order_is_signed_as_the_judge_wants_it():
    for signature_type in range(4):
        room = Room(policy(signature_type))
        found = room.order(signature_type=signature_type)
        order, exchange = good(signature_type=signature_type), typed_data.PINNED[0]
        fields = eip712.OrderFields(
            salt=order.salt, maker=order.maker, signer=order.signer, token_id=order.token, maker_amount=order.maker_e6,
            taker_amount=order.taker_e6, side=0, signature_type=signature_type, timestamp=order.timestamp,
            metadata=order.metadata, builder=order.builder,
        )  # fmt: skip
        wire = typed_data.wire_signature(order, exchange, bytes.fromhex(found.signature))
        domain = eip712.Domain(exchange.version, exchange.contract)
        assert Verifier(exact=True).order(fields, domain, wire, SIGNER.address)
        assert typed_data.order_id(order, exchange) == eip712.order_id(fields, domain)


def test_caps_hold_across_orders_hours_and_restarts():
    room = Room()
    assert room.order(1, maker_e6=25 * USD, taker_e6=60 * USD).signature
    assert "larger" in room.order(2, maker_e6=25 * USD + 1, taker_e6=60 * USD).why
    assert (
        "larger" in room.order(2, is_buy=False, maker_e6=30 * USD, taker_e6=2 * USD).why
    )  # thirty shares for two dollars
    for number in range(3, 6):
        assert room.order(number, maker_e6=25 * USD, taker_e6=60 * USD).signature
    assert "hour" in room.order(6, maker_e6=USD, taker_e6=2 * USD).why
    again = Room(memory=room.memory)
    assert "hour" in again.order(6, maker_e6=USD, taker_e6=2 * USD).why
    again.clock.advance(HOUR + 1)
    for number in range(7, 9):
        assert again.order(number, maker_e6=25 * USD, taker_e6=60 * USD).signature
    assert "day" in again.order(9, maker_e6=USD, taker_e6=2 * USD).why
    again.clock.advance(23 * HOUR)
    assert again.order(10, maker_e6=USD, taker_e6=2 * USD).signature


def test_the_same_order_again_costs_nothing_and_reads_the_same():
    room = Room()
    first, second = room.order(1), room.order(1)
    assert first == second
    assert room.memory.saves == 1
    room.clock.advance(16 * MINUTE)
    assert "too old" in room.ask(SignOrder(good(1), typed_data.PINNED[0])).why


def test_what_cannot_be_remembered_is_not_signed(tmp_path):
    memory = FileMemory(tmp_path / "gone" / "signed")
    room = Room(memory=memory)
    assert room.order(1).code == "signer-refused"
    kept = FileMemory(tmp_path / "signed")
    assert Room(memory=kept).order(1).signature
    assert [one.amount_e6 for one in kept.load()] == [10 * USD]
    assert stat.S_IMODE((tmp_path / "signed").stat().st_mode) == 0o600
    (tmp_path / "signed").write_text("[{]")
    with pytest.raises(AccessError):
        Room(memory=kept)


def test_what_is_old_is_remembered_as_sums():
    room = Room(policy(hour_e6=10**12, day_e6=500 * USD))
    for number in range(300):
        room.order(number, maker_e6=USD, taker_e6=2 * USD)
        room.clock.advance(30_000_000)
    assert sum(one.amount_e6 for one in room.memory.signed) == 300 * USD
    assert len(room.memory.signed) < 160
    again = Room(policy(hour_e6=10**12, day_e6=500 * USD), room.memory)
    again.clock.advance(300 * 30_000_000)
    signed = [bool(again.order(number, maker_e6=20 * USD, taker_e6=40 * USD).signature) for number in range(300, 320)]
    assert signed == [True] * 10 + [False] * 10


def test_logins_are_of_now_and_few():
    room = Room()
    now = START // 1_000_000
    assert len(bytes.fromhex(room.ask(SignLogin(now, 0)).signature)) == 65
    for request in (SignLogin(now - 400, 0), SignLogin(now + 400, 0), SignLogin(now, 1)):
        assert room.ask(request).code == "signer-refused"
    answers = [room.ask(SignLogin(now, 0)).code for _ in range(40)]
    assert answers.count("signer-refused") == 11
    assert room.ask(Hello()).address == SIGNER.address


def test_tokens_not_on_the_list_are_refused():
    room = Room(policy(tokens=(str(TOKEN),)))
    assert room.order(1).signature
    assert "list" in room.order(2, token=TOKEN + 1).why


ATTACKER = typed_data.checksummed("0x" + "6" * 40)
ALIEN_DOCUMENTS = [
    {"primaryType": "Permit", "message": {"owner": FUNDER, "spender": ATTACKER, "value": 2**256 - 1}},
    {"primaryType": "Transfer", "message": {"to": ATTACKER, "value": 10**12}},
    {"primaryType": "Approve", "message": {"spender": ATTACKER, "value": 2**256 - 1}},
    {"primaryType": "SafeTx", "message": {"to": ATTACKER, "data": "0xa9059cbb"}},
    typed_data.order_document(good(), typed_data.PINNED[0]),
]


def put(**changes):
    """A mutation that sets fields of the order."""
    return lambda row, big, draws: row["order"].update({name: made(big, draws) for name, made in changes.items()})


def pick(*values):
    return lambda big, draws: values[big % len(values)]


def word(big, draws):
    return "0x" + draws.bytes(32).hex()


def address(big, draws):
    return "0x" + draws.bytes(20).hex()


NOW_MS = int(START) // 1_000
MUTATIONS = [
    lambda row, big, draws: row["exchange"].update(contract=address(big, draws)),
    lambda row, big, draws: row["exchange"].update(version=("1", "3", "4", "")[big % 4]),
    lambda row, big, draws: row.update(chain=1 + big),  # there is no other chain to ask for
    lambda row, big, draws: row["order"].pop(list(row["order"])[big % 9]),
    lambda row, big, draws: row["order"].update({("expiration", "to", "data", "nonce")[big % 4]: "0x"}),
    lambda row, big, draws: row["order"].update(
        {("maker_e6", "taker_e6", "salt", "token", "maker")[big % 5]: ("1e3", None, [], 1.5, {}, True)[big % 6]}
    ),
    put(maker=address),
    put(signer=pick(ATTACKER, SIGNER.address)),
    put(signature_type=pick(0, 1, 2, 4, -1)),
    put(maker_e6=lambda big, draws: 25 * USD + big, taker_e6=pick(10**18)),
    put(taker_e6=lambda big, draws: 10 * USD - big % (10 * USD)),  # a dollar or more a share
    put(is_buy=pick(False), maker_e6=lambda big, draws: 25 * USD + big, taker_e6=pick(1)),
    put(timestamp=lambda big, draws: NOW_MS - 15 * 60_000 - big),
    put(timestamp=lambda big, draws: NOW_MS + 60_000 + big),
    put(salt=lambda big, draws: (0, -big, 2**53 + big, 2**256)[big % 4]),
    put(metadata=word),
    put(builder=word),  # a fee to somebody
    put(token=lambda big, draws: (0, -1, 2**256 + big, (1 << 248) + 1)[big % 4]),
    put(maker_e6=lambda big, draws: (0, -big, 2**256)[big % 3]),
    put(taker_e6=lambda big, draws: (0, -big, 2**256)[big % 3]),
]
ASKS = ("sign_hash", "sign_transaction", "personal_sign", "export", "key")
FRAMES = [
    lambda big, draws: msgspec.json.encode({"ask": ASKS[big % 5], "hash": word(big, draws)}),
    lambda big, draws: msgspec.json.encode(
        {"ask": ("typed_data", "order", "login")[big % 3], **ALIEN_DOCUMENTS[big % 5]}
    ),
    lambda big, draws: bytes(draws.bytes(big % 300 + 1)),
    lambda big, draws: b'{"ask":"order","order":' + b"[" * (big % 1_000) + b"]" * (big % 1_000) + b"}",
]


def hostile(draws, number):
    """Return one hostile frame: a request of another kind, or an order with one thing that must not be."""
    big = int(draws.integers(1, 10**9))
    kind = number % (len(MUTATIONS) + len(FRAMES))
    if kind < len(FRAMES):
        return FRAMES[kind](big, draws)
    row = msgspec.to_builtins(SignOrder(good(number), typed_data.PINNED[0]))
    MUTATIONS[kind - len(FRAMES)](row, big, draws)
    return msgspec.json.encode(row)


def attack(count):
    room, draws = Room(policy(order_e6=25 * USD, hour_e6=10**15, day_e6=10**15)), random.stream(2, "hostile")
    assert room.order(0).signature  # an honest one passes

    async def storm():
        return [await room.server.answer(hostile(draws, number)) for number in range(count)]

    signed = [number for number, found in enumerate(asyncio.run(storm())) if found.signature or not found.code]
    assert signed == []
    assert room.memory.saves == 1
    assert room.order(0).signature


def test_a_thousand_hostile_requests_are_refused():
    attack(1_000)


@pytest.mark.slow
def test_ten_thousand_hostile_requests_are_refused():
    attack(int(os.environ.get("EDGEWORTH_TEST_HOSTILE", "10000")))


def test_replays_beyond_the_window_and_floods_within_it_end_at_the_caps():
    room = Room()
    signed = sum(bool(room.order(number).signature) for number in range(200))
    assert signed == 10  # a hundred dollars an hour, ten an order
    assert sum(one.amount_e6 for one in room.memory.signed) == 100 * USD


def test_another_user_is_not_answered(tmp_path):
    server = SignerServer(SIGNER, Gate(policy(), Kept(), ManualClock(START)), frozenset({os.getuid() + 1}))

    async def story():
        listening = await server.listen(tmp_path / "s")
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
        with pytest.raises(AccessError) as caught:
            await RemoteSigner(tmp_path / "s", SystemClock()).open()
        listening.close()
        return caught.value.code

    assert asyncio.run(story()) == "signer-gone"


@pytest.mark.parametrize("frame", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\x10\x01" + b"x" * 4_097, b"\0\0"])
def test_frames_of_impossible_length_end_the_connection(tmp_path, frame):
    server = SignerServer(SIGNER, Gate(policy(), Kept(), ManualClock(START)), frozenset({os.getuid()}))

    async def story():
        listening = await server.listen(tmp_path / "s")
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(frame)
        writer.write_eof()
        found = await reader.read()
        writer.close()
        listening.close()
        return found

    assert b"signature" not in asyncio.run(story())


# keys


def test_a_key_is_sixty_four_digits_and_nothing_else_is_quoted():
    assert parse_key(f" 0x{KEY.hex()}\n") == KEY
    for text in ("", "0x", KEY.hex()[:-1], KEY.hex() + "0", "g" * 64, "0" * 64, "+" + KEY.hex()[1:]):
        with pytest.raises(AccessError) as caught:
            parse_key(text)
        assert KEY.hex()[:10] not in "".join(traceback.format_exception(caught.value))


def write_keystore(folder, key, password, name="main", **how):
    """A keystore that is quick to open."""
    from eth_keyfile import create_keyfile_json

    made = create_keyfile_json(key, password.encode(), **{"kdf": "scrypt", "iterations": 2**14, **how})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(made))
    path.chmod(0o600)
    return KeySource(place="file", folder=str(folder), name=name)


def test_age_files(tmp_path):
    pytest.importorskip("pyrage", reason="comes with the 'keys' part")
    folder = tmp_path / "keys"
    path = write_age(folder, "main", KEY, "correct horse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY.hex().encode() not in path.read_bytes()
    source = KeySource(place="file", folder=str(folder))
    assert load_key(source, "correct horse") == KEY
    with pytest.raises(AccessError, match="password"):
        load_key(source, "wrong horse")
    with pytest.raises(AccessError, match="exists"):
        write_age(folder, "main", KEY, "correct horse")
    path.chmod(0o640)
    with pytest.raises(AccessError) as caught:
        load_key(source, "correct horse")
    assert caught.value.code == "key-exposed"
    with pytest.raises(AccessError) as missing:
        load_key(KeySource(place="file", folder=str(folder), name="other"))
    assert missing.value.code == "key-missing"


def test_keystore_files(tmp_path):
    source = write_keystore(tmp_path, KEY, "pass")
    assert load_key(source, "pass") == KEY
    with pytest.raises(AccessError, match="password"):
        load_key(source, "word")
    for weak in ({"kdf": "pbkdf2", "iterations": 1_000}, {"iterations": 2}):
        with pytest.raises(AccessError, match="scrypt"):
            load_key(write_keystore(tmp_path, KEY, "pass", **weak), "pass")
    (tmp_path / "main.json").write_text("[]")
    with pytest.raises(AccessError, match="scrypt"):
        load_key(source, "pass")


def test_the_keyring_comes_first_and_its_absence_is_no_obstacle(tmp_path):
    keyring = pytest.importorskip("keyring", reason="comes with the 'keys' part")
    pytest.importorskip("keyring.backend")

    class InMemory(keyring.backend.KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            return KEY.hex() if (service, username) == ("edgeworth", "main") else None

        def set_password(self, service, username, password):
            raise NotImplementedError

        def delete_password(self, service, username):
            raise NotImplementedError

    write_keystore(tmp_path, bytes(31) + b"\x09", "p")
    source = KeySource(folder=str(tmp_path))
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(InMemory())
        assert load_key(source, "p") == KEY
        keyring.set_keyring(keyring.backends.fail.Keyring())
        assert load_key(source, "p") == bytes(31) + b"\x09"
        with pytest.raises(AccessError) as caught:
            load_key(KeySource(place="keyring"))
        assert caught.value.code == "key-missing"
    finally:
        keyring.set_keyring(before)


def test_a_key_from_a_descriptor_and_from_the_environment(home):
    read, write = os.pipe()
    os.write(write, KEY.hex().encode())
    os.close(write)
    assert load_key(KeySource(place="fd", fd=read)) == KEY
    with pytest.raises(AccessError):
        load_key(KeySource(place="fd", fd=read))
    found = config.load(environ={"EDGEWORTH_HOME": str(home)})
    exposed = {"EDGEWORTH_WALLET_KEY": KEY.hex()}
    with pytest.raises(AccessError) as caught:
        key_plan(found, environ=exposed)
    assert caught.value.code == "key-exposed"
    plan = key_plan(found, environ={**exposed, "EDGEWORTH_ALLOW_ENV_KEY": "1"})
    assert plan.warning
    assert KEY.hex() not in repr(plan)
    assert key_plan(found, password="p", environ={}).source.folder == str(home / "keys")
    assert config.load(environ={**exposed, "EDGEWORTH_HOME": str(home)}).settings == found.settings


def test_a_key_of_another_wallet_is_found_out():
    rules = Policy(wallet=Wallet(FUNDER, 3, ""), order_e6=1, hour_e6=1, day_e6=1)
    assert completed(rules, SIGNER.address).wallet == make_wallet(SIGNER.address, FUNDER, 3)
    with pytest.raises(Fatal):
        completed(policy(), Unsigned().address)
    with pytest.raises(Fatal):
        completed(Policy(wallet=Wallet(FUNDER, 0, ""), order_e6=1, hour_e6=1, day_e6=1), SIGNER.address)


def test_nothing_that_holds_a_key_shows_it(caplog):
    caplog.set_level(logging.DEBUG)
    plan = KeyPlan(KeySource(), password="canary-pass", key=KEY.hex())
    orders = Orders(socket="s", memory="m", policy=policy(), source=KeySource(), password="canary-pass")
    shown = f"{SIGNER!r} {SIGNER} {plan!r} {orders!r} {[plan, orders]} {vars(SIGNER).keys()}"
    for found in (KEY.hex(), "canary-pass", str(int.from_bytes(KEY, "big"))):
        assert found not in shown + caplog.text
    with pytest.raises(TypeError):
        SIGNER.__reduce__()
    for bad in (b"", b"\0" * 32, b"\xff" * 32, KEY + b"x"):
        with pytest.raises(AccessError) as caught:
            KeySigner(bad)
        assert bad.hex() not in "".join(traceback.format_exception(caught.value)) or not bad


# the process


def test_the_process_signs_and_gives_nothing_away(tmp_path, capfd):
    plan = KeyPlan(write_keystore(tmp_path, KEY, "canary password"), password="canary password")
    rules = Policy(wallet=Wallet(FUNDER, 3, ""), order_e6=25 * USD, hour_e6=100 * USD, day_e6=100 * USD)
    memory = tmp_path / "signed.json"
    seen = []

    async def story():
        async with running_signer(rules, plan, memory, {**os.environ, "CANARY": KEY.hex()}) as signer:
            assert signer.address == SIGNER.address
            now = int(SystemClock().now())
            order = good(1, now)
            assert await signer.sign_order(order, typed_data.PINNED[0]) == await SIGNER.sign_order(
                order, typed_data.PINNED[0]
            )
            assert len(await signer.sign_login(now // 1_000_000, 0)) == 65
            for bad in (good(2, now, maker_e6=26 * USD), good(3, now - HOUR), good(4, now, maker=ATTACKER)):
                with pytest.raises(AccessError) as caught:
                    await signer.sign_order(bad, typed_data.PINNED[0])
                assert caught.value.code == "signer-refused"
                seen.append(str(caught.value))
            folder = signer._path.parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE(signer._path.stat().st_mode) == 0o600
            child = children()[-1]
            seen.append(Path(f"/proc/{child}/cmdline").read_text())
            if os.getuid() != 0:
                assert not os.access(f"/proc/{child}/mem", os.R_OK)
            assert Path(f"/proc/{child}").stat().st_uid in {0, os.getuid()}
            assert "Max core file size        0                    0" in Path(f"/proc/{child}/limits").read_text()
            seen.append(Path(f"/proc/{child}/environ").read_text())
        return folder, child

    folder, child = asyncio.run(story())
    assert not folder.exists()
    assert not Path(f"/proc/{child}").exists()
    assert [one.amount_e6 for one in msgspec.json.decode(memory.read_bytes(), type=list[Signed])] == [10 * USD]
    out = capfd.readouterr()
    written = "".join([*seen, memory.read_text(), out.out, out.err])
    for canary in (KEY.hex(), "canary password", str(int.from_bytes(KEY, "big"))):
        assert canary not in written


def children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_a_process_that_cannot_start_says_why(tmp_path, home):
    write_keystore(home / "keys", KEY, "p")
    found = config.load(environ={"EDGEWORTH_HOME": str(home), "EDGEWORTH_WALLET__FUNDER": FUNDER})
    rules = policy_of(found)
    assert (rules.wallet.funder, rules.wallet.signature_type, rules.order_e6) == (FUNDER, 3, 25 * USD)

    async def story(plan):
        async with running_signer(rules, plan, tmp_path / "m"):
            raise AssertionError("it started")

    with pytest.raises(EdgeworthError) as caught:
        asyncio.run(story(key_plan(found, password="wrong", environ={})))
    assert caught.value.code == "key-unusable"


def test_a_key_handed_over_by_a_pipe_and_a_process_that_dies_with_its_parent(tmp_path):
    rules = Policy(wallet=Wallet("", 0, ""), order_e6=25 * USD, hour_e6=100 * USD, day_e6=100 * USD)
    plan = KeyPlan(KeySource(place="fd"), key=KEY.hex())

    async def story():
        async with running_signer(rules, plan, tmp_path / "m") as signer:
            os.kill(int(children()[-1]), 9)
            with pytest.raises(AccessError) as caught:
                await signer.sign_login(int(SystemClock().now()) // 1_000_000, 0)
            assert caught.value.code == "signer-gone"
            with pytest.raises(AccessError):
                await signer.sign_login(1, 0)

    asyncio.run(story())
    assert sys.platform == "linux"
    assert socket.AF_UNIX
