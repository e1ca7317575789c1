//! The reader port over one node.

use super::{NodeClient, client::malformed};
use crate::{
    decode::{self, Header, RawBlock, Receipt, TxAction, TxFacts, Whereabouts},
    wire::{answers, json},
};
use async_trait::async_trait;
use leyden_domain::{
    Address, Bandwidth, BlockId, Energy, EnergyRatio, Height, Sun, Timestamp, TxId, UsdtMicro,
    chain::{Block, ContractKind, Head, TransactionReport},
};
use leyden_ports::{AccountInfo, ChainError, ChainReader, Holdings, PoolChainState, Sighting};
use serde::Deserialize;
use serde_json::json;

/// The most that one request for several blocks may ask for (java-tron `Wallet.getBlocksByLimitNext`).
const MOST_BLOCKS: u32 = 100;

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ChainError> {
    serde_json::from_slice(body).map_err(|error| ChainError::Malformed(error.to_string()))
}

fn parse_header(body: &[u8]) -> Result<Header, ChainError> {
    let block: json::Block<'_> = parse(body)?;
    decode::header_from_json(&block)
        .map_err(|error| malformed(&error))?
        .ok_or_else(|| ChainError::Malformed("no block header".to_owned()))
}

fn parse_block(body: &[u8]) -> Result<Option<RawBlock>, ChainError> {
    decode::block_from_json(&parse(body)?).map_err(|error| malformed(&error))
}

fn parse_blocks(body: &[u8]) -> Result<Vec<RawBlock>, ChainError> {
    let list: json::BlockList<'_> = parse(body)?;
    list.block
        .iter()
        .map(|block| {
            decode::block_from_json(block)
                .map_err(|error| malformed(&error))?
                .ok_or_else(|| ChainError::Malformed("no block header".to_owned()))
        })
        .collect()
}

fn parse_receipts(body: &[u8]) -> Result<Vec<Receipt>, ChainError> {
    // No receipts are `[]` or `{}`; either way they will not fit a block that has transactions.
    if body.trim_ascii_start().first() == Some(&b'{') {
        return Ok(Vec::new());
    }
    let infos: Vec<json::TransactionInfo<'_>> = parse(body)?;
    decode::receipts_from_json(&infos).map_err(|error| malformed(&error))
}

/// How often the solid state is asked about while it moves on.
const SOLID_TRIES: u32 = 3;

fn moving() -> ChainError {
    ChainError::Unavailable("the solid block moves on faster than it can be asked about".to_owned())
}

/// An account's own stake for energy, and the part of it that is delegated out.
fn stake_of(account: &answers::Account) -> Result<(Sun, Sun), ChainError> {
    let delegated = Sun::new(account.account_resource.delegated_frozen_v2_balance_for_energy);
    let own = account
        .frozen_v2
        .iter()
        .filter(|frozen| frozen.r#type.as_deref() == Some("ENERGY"))
        .map(|frozen| Sun::new(frozen.amount));
    let staked =
        Sun::sum(own.chain([delegated])).map_err(|error| ChainError::Malformed(error.to_string()))?;
    Ok((staked, delegated))
}

/// What the receipts of a block tell of TRX that contracts have sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InternalsTold {
    /// Some was sent.
    Some,
    /// Nothing, although contracts were called that may send some: any but the token's own.
    NoneOfCalls,
    /// Nothing was called that could send any.
    NoCalls,
}

/// A block as one node shows it, checked against itself.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    /// The block.
    pub(super) block: Block,
    /// Whether the signed header proves that it holds exactly these transactions.
    pub(super) proven: bool,
    /// Token transfers that successful calls ask for: the transaction, to whom, how much. What was asked for is proven
    /// with the block; that it happened, only by a receipt.
    pub(super) asked: Vec<(TxId, Address, i64)>,
    /// Whether receipts were read for it.
    pub(super) with_receipts: bool,
    /// What they tell of TRX that contracts have sent, to whomever. A node keeps all of a block that do,
    /// or none.
    pub(super) internals: InternalsTold,
}

