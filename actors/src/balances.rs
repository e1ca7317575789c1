//! What is on our accounts beside what should be there: on the payment addresses, on the accounts that refunds are paid from,
//! and on those of the pool besides their stake. Each comparison begins from what the one before has found; what left since by
//! recorded blocks may have left. What differs is carried on from comparison to comparison until the books explain it or a
//! person has closed it.

use crate::{
    reconciler::{Reconciler, Run, Trouble},
    shared::Shared,
};
use leyden_domain::{
    Address,
    pool::PoolAccount,
    reconcile::{
        Class, Difference, Holding, Matter, OpenDifference, Till, Verdict, classify_outgoings, classify_till,
    },
};
use leyden_ports::{Holdings, StoreError};
use std::collections::BTreeMap;

/// What each account held when it was last looked at, those whose first look is to come included. What cannot be read this
/// time is compared with the same the next time.
#[derive(Debug, Default)]
pub(crate) struct Balances(BTreeMap<Address, (Matter, Option<Holding>)>);

impl Balances {
    /// Of all accounts that are compared as this.
    pub(crate) fn of(&self, wanted: Matter) -> Vec<Holding> {
        self.0.values().filter(|(matter, _)| *matter == wanted).filter_map(|(_, held)| *held).collect()
    }

    fn whose(&self, wanted: Matter) -> Vec<Address> {
        self.0.iter().filter(|(_, (matter, _))| *matter == wanted).map(|(address, _)| *address).collect()
    }
}

impl Reconciler {
    /// Whose balances are compared as what, and what the last comparison found there. What comes to payment addresses is
    /// compared with the payments.
    pub(crate) async fn known_balances(&self, pool: &[PoolAccount]) -> Result<Balances, StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let last = ports.store.last_reconciliation().await?;
        let known: BTreeMap<Address, Holding> = last
            .into_iter()
            .flat_map(|last| last.pool_accounts.into_iter().chain(last.refund_accounts))
            .map(|one| (one.address, one))
            .collect();
        let pool = pool.iter().map(|account| (account.address, Matter::PoolBalance));
        let refunds = ports.store.refund_accounts().await?;
        let refunds = refunds.iter().map(|account| (account.address, Matter::RefundAccount));
        // An account of both kinds is one that refunds are paid from: its transfers are recorded.
        let all: BTreeMap<Address, Matter> = pool.chain(refunds).collect();
        let all = all.into_iter().filter(|(address, _)| !settings.payment_addresses.contains(address));
        Ok(Balances(all.map(|(address, matter)| (address, (matter, known.get(&address).copied()))).collect()))
    }

    /// What the payment addresses hold, against what they held at the comparison before and what came since.
    pub(crate) async fn compare_till(&self, run: &mut Run) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let mut block = None;
        let mut total = 0_i64;
        for address in &settings.payment_addresses {
            let held = ports.chain.holdings(*address).await?;
            if !self.is_read(&held, run, *address).await? {
                return Ok(());
            }
            if block.is_some_and(|block| block != held.at.block) {
                run.skipped.push("payment addresses: not all could be read at one block".to_owned());
                return Ok(());
            }
            block = Some(held.at.block);
            total = total.saturating_add(held.balance.get());
        }
        let Some(block) = block else { return Ok(()) };
        let last = ports.store.last_till().await?;
        if last.is_some_and(|(since, _)| since > block.height()) {
            // A node that is behind: what was found at the later block has been told.
            return Ok(());
        }
        run.till = Some((block.height(), total));
        run.at(block.height());
        let Some((since, before)) = last else { return Ok(()) };
        let flow = ports.store.till_between(&settings.payment_addresses, since, block.height()).await?;
        let till = Till { before, now: total, came: flow.came.get(), left: flow.left.get() };
        let Verdict::Differs(class) = classify_till(&till) else { return Ok(()) };
        let ours = if class == Class::MissedEvent { till.most() } else { till.untouched() };
        let is_small = total.saturating_sub(ours).saturating_abs() <= settings.reconcile.tolerance.get();
        let is_expected = class == Class::ExternalMovement && settings.reconcile.expect_withdrawals;
        if is_small || is_expected {
            return Ok(());
        }
        let mut payees = settings.payment_addresses.iter().copied();
        let difference = Difference {
            matter: Matter::Payments,
            class,
            account: payees.next().filter(|_| settings.payment_addresses.len() == 1),
            receiver: None,
            ours,
            theirs: total,
            height: block.height(),
            evidence: format!(
                "{before} at {since}, {} TRX recorded as come since and {} as gone",
                flow.came, flow.left
            ),
        };
        run.found(OpenDifference {
            difference,
            accounts: settings.payment_addresses.iter().copied().collect(),
            since,
            recorded: till.came.saturating_sub(till.left),
            found_at: ports.clock.now(),
        });
        Ok(())
    }

    /// What earlier comparisons have found, and nothing has explained and nobody has closed since.
    pub(crate) async fn carry_on(&self, run: &mut Run) -> Result<(), StoreError> {
        for open in self.shared.ports.store.open_differences().await? {
            run.differences.push(open.left);
            run.open.push(open.found);
        }
        Ok(())
    }

    /// What is on the accounts that refunds are paid from.
    pub(crate) async fn compare_refund_accounts(&self, run: &mut Run) -> Result<(), StoreError> {
        let Shared { ports, .. } = self.shared.as_ref();
        for address in run.balances.whose(Matter::RefundAccount) {
            match ports.chain.holdings(address).await {
                Ok(held) => {
                    if self.is_read(&held, run, address).await? {
                        self.compare_balance(address, &held, run).await?;
                    }
                }
                Err(error) => run.skipped.push(format!("{address}: {error}")),
            }
        }
        Ok(())
    }

    /// What is on one account, against what was there at the comparison before, less what left since by recorded blocks and
    /// may have cost. What is more its owner has put there.
    pub(crate) async fn compare_balance(
        &self,
        address: Address,
        held: &Holdings,
        run: &mut Run,
    ) -> Result<(), StoreError> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        run.at(held.at.height());
        let Some((matter, known)) = run.balances.0.get_mut(&address) else { return Ok(()) };
        let now = Holding { address, height: held.at.height(), balance: held.balance.get() };
        if known.is_some_and(|before| before.height > now.height) {
            // A node that is behind: what was found at the later block has been told.
            return Ok(());
        }
        let (matter, Some(before)) = (*matter, known.replace(now)) else { return Ok(()) };
        let left = ports.store.left_between(address, before.height, now.height).await?;
        let least = left.least(before.balance, settings.refunds.fee_limit.get());
        if let Verdict::Differs(class) = classify_outgoings(least, now.balance) {
            let difference = Difference {
                matter,
                class,
                account: Some(address),
                receiver: None,
                ours: least,
                theirs: now.balance,
                height: now.height,
                evidence: format!(
                    "{} at {}; since then {} sun left it by {} transfers, {} calls and {} transactions of its stake",
                    before.balance, before.height, left.gone, left.coins, left.calls, left.works
                ),
            };
            run.found(OpenDifference {
                difference,
                accounts: vec![address],
                since: before.height,
                recorded: left.gone.saturating_neg(),
                found_at: ports.clock.now(),
            });
        }
        Ok(())
    }
}
