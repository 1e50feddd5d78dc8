"""Published vectors of ids, logins, HMACs and signatures."""

from dataclasses import replace

import pytest

from edgeworth.sandbox.exchange import eip712
from edgeworth.sandbox.exchange.eip712 import Domain, OrderFields, is_v2_position, order_domain, order_id
from edgeworth.sandbox.exchange.keccak import checksum_address, keccak256, plain_keccak256
from edgeworth.sandbox.exchange.members import hmac_signature
from edgeworth.sandbox.exchange.signatures import Verifier

ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
TOKEN = 71321045679252212594626385532706912750332728571942532289631379312455583992563
V2_TOKEN = 737897720731433783083900042093583114245886978944891043660428563367478691584
ZERO = "0x" + "0" * 64
ORDER = OrderFields(479249096354, ADDRESS, ADDRESS, TOKEN, 52_000_000, 100_000_000, 0, 0, 1763640000123, ZERO, ZERO)
LOGIN = "0xfeda566368f15c7c7b6ccb414879989b59663a8ad5af1c5c22d030628a92158e3092445619fbc5cb83a7258b37531f1a57609a6a642322f2f306620d841ee6671c"
SIGNED = "0x8c9b38672da98aa963887166f85890346482d2eefa64720af495377c62db0c232f9b8710e8b93b1b17f7bb7945dc417c53379348f42214f15c9873548c9904ed1b"


def test_keccak_vectors() -> None:
    for function in (keccak256, plain_keccak256):
        assert function(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        assert function(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


@pytest.mark.parametrize("length", [1, 55, 134, 135, 136, 137, 271, 272, 273, 1000])
def test_keccak_agrees_with_a_library_at_block_edges(length: int) -> None:
    from eth_hash.auto import keccak

    data = bytes(i * 7 % 256 for i in range(length))
    assert plain_keccak256(data) == keccak(data) == keccak256(data)


def test_addresses_are_printed_in_mixed_case() -> None:
    assert checksum_address(ADDRESS.lower()) == ADDRESS


def test_a_position_of_the_second_protocol_is_recognised() -> None:
    assert is_v2_position(V2_TOKEN)
    assert is_v2_position(V2_TOKEN + 1)
    assert not is_v2_position(TOKEN)


def test_order_ids() -> None:
    assert eip712.struct_hash(ORDER).hex() == "263cfa6ed647dd9c34462459ea4620620843d31fda9df794c24d91cfa20c8c9f"
    plain, neg_risk = order_domain(TOKEN, neg_risk=False), order_domain(TOKEN, neg_risk=True)
    assert order_id(ORDER, plain) == "0xfd2f1cb471b45a5963e7fe4b2e160000ce02efb57886654e020d385cad55aa1a"
    assert order_id(ORDER, neg_risk) == "0xbeb4473b3ce8ccc324751df0a73eaaf4fc8c8e39b299d5cf27d5d32f1efbbd6f"
    second = replace(ORDER, token_id=V2_TOKEN)
    domain = order_domain(V2_TOKEN, neg_risk=False)
    assert domain.version == "3"
    assert order_id(second, domain) == "0xf8886a1b49f803cfe503eef16ddc2798a543b6e0950a3164ed2b4d7161b1a0d1"


def test_the_wrapper_of_contract_wallets() -> None:
    wallet = "0x000000000000000000000000000000000000dEaD"
    order = replace(ORDER, maker=wallet, signer=wallet, signature_type=3)
    domain = order_domain(TOKEN, neg_risk=False)
    assert eip712.wrapped_digest(order, domain).hex() == (
        "b4713f202c9a0774b27af77c81a57b025e65eccad45d8cfe6aaf058f5feb8e1f"
    )
    assert eip712.domain_separator(domain).hex() == "3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2"
    assert eip712.struct_hash(order).hex() == "4db13e8ce48966ab673ef0fe7c07de62775d9e03dc859a96341e73dfa9fd513d"


def test_a_wrapped_signature_is_checked_whole() -> None:
    from eth_keys.datatypes import PrivateKey

    wallet = "0x000000000000000000000000000000000000dEaD"
    order, domain = replace(ORDER, maker=wallet, signer=wallet, signature_type=3), order_domain(TOKEN, neg_risk=False)
    raw = PrivateKey((1).to_bytes(32, "big")).sign_msg_hash(eip712.wrapped_digest(order, domain)).to_bytes()
    kind = eip712.ORDER_TYPE.encode()
    trailer = eip712.domain_separator(domain) + eip712.struct_hash(order) + kind + len(kind).to_bytes(2, "big")
    whole = raw[:64] + bytes([raw[64] + 27]) + trailer
    assert len(whole) == 317
    verifier = Verifier()
    assert verifier.order(order, domain, "0x" + whole.hex(), ADDRESS)
    assert not verifier.order(order, domain, "0x" + whole[:-1].hex() + "bb", ADDRESS)
    assert not verifier.order(order, domain, "0x" + whole.hex(), wallet)


def test_login_and_order_signatures_are_checked() -> None:
    verifier, domain = Verifier(), order_domain(TOKEN, neg_risk=False)
    assert verifier.exact
    assert eip712.login_digest(ADDRESS, "1763640000", 0).hex() == (
        "55754ba413f3458e17671c73b519a2ff77f5a510f92522609688090311efd94c"
    )
    assert verifier.login(ADDRESS, "1763640000", 0, LOGIN)
    assert not verifier.login(ADDRESS, "1763640001", 0, LOGIN)
    assert verifier.order(ORDER, domain, SIGNED, ADDRESS)
    assert not verifier.order(replace(ORDER, maker_amount=52_000_001), domain, SIGNED, ADDRESS)
    assert not verifier.order(ORDER, Domain("1", domain.contract), SIGNED, ADDRESS)


def test_without_the_library_only_structure_is_checked() -> None:
    verifier, domain = Verifier(exact=False), order_domain(TOKEN, neg_risk=False)
    assert verifier.order(replace(ORDER, salt=1), domain, SIGNED, ADDRESS)
    assert not verifier.order(ORDER, domain, SIGNED[:-2], ADDRESS)
    assert not verifier.order(ORDER, domain, "0xzz", ADDRESS)
    assert not verifier.order(ORDER, domain, "0x" + "00" * 65, ADDRESS)


def test_hmac_vectors() -> None:
    secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    read = hmac_signature(secret, "1763640000", "GET", "/data/orders", b"")
    assert read == "0LbwV_s463IWU5fogIkRWPl-_iAuDUpH9BynrPCWIwI="
    cancel = hmac_signature(secret, "1763640000", "DELETE", "/order", b'{"orderID":"0xabc"}')
    assert cancel == "vckLeoCutLTpT4_A5L9u8SKKDGTIWFLDIfHEnbFahRo="
    assert hmac_signature(secret.rstrip("="), "1763640000", "GET", "/data/orders", b"") == read
