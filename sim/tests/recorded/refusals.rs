//! What was found out of the real node's rules: files `sem_*` hold what it answered and, of delegations, what its
//! records said then. The same is done here; amounts are compared too, because they are the rule.

use super::{
    asked::Asked,
    broadcasts::with_signature,
    listed::Report,
    world::{self, World, taken},
};
use leyden_domain::Address;
use leyden_sim::{
    ForkPlan, Keep,
    build::{self, Options},
    config::TRX,
    keys,
};
use leyden_tron::{
    crypto::{self, SecretKey},
    wire::proto::{
        AccountPermissionUpdateContract, ContractMessage, DelegateResourceContract, FreezeBalanceV2Contract,
        Key, Permission, TransactionRaw, TransferContract, UnDelegateResourceContract,
        UnfreezeBalanceV2Contract,
    },
};
use prost::Message;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

/// The order of secp256k1.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/// Who borrows in the recorded delegations, and who had borrowed from the same account before.
const BORROWER: &str = "stranger";
const BEFORE: [&str; 2] = ["recv2", "recv"];

/// Recorded files that are not compared, and why.
const LEFT_OUT: [(&str, &str); 1] = [(
    "rebroadcast_expired_included_sim",
    "what an older built-in node answered where the real one has _real",
)];

/// A chain under examination.
struct Trial<'a> {
    folder: &'a Path,
    report: &'a mut Report,
    /// What was compared.
    read: &'a mut BTreeSet<String>,
    world: World,
    asked: Asked,
}

pub(crate) async fn compare(folder: &Path, report: &mut Report) {
    let mut read = BTreeSet::new();
    let mut trial = Trial::begin(folder, report, &mut read);
    trial.signatures().await;
    trial.expirations().await;
    trial.forks().await;
    trial.permissions().await;
    Trial::begin(folder, report, &mut read).delegations().await;
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_prefix("sem_")?.strip_suffix(".json")?.to_owned())
        })
        .collect();
    read.extend(LEFT_OUT.map(|(name, _)| name.to_owned()));
    assert_eq!(read, there, "what was read or is left out, and what was recorded");
}

impl<'a> Trial<'a> {
    fn begin(folder: &'a Path, report: &'a mut Report, read: &'a mut BTreeSet<String>) -> Self {
        let world = World::begin();
        world.done(&world::key("owner"), &world::freeze("owner", 1_000_000, 1));
        let asked = Asked::serve(world.node.clone());
        Self { folder, report, read, world, asked }
    }

    fn recorded(&mut self, name: &str) -> Value {
        self.read.insert(name.to_owned());
        serde_json::from_slice(&fs::read(self.folder.join(format!("sem_{name}.json"))).unwrap()).unwrap()
    }

    /// Compares our answer with the recorded one, member by member of those that were recorded.
    fn answered(&mut self, name: &str, ours: &Value) {
        let mut real = self.recorded(name);
        real.as_object_mut()
            .unwrap()
            .retain(|key, _| ["result", "code", "txid", "message"].contains(&key.as_str()));
        let of_those: serde_json::Map<String, Value> =
            real.as_object().unwrap().keys().map(|key| (key.clone(), ours[key].clone())).collect();
        self.report.answers(&format!("sem_{name}"), &self.world.names, &real, &of_those.into());
    }

    /// Compares exactly.
    fn is(&mut self, name: &str, real: &Value, ours: &Value) {
        let differs = (real != ours).then(|| format!("differs: real {real} / ours {ours}"));
        self.report.found(&format!("sem_{name}"), &differs.into_iter().collect::<Vec<_>>());
    }

    /// A transfer of the receiver's, bound to the head.
    fn transfer(&self, sun: i64) -> TransactionRaw {
        let message = TransferContract {
            owner_address: bytes(world::address("recv")),
            to_address: bytes(world::address("recv2")),
            amount: sun,
        };
        self.raw(&message, 0)
    }

    fn raw<M: ContractMessage>(&self, message: &M, permission_id: i32) -> TransactionRaw {
        let head = Arc::clone(self.world.node.chain().head());
        let options = Options {
            permission_id,
            timestamp: head.timestamp(),
            expiration: head.timestamp() + 60_000,
            ..Options::default()
        };
        build::raw(message, &head, &options)
    }

