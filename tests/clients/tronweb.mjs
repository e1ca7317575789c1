// The npm package `tronweb`, unmodified, against a running built-in chain: reads a block and an account, sends TRX,
// stakes, delegates, reads resources and delegated amounts, takes the delegation back, unstakes.
//
// usage: node tronweb.mjs http://127.0.0.1:8090 [http://127.0.0.1:8091]   (or NODE_URL in the environment)
// The second is where /walletsolidity is served, if that is elsewhere.

import assert from 'node:assert/strict'
import { TronWeb } from 'tronweb'

const url = process.argv[2] ?? process.env.NODE_URL
assert.ok(url, 'give the URL of the node')

const TRX = 1_000_000
const { accounts } = await (await fetch(`${url}/dev/accounts`)).json()
const [owner, receiver] = [accounts[0], accounts[1]]
const solidityNode = process.argv[3]
const hosts = solidityNode ? { fullNode: url, solidityNode } : { fullHost: url }
const tronWeb = new TronWeb({ ...hosts, privateKey: owner.privateKey })
const fresh = await tronWeb.createAccount()

/** Asks until the answer is there: what was accepted is in a block at most a few block times later. */
async function eventually(what, ask) {
  const deadline = Date.now() + 30_000
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    assert.ok(Date.now() < deadline, `${what} did not happen within 30 s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Signs and sends a transaction and gives its receipt. */
async function send(what, unsigned) {
  const signed = await tronWeb.trx.sign(unsigned)
  const sent = await tronWeb.trx.sendRawTransaction(signed)
  assert.equal(sent.result, true, `${what}: ${JSON.stringify(sent)}`)
  const receipt = await eventually(what, async () => {
    const info = await tronWeb.trx.getUnconfirmedTransactionInfo(signed.txID)
    return info.id ? info : null
  })
  assert.equal(receipt.id, signed.txID)
  const included = await tronWeb.trx.getTransaction(signed.txID)
  assert.equal(included.ret[0].contractRet, 'SUCCESS')
  return receipt
}

// A block and an account.
const block = await tronWeb.trx.getCurrentBlock()
assert.match(block.blockID, /^[0-9a-f]{64}$/)
const same = await tronWeb.trx.getBlockByNumber(Number(BigInt(`0x${block.blockID.slice(0, 16)}`)))
assert.equal(same.blockID, block.blockID)
assert.equal((await tronWeb.trx.getBlockByHash(block.blockID)).blockID, block.blockID)
const before = await tronWeb.trx.getUnconfirmedAccount(owner.address)
assert.equal(before.address, owner.hex.toLowerCase())
assert.ok(before.balance > 1_000 * TRX)
assert.deepEqual(await tronWeb.trx.getUnconfirmedAccount(fresh.address.base58), {})

// TRX, activating the recipient.
const paid = await send(
  'transfer',
  await tronWeb.transactionBuilder.sendTrx(fresh.address.base58, 5 * TRX, owner.address),
)
assert.equal(paid.fee, 1_100_000, 'activation costs 1 TRX and 0.1 TRX for bandwidth')
assert.equal(await tronWeb.trx.getUnconfirmedBalance(fresh.address.base58), 5 * TRX)

// USDT: read and send.
const usdt = await tronWeb.contract().at('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')
assert.equal(await usdt.symbol().call(), 'USDT')
const held = BigInt(await usdt.balanceOf(receiver.address).call())
const call = await tronWeb.transactionBuilder.triggerSmartContract(
  'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
  'transfer(address,uint256)',
  { feeLimit: 100 * TRX },
  [
    { type: 'address', value: receiver.address },
    { type: 'uint256', value: 2_500_000 },
  ],
  owner.address,
)
const moved = await send('USDT transfer', call.transaction)
assert.equal(moved.receipt.result, 'SUCCESS')
assert.equal(moved.receipt.energy_usage_total, 64_285)
assert.equal(BigInt(await usdt.balanceOf(receiver.address).call()), held + 2_500_000n)

// Stake.
await send('stake', await tronWeb.transactionBuilder.freezeBalanceV2(20_000 * TRX, 'ENERGY', owner.address))
const staked = await tronWeb.trx.getAccountResources(owner.address)
assert.ok(staked.EnergyLimit > 180_000, `20,000 TRX give ${staked.EnergyLimit} energy`)
const { max_size: most } = await tronWeb.trx.getCanDelegatedMaxSize(owner.address, 'ENERGY', { confirmed: false })
assert.ok(most > 19_000 * TRX, `can delegate ${most}`)

// Delegate.
const amount = 7_000 * TRX
await send(
  'delegate',
  await tronWeb.transactionBuilder.delegateResource(amount, receiver.address, 'ENERGY', owner.address, false),
)
const lent = await tronWeb.trx.getDelegatedResourceV2(owner.address, receiver.address, { confirmed: false })
assert.equal(lent.delegatedResource.length, 1)
assert.equal(lent.delegatedResource[0].frozen_balance_for_energy, amount)
const index = await tronWeb.trx.getDelegatedResourceAccountIndexV2(owner.address, { confirmed: false })
assert.ok(index.toAccounts.includes(receiver.hex.toLowerCase()))
const borrowed = await tronWeb.trx.getAccountResources(receiver.address)
assert.ok(borrowed.EnergyLimit > 65_000, `the receiver has ${borrowed.EnergyLimit} energy`)

// What cannot be done is refused with the chain's words.
await assert.rejects(
  async () => {
    const tooMuch = await tronWeb.transactionBuilder.delegateResource(
      1_000_000 * TRX,
      receiver.address,
      'ENERGY',
      owner.address,
      false,
    )
    const refused = await tronWeb.trx.sendRawTransaction(await tronWeb.trx.sign(tooMuch))
    if (!refused.result) throw new Error(tronWeb.toUtf8(refused.message))
  },
  /delegateBalance must be less than or equal to available FreezeEnergyV2 balance/,
)

// Undelegate and unstake.
await send(
  'undelegate',
  await tronWeb.transactionBuilder.undelegateResource(amount, receiver.address, 'ENERGY', owner.address),
)
const back = await tronWeb.trx.getDelegatedResourceV2(owner.address, receiver.address, { confirmed: false })
assert.equal(back.delegatedResource ?? undefined, undefined)
await send('unstake', await tronWeb.transactionBuilder.unfreezeBalanceV2(5_000 * TRX, 'ENERGY', owner.address))
const { count } = await tronWeb.trx.getAvailableUnfreezeCount(owner.address, { confirmed: false })
assert.equal(count, 31)
const after = await tronWeb.trx.getUnconfirmedAccount(owner.address)
assert.equal(after.frozenV2.find((one) => one.type === 'ENERGY').amount, 15_000 * TRX)
assert.equal(after.unfrozenV2[0].unfreeze_amount, 5_000 * TRX)

// Solid after 18 more blocks.
const solid = await eventually('solidity', async () => {
  await fetch(`${url}/dev/mine`, { method: 'POST', body: JSON.stringify({ blocks: 20 }) })
  const info = await tronWeb.trx.getTransactionInfo(paid.id)
  return info.id ? info : null
})
assert.equal(solid.id, paid.id)

console.log(`tronweb ${TronWeb.version}: block, account, TRX, USDT, stake, delegate, undelegate, unstake: ok${solidityNode ? ', on two ports' : ''}`)