impl Fetched {
    /// Whether its receipts tell of TRX that a contract has sent.
    pub(super) const fn has_internals(&self) -> bool {
        matches!(self.internals, InternalsTold::Some)
    }
}

impl NodeClient {
    /// The newest block, whole and not yet checked but for its header.
    pub(super) async fn newest_whole(&self) -> Result<RawBlock, ChainError> {
        let raw = self
            .read("/wallet/getnowblock", &json!({}), |body| {
                parse_block(body)?.ok_or_else(|| ChainError::Malformed("no block header".to_owned()))
            })
            .await?;
        self.check_header(&raw.header).await?;
        Ok(raw)
    }

    /// The newest header under `/wallet` or `/walletsolidity`, checked.
    pub(super) async fn newest_header(&self, root: &str) -> Result<Header, ChainError> {
        let path = format!("{root}/getblock");
        let header = match self.read_if_there(&path, &json!({ "detail": false }), parse_header).await {
            Ok(header) => header,
            // Heads are read as whole blocks there.
            Err(ChainError::Unsupported(_)) => {
                self.read(&format!("{root}/getnowblock"), &json!({}), parse_header).await?
            }
            Err(error) => return Err(error),
        };
        self.check_header(&header).await?;
        Ok(header)
    }

    /// The id of the block at a height, unchecked; `None` where the node has none there.
    pub(super) async fn id_at(&self, height: Height) -> Result<Option<BlockId>, ChainError> {
        let id = |body: &[u8]| {
            let block: json::Block<'_> = parse(body)?;
            let header = decode::header_from_json(&block).map_err(|error| malformed(&error))?;
            Ok(header.map(|header| header.id))
        };
        let request = json!({ "id_or_num": height.get().to_string(), "detail": false });
        match self.read_if_there("/wallet/getblock", &request, id).await {
            Err(ChainError::Unsupported(_)) => {
                self.read("/wallet/getblockbynum", &json!({ "num": height.get() }), id).await
            }
            answer => answer,
        }
    }

    /// One block; `None` where the node has none at that height.
    pub(super) async fn fetch(&self, height: Height) -> Result<Option<Fetched>, ChainError> {
        let raw = self.read("/wallet/getblockbynum", &json!({ "num": height.get() }), parse_block).await?;
        match raw {
            None => Ok(None),
            Some(raw) => self.complete(raw, height).await.map(Some),
        }
    }

    /// Up to `count` consecutive blocks from `from`, in one request for blocks after the other.
    pub(super) async fn fetch_run(&self, from: Height, count: u32) -> Result<Vec<Fetched>, ChainError> {
        let mut blocks: Vec<Fetched> = Vec::new();
        let mut left = count;
        while left > 0 {
            let batch = left.min(self.settings.batch.clamp(1, MOST_BLOCKS));
            let start = blocks.last().map_or(from, |last| last.block.height().next());
            let request = json!({ "startNum": start.get(), "endNum": start.offset(i64::from(batch)).get() });
            let raws = self.read("/wallet/getblockbylimitnext", &request, parse_blocks).await?;
            let received = u32::try_from(raws.len()).unwrap_or(u32::MAX);
            if received > batch {
                return Err(ChainError::Malformed(format!("asked for {batch} blocks, got {received}")));
            }
            for raw in raws {
                let expected = blocks.last().map_or(from, |last| last.block.height().next());
                if blocks.last().is_some_and(|last| last.block.id != raw.header.parent) {
                    // The chain changed between two answers; what chains is still good.
                    return Ok(blocks);
                }
                match self.complete(raw, expected).await {
                    Ok(block) => blocks.push(block),
                    Err(error) if blocks.is_empty() => return Err(error),
                    // What comes before it is good; who asks for the rest hears of this one.
                    Err(_) => return Ok(blocks),
                }
            }
            left = left.saturating_sub(batch);
            if received < batch {
                break;
            }
        }
        Ok(blocks)
    }