    async fn signatures(&mut self) {
        let key = world::key("recv");
        let signed = |raw: &TransactionRaw| key.sign(crypto::tx_id(&raw.encode_to_vec()).bytes());
        let raw = self.transfer(1);
        let mut signature = signed(&raw).to_vec();
        signature[64] += 27;
        let ours = self.asked.offer(&with_signature(&raw, &signature)).await;
        self.answered("sig_v27", &ours);
        let ours = self.asked.offer(&with_signature(&raw, &mirrored(&signed(&raw)))).await;
        self.answered("same_raw_other_signature_highS", &ours);
        let raw = self.transfer(2);
        let ours = self.asked.offer(&with_signature(&raw, &mirrored(&signed(&raw)))).await;
        self.answered("high_s_alone", &ours);
        let raw = self.transfer(3);
        let padded = [signed(&raw).as_slice(), &[0; 3]].concat();
        let ours = self.asked.offer(&with_signature(&raw, &padded)).await;
        self.answered("sig_68_bytes", &ours);
        self.world.node.mine().unwrap();
    }

    async fn expirations(&mut self) {
        for (after, name) in [
            (2_999, "expiration_head_plus_2999"),
            (3_000, "expiration_head_plus_3000"),
            (3_001, "expiration_head_plus_3001"),
        ] {
            let before = self.world.node.chain().head().timestamp();
            let raw = TransactionRaw { expiration: before + after, ..self.transfer(after) };
            let ours = self.asked.offer(&build::sign(&raw, &[&world::key("recv")])).await;
            self.answered(name, &ours);
            let block = self.world.node.mine().unwrap();
            let included = block.transactions.iter().any(|one| one.tx.raw == raw);
            let moments = json!({
                "included_block_ts_minus_head": included.then(|| block.timestamp() - before),
                "ts_minus_exp": included.then(|| block.timestamp() - raw.expiration),
            });
            let mut real = self.recorded(name);
            real.as_object_mut().unwrap().retain(|key, _| key != "code" && key != "message");
            self.is(name, &real, &moments);
        }
    }

    async fn forks(&mut self) {
        let node = self.world.node.clone();
        let key = world::key("recv");
        let lost = build::sign(&self.transfer(4), &[&key]);
        self.asked.offer(&lost).await;
        node.mine().unwrap();
        let bound = build::sign(&self.transfer(5), &[&key]);
        let plan = ForkPlan { force: true, ..ForkPlan::of_depth(1).keeping(Keep::Nothing) };
        node.fork(&plan).unwrap();
        let ours = self.asked.offer(&lost).await;
        self.answered("rebroadcast_after_fork", &ours);
        let ours = self.asked.offer(&bound).await;
        self.answered("tapos_other_fork", &ours);
        // Included, and later than its expiration.
        node.mine().unwrap();
        node.skip(120_000).unwrap();
        let ours = self.asked.offer(&lost).await;
        self.answered("rebroadcast_expired_included_real", &ours);
    }

    async fn permissions(&mut self) {
        let (owner, hot) = (world::key("owner"), keys::test_key(9));
        let one = |address: Address| vec![Key { address: bytes(address), weight: 1 }];
        let mut operations = vec![0; 32];
        operations[7] = 0b110;
        let message = AccountPermissionUpdateContract {
            owner_address: bytes(owner.address()),
            owner: Some(Permission {
                permission_name: "owner".to_owned(),
                threshold: 1,
                keys: one(owner.address()),
                ..Permission::default()
            }),
            witness: None,
            actives: vec![Permission {
                r#type: 2,
                permission_name: "delegator".to_owned(),
                threshold: 1,
                operations,
                keys: one(hot.address()),
                ..Permission::default()
            }],
        };
        self.world.done(&owner, &message);
        let lend = world::delegation(owner.address(), "recv", 1, 0);
        let pay = TransferContract {
            owner_address: bytes(owner.address()),
            to_address: bytes(world::address("recv")),
            amount: 1,
        };
        let freeze = FreezeBalanceV2Contract { ..world::freeze("owner", 1, 1) };
        let unfreeze = UnfreezeBalanceV2Contract {
            owner_address: bytes(owner.address()),
            unfreeze_balance: TRX,
            resource: 1,
        };
        self.signed("perm_delegate_no_id_by_hot", &lend, 0, &[&hot]).await;
        self.signed("perm_delegate_id3_by_hot", &lend, 3, &[&hot]).await;
        self.signed("perm_delegate_id2_by_other", &lend, 2, &[&world::key("recv")]).await;
        self.signed("perm_transfer_no_id_by_hot", &pay, 0, &[&hot]).await;
        self.signed("perm_transfer_with_id2_by_hot", &pay, 2, &[&hot]).await;
        self.signed("perm_freeze_id2_by_hot", &freeze, 2, &[&hot]).await;
        self.signed("perm_unfreeze_id2_by_hot", &unfreeze, 2, &[&hot]).await;
        self.signed("perm_two_signatures_same", &lend, 2, &[&hot, &hot]).await;
    }

