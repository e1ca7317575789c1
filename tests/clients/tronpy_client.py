"""The PyPI package `tronpy`, unmodified, against a running built-in chain: reads a block and an account, sends TRX.

usage: python tronpy_client.py http://127.0.0.1:8090   (or NODE_URL in the environment)
"""

import importlib.metadata
import json
import os
import sys
import urllib.request

from tronpy import Tron
from tronpy.exceptions import AddressNotFound, ValidationError
from tronpy.keys import PrivateKey
from tronpy.providers import HTTPProvider

TRX = 1_000_000


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ["NODE_URL"]
    with urllib.request.urlopen(f"{url}/dev/accounts") as answer:
        accounts = json.load(answer)["accounts"]
    owner = accounts[2]
    key = PrivateKey(bytes.fromhex(owner["privateKey"]))
    assert key.public_key.to_base58check_address() == owner["address"]
    client = Tron(HTTPProvider(url))

    # A block and an account.
    block = client.get_latest_block()
    number = int(block["blockID"][:16], 16)
    assert client.get_block(number)["blockID"] == block["blockID"]
    assert client.get_latest_block_number() >= number
    assert client.get_latest_solid_block_number() <= client.get_latest_block_number()
    account = client.get_account(owner["address"])
    assert account["address"] == owner["address"], account
    assert account["balance"] > 100 * TRX, account
    fresh = PrivateKey.random().public_key.to_base58check_address()
    try:
        client.get_account(fresh)
    except AddressNotFound:
        pass
    else:
        raise AssertionError("an account that was never activated was found")

    # TRX. The transaction's id comes from /wallet/getsignweight, the reference block from /wallet/getnodeinfo.
    transaction = client.trx.transfer(owner["address"], fresh, 3 * TRX).build().sign(key)
    sent = transaction.broadcast()
    assert sent["txid"] == transaction.txid, sent
    receipt = sent.wait(timeout=30, interval=0.2)
    assert receipt["id"] == transaction.txid, receipt
    assert receipt["fee"] == 1_100_000, receipt
    assert client.get_account_balance(fresh) == 3
    found = client.get_transaction(transaction.txid)
    assert found["ret"][0]["contractRet"] == "SUCCESS", found

    # The token, by the same provider.
    resource = client.get_account_resource(owner["address"])
    assert resource["freeNetLimit"] == 600, resource

    # What cannot be done is refused with the chain's words.
    try:
        client.trx.transfer(owner["address"], fresh, 10_000_000 * TRX).build().sign(key).broadcast()
    except ValidationError as refused:
        assert "balance is not sufficient" in str(refused), refused
    else:
        raise AssertionError("a transfer of more than there is was taken")

    version = importlib.metadata.version("tronpy")
    print(f"tronpy {version}: block, account, TRX: ok")


if __name__ == "__main__":
    main()