    /// The newest block's place and time under `/wallet` or `/walletsolidity`.
    async fn newest(&self, root: &str) -> Result<Head, ChainError> {
        let header = self.newest_header(root).await?;
        Ok(Head { block: leyden_domain::BlockRef::new(header.id), timestamp: header.timestamp })
    }

    /// Checks a block and turns it into domain terms, with its receipts where it needs them.
    pub(super) async fn complete(&self, raw: RawBlock, height: Height) -> Result<Fetched, ChainError> {
        if raw.header.height() != height {
            return Err(ChainError::Malformed(format!(
                "asked for block {height}, got {}",
                raw.header.height()
            )));
        }
        let proven = self.check(&raw).await?;
        let with_receipts = self.settings.receipts && raw.needs_receipts();
        let (block, has_internals) = if with_receipts {
            self.read("/wallet/gettransactioninfobyblocknum", &json!({ "num": height.get() }), |body| {
                let receipts = parse_receipts(body)?;
                let has_internals = receipts.iter().any(|receipt| !receipt.internals.is_empty());
                Ok((self.to_domain(&raw, Some(&receipts))?, has_internals))
            })
            .await?
        } else {
            (self.to_domain(&raw, None)?, false)
        };
        let asked = self.asked_for(&raw);
        let internals = match (has_internals, self.calls_contracts(&raw)) {
            (true, _) => InternalsTold::Some,
            (false, true) => InternalsTold::NoneOfCalls,
            (false, false) => InternalsTold::NoCalls,
        };
        Ok(Fetched { block, proven, asked, with_receipts, internals })
    }

    /// Whether a contract was called with success that may send TRX. The token's sends none.
    fn calls_contracts(&self, raw: &RawBlock) -> bool {
        raw.transactions.iter().filter(|tx| tx.succeeded()).any(|tx| match &tx.action {
            TxAction::Call { contract, token: Some(_), .. } => *contract != self.settings.usdt_contract,
            _ => matches!(tx.kind, ContractKind::TriggerSmartContract | ContractKind::CreateSmartContract),
        })
    }

    /// The token transfers that a block's successful calls ask for.
    fn asked_for(&self, raw: &RawBlock) -> Vec<(TxId, Address, i64)> {
        raw.transactions
            .iter()
            .filter(|tx| tx.succeeded())
            .filter_map(|tx| match &tx.action {
                TxAction::Call { contract, token: Some(token), .. }
                    if *contract == self.settings.usdt_contract =>
                {
                    Some((tx.id, token.to, token.amount?))
                }
                _ => None,
            })
            .collect()
    }

    fn to_domain(&self, raw: &RawBlock, receipts: Option<&[Receipt]>) -> Result<Block, ChainError> {
        // A node answers with the receipts that it has; those of a fresh block may come a moment later.
        decode::to_domain(raw, self.settings.usdt_contract, receipts)
            .map_err(|missing| ChainError::Unavailable(format!("block {}: {missing}", raw.header.height())))
    }

    /// A pool account's state, where the node is known to have this block.
    pub(super) async fn pool_account_at(
        &self,
        address: Address,
        observed_at: Height,
    ) -> Result<PoolChainState, ChainError> {
        let account = self.account_answer(address).await?;
        if account.address.is_none() {
            return Err(ChainError::Refused(format!("{address} was never activated")));
        }
        let resources: answers::AccountResources =
            self.read_as("/wallet/getaccountresource", &json!({ "address": address.to_hex() })).await?;
        let delegatable = self.delegatable(address).await?;
        if resources.total_energy_limit <= 0 || resources.total_energy_weight <= 0 {
            return Err(ChainError::Malformed("getaccountresource without network totals".to_owned()));
        }
        let (staked, delegated) = stake_of(&account)?;
        let left = |limit: i64, used: i64| Bandwidth::new(limit).saturating_sub(Bandwidth::new(used));
        Ok(PoolChainState {
            observed_at,
            staked,
            delegated,
            delegatable,
            balance: Sun::new(account.balance),
            // A transaction is paid from one of the two, never from both together.
            bandwidth: left(resources.net_limit, resources.net_used)
                .max(left(resources.free_net_limit, resources.free_net_used)),
            recovering: Energy::new(resources.energy_used.max(0)),
            ratio: EnergyRatio {
                total_limit: resources.total_energy_limit,
                total_weight_trx: resources.total_energy_weight,
            },
        })
    }