    async fn signed<M: ContractMessage>(&mut self, name: &str, message: &M, id: i32, by: &[&SecretKey]) {
        let bytes = build::sign(&self.raw(message, id), by);
        let ours = self.asked.offer(&bytes).await;
        self.answered(name, &ours);
    }

    /// What one account lends another, as the recorded ones were told: amounts, and whether it is locked.
    async fn lent(&self) -> Vec<Value> {
        let body = json!({
            "fromAddress": world::address("owner").to_hex(),
            "toAddress": world::address(BORROWER).to_hex(),
        });
        let answer = self.asked.post("/wallet/getdelegatedresourcev2", &body).await;
        answer["delegatedResource"].as_array().cloned().unwrap_or_default()
    }

    /// Compares records: both of amounts, and of whether they are locked.
    fn records(&mut self, name: &str, real: &Value, ours: &[Value]) {
        let told = |records: &[Value]| -> Value {
            let one = |record: &Value| {
                json!([record["frozen_balance_for_energy"], record["expire_time_for_energy"].is_i64()])
            };
            records.iter().map(one).collect()
        };
        self.is(name, &told(real.as_array().unwrap()), &told(ours));
    }

    async fn delegations(&mut self) {
        let owner = world::key("owner");
        let lend = |trx, blocks| world::delegation(owner.address(), BORROWER, trx, blocks);
        let back = |trx: i64| UnDelegateResourceContract {
            owner_address: bytes(owner.address()),
            resource: 1,
            balance: trx * TRX,
            receiver_address: bytes(world::address(BORROWER)),
        };
        taken(&self.world.node.transfer(&world::key("recv"), world::address(BORROWER), TRX).unwrap());
        self.world.node.mine().unwrap();
        for borrower in BEFORE {
            self.world.done(&owner, &world::delegation(owner.address(), borrower, 1, 0));
        }
        self.world.done(&owner, &lend(1_000, 0));
        self.world.done(&owner, &lend(500, 0));
        let real = self.recorded("d1_two_unlocked_merge");
        let ours = self.lent().await;
        self.records("d1_two_unlocked_merge", &real, &ours);

        for (name, trx, blocks) in [("d2_locked_beside", 200, 10), ("d3_second_lock_overwrites", 300, 20)] {
            let before = self.world.node.chain().head().timestamp();
            self.world.done(&owner, &lend(trx, blocks));
            let real = self.recorded(name);
            let ours = self.lent().await;
            self.records(name, &real["records"], &ours);
            let ends: Vec<i64> = ours
                .iter()
                .filter_map(|one| Some(one["expire_time_for_energy"].as_i64()? - before))
                .collect();
            self.is(name, &real["expire_minus_prev_head_ts"], &json!(ends));
        }

        self.signed("d4_shorter_lock", &lend(1, 1), 0, &[&owner]).await;
        self.signed("d5_undelegate_into_locked", &back(1_600), 0, &[&owner]).await;
        let unlocked = DelegateResourceContract { lock: false, ..lend(10, 5) };
        self.world.done(&owner, &unlocked);
        let real = self.recorded("d5b_lock_period_without_lock");
        let ours = self.lent().await;
        self.records("d5b_lock_period_without_lock", &real[1], &ours);

        self.usage_moves(&back(755)).await;
        self.lendable().await;
        self.world.node.mine_many(20).unwrap();
        let real = self.recorded("d6_records_after_lock_end");
        let ours = self.lent().await;
        self.records("d6_records_after_lock_end", &real, &ours);
        self.undelegated_across_the_end(&back(800)).await;
        let real = self.recorded("d8_records");
        let ours = self.lent().await;
        self.records("d8_records", &real, &ours);
        self.world.done(&owner, &back(455));
        let real = self.recorded("d9_undelegate_rest");
        let ours = self.lent().await;
        assert_eq!(real, json!(["sent", null]), "no record was left");
        self.is("d9_undelegate_rest", &json!([]), &json!(ours));

        // Who has given everything back is no longer named. In which order the others are is not compared: when they had
        // borrowed was not recorded.
        let real = self.recorded("d10_index");
        let body = json!({ "value": owner.address().to_hex() });
        let ours = self.asked.post("/wallet/getdelegatedresourceaccountindexv2", &body).await;
        let named = |theirs: &Value| json!(self.world.texts[theirs.as_str().unwrap()]);
        let sorted = |list: &[Value]| {
            let mut sorted = list.to_vec();
            sorted.sort_by_key(ToString::to_string);
            sorted
        };
        let theirs: Vec<Value> = real["toAccounts"].as_array().unwrap().iter().map(named).collect();
        let real = json!({ "account": named(&real["account"]), "toAccounts": sorted(&theirs) });
        let ours = json!({ "account": ours["account"], "toAccounts": sorted(ours["toAccounts"].as_array().unwrap()) });
        self.is("d10_index", &real, &ours);
    }

    /// More is taken back than was lent without a lock, once the lock of the rest is over: taken, and paid as always.
    async fn undelegated_across_the_end(&mut self, back: &UnDelegateResourceContract) {
        let offer = self.world.node.send(&world::key("owner"), back, Options::default()).unwrap();
        taken(&offer);
        self.world.node.mine().unwrap();
        let body = json!({ "value": offer.tx_id.to_string() });
        let ours = self.asked.post("/wallet/gettransactioninfobyid", &body).await;
        let name = "d7_undelegate_more_than_unlocked_after_end";
        let real = self.recorded(name);
        self.report.answers(&format!("sem_{name}"), &self.world.names, &real, &ours);
        self.is(name, &real["fee"], &real["receipt"]["net_fee"]);
        self.is(name, &ours["fee"], &ours["receipt"]["net_fee"]);
    }

    /// What can be lent is what is staked and not lent, less the stake whose energy is used.
    async fn lendable(&mut self) {
        let owner = world::address("owner").to_hex();
        let usage = self.asked.post("/wallet/getaccountresource", &json!({ "address": owner })).await;
        let account = self.asked.post("/wallet/getaccount", &json!({ "address": owner })).await;
        let body = json!({ "owner_address": owner, "type": 1 });
        let max = self.asked.post("/wallet/getcandelegatedmaxsize", &body).await;
        let ours = json!({ "max_size": max, "frozen": account["frozenV2"], "usage": usage });
        let real = self.recorded("e_candelegated");
        for told in [&real, &ours] {
            let of_energy = told["frozen"].as_array().unwrap().iter().find(|one| one["type"] == "ENERGY");
            let number = |value: &Value| i128::from(value.as_i64().unwrap());
            let used = number(&told["usage"]["EnergyUsed"])
                * i128::from(TRX)
                * number(&told["usage"]["TotalEnergyWeight"])
                / number(&told["usage"]["TotalEnergyLimit"]);
            let left = number(&of_energy.unwrap()["amount"]) - used;
            self.is("e_candelegated", &told["max_size"]["max_size"], &json!(i64::try_from(left).unwrap()));
        }
    }

    /// Taking stake back takes its part of the usage back.
    async fn usage_moves(&mut self, back: &UnDelegateResourceContract) {
        let real = self.recorded("e_usage_moves");
        let used = real["before_receiver"]["EnergyUsed"].as_i64().unwrap();
        self.world.node.use_energy(world::address(BORROWER), used).unwrap();
        self.world.done(&world::key("owner"), back);
        for (who, part) in [("after_receiver", BORROWER), ("after_owner", "owner")] {
            let body = json!({ "address": world::address(part).to_hex() });
            let ours = self.asked.post("/wallet/getaccountresource", &body).await;
            self.is("e_usage_moves", &real[who]["EnergyUsed"], &ours["EnergyUsed"]);
        }
    }
}

fn bytes(address: Address) -> Vec<u8> {
    address.to_bytes().to_vec()
}

/// The other signature of the same key over the same: `s` is on the other side of the order.
fn mirrored(signature: &[u8; 65]) -> Vec<u8> {
    let order = hex::decode(ORDER).unwrap();
    let mut mirrored = signature.to_vec();
    let mut borrowed = 0;
    for n in (0..32).rev() {
        let difference = i16::from(order[n]) - i16::from(signature[32 + n]) - borrowed;
        borrowed = i16::from(difference < 0);
        mirrored[32 + n] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    mirrored[64] ^= 1;
    mirrored
}