    /// The receipt of one transaction; `None` where no block holds it.
    async fn receipt_of(&self, tx_id: TxId) -> Result<Option<Receipt>, ChainError> {
        self.read("/wallet/gettransactioninfobyid", &json!({ "value": tx_id.to_string() }), |body| {
            let info: json::TransactionInfo<'_> = parse(body)?;
            if info.id.is_none() {
                return Ok(None);
            }
            let receipt = decode::receipts_from_json(&[info]).map_err(|error| malformed(&error))?.pop();
            if receipt.as_ref().is_some_and(|receipt| receipt.tx_id != tx_id) {
                return Err(ChainError::Malformed("receipt of another transaction".to_owned()));
            }
            Ok(receipt)
        })
        .await
    }

    /// One transaction under this path, with the time at which it expires.
    async fn transaction_under(
        &self,
        path: &str,
        tx_id: TxId,
    ) -> Result<Option<(TxFacts, Option<Timestamp>)>, ChainError> {
        self.read_if_there(path, &json!({ "value": tx_id.to_string() }), |body| {
            let transaction: json::Transaction<'_> = parse(body)?;
            let found = decode::transaction_from_json(&transaction).map_err(|error| malformed(&error))?;
            if found.as_ref().is_some_and(|(facts, _)| facts.id != tx_id) {
                return Err(ChainError::Malformed("another transaction than was asked for".to_owned()));
            }
            Ok(found)
        })
        .await
    }

    async fn sighting_under(&self, root: &str, tx_id: TxId) -> Result<Option<Height>, ChainError> {
        let path = format!("{root}/gettransactioninfobyid");
        self.read(&path, &json!({ "value": tx_id.to_string() }), |body| {
            let info: json::TransactionInfo<'_> = parse(body)?;
            match info.id.as_deref() {
                None => Ok(None),
                Some(id) if id.parse() == Ok(tx_id) => Ok(Some(Height::new(info.block_number))),
                Some(_) => Err(ChainError::Malformed("receipt of another transaction".to_owned())),
            }
        })
        .await
    }
}

#[async_trait]
impl ChainReader for NodeClient {
    async fn head(&self) -> Result<Head, ChainError> {
        self.newest("/wallet").await
    }

    async fn solid(&self) -> Result<Head, ChainError> {
        self.newest("/walletsolidity").await
    }

    async fn block(&self, height: Height) -> Result<Option<Block>, ChainError> {
        Ok(self.fetch(height).await?.map(|fetched| fetched.block))
    }

    async fn blocks(&self, from: Height, count: u32) -> Result<Vec<Block>, ChainError> {
        let run = self.fetch_run(from, count).await?;
        Ok(run.into_iter().map(|fetched| fetched.block).collect())
    }

    async fn account(&self, address: Address) -> Result<Option<AccountInfo>, ChainError> {
        let account = self.account_answer(address).await?;
        if account.address.is_none() {
            return Ok(None);
        }
        Ok(Some(AccountInfo {
            balance: Sun::new(account.balance),
            is_contract: account.r#type.as_deref() == Some("Contract"),
        }))
    }

    async fn pool_account(&self, address: Address) -> Result<PoolChainState, ChainError> {
        // First, so that everything up to it is contained in what follows.
        let observed_at = self.head().await?.height();
        self.pool_account_at(address, observed_at).await
    }

    async fn holds_usdt(&self, address: Address) -> Result<bool, ChainError> {
        Ok(self.usdt_balance(address).await? > 0)
    }

    async fn usdt_balance(&self, address: Address) -> Result<UsdtMicro, ChainError> {
        Ok(UsdtMicro::new(Self::usdt_balance(self, address).await?))
    }

    async fn delegated(&self, owner: Address, receiver: Address) -> Result<Sun, ChainError> {
        let records = self.delegations(owner, receiver).await?;
        Sun::sum(records.iter().map(|record| Sun::new(record.frozen_balance_for_energy)))
            .map_err(|error| ChainError::Malformed(error.to_string()))
    }

    async fn holdings(&self, address: Address) -> Result<Holdings, ChainError> {
        let mut at = self.newest("/walletsolidity").await?;
        for _ in 0..SOLID_TRIES {
            let request = json!({ "address": address.to_hex() });
            let account: answers::Account = self.read_as("/walletsolidity/getaccount", &request).await?;
            let request = json!({ "value": address.to_hex() });
            let path = "/walletsolidity/getdelegatedresourceaccountindexv2";
            let index: answers::DelegationIndex = self.read_as(path, &request).await?;
            let after = self.newest("/walletsolidity").await?;
            if after.block == at.block {
                let bad = |error: leyden_domain::ParseError| ChainError::Malformed(error.to_string());
                let receivers = index.to_accounts.iter().map(|text| Address::from_hex(text).map_err(bad));
                let receivers = receivers.collect::<Result<_, _>>()?;
                let (staked, delegated) = stake_of(&account)?;
                return Ok(Holdings { at, balance: Sun::new(account.balance), staked, delegated, receivers });
            }
            at = after;
        }
        Err(moving())
    }

    async fn lent(&self, owner: Address, receiver: Address) -> Result<(Head, Sun), ChainError> {
        let request = json!({ "fromAddress": owner.to_hex(), "toAddress": receiver.to_hex() });
        let mut at = self.newest("/walletsolidity").await?;
        for _ in 0..SOLID_TRIES {
            let records: answers::DelegatedResources =
                self.read_as("/walletsolidity/getdelegatedresourcev2", &request).await?;
            let after = self.newest("/walletsolidity").await?;
            if after.block == at.block {
                let sums = records.delegated_resource.iter();
                let sums = sums.map(|record| Sun::new(record.frozen_balance_for_energy));
                let sum = Sun::sum(sums).map_err(|error| ChainError::Malformed(error.to_string()))?;
                return Ok((at, sum));
            }
            at = after;
        }
        Err(moving())
    }

    async fn sighting(&self, tx_id: TxId) -> Result<Option<Sighting>, ChainError> {
        if let Some(height) = self.sighting_under("/walletsolidity", tx_id).await? {
            return Ok(Some(Sighting { height, solid: true }));
        }
        let height = self.sighting_under("/wallet", tx_id).await?;
        Ok(height.map(|height| Sighting { height, solid: false }))
    }

    async fn transaction(&self, tx_id: TxId) -> Result<Option<TransactionReport>, ChainError> {
        let usdt = self.settings.usdt_contract;
        if let Some(receipt) = self.receipt_of(tx_id).await? {
            let (facts, _) = self
                .transaction_under("/wallet/gettransactionbyid", tx_id)
                .await?
                .ok_or_else(|| ChainError::Unavailable("a receipt, and no transaction to it".to_owned()))?;
            return Ok(Some(decode::report(&facts, Whereabouts::InBlock(&receipt), usdt)));
        }
        let waiting = match self.transaction_under("/wallet/gettransactionfrompending", tx_id).await {
            // Gateways keep their pool to themselves.
            Err(ChainError::Unsupported(_)) => None,
            answer => answer?,
        };
        Ok(waiting.map(|(facts, expires_at)| decode::report(&facts, Whereabouts::Waiting(expires_at), usdt)))
    }
}
