//! What an account that we act from can do now, as the chain says, and whether it is in service: what its agent asks beside
//! its work.

use crate::{
    account_agent::{AccountAgent, Acting, Trouble},
    shared::Shared,
};
use leyden_domain::{
    Bandwidth, Sun, Timestamp, UsdtMicro,
    pool::{AccountState, Observed, PoolAccount},
    refund::{RefundAccount, RefundObserved},
};
use leyden_ports::ChainError;

impl AccountAgent {
    /// Asks the chain what the account can do, when something changed or long enough has passed.
    pub(crate) async fn observe(&self, me: &Acting) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let now = ports.clock.now();
        let due = {
            let memory = self.memory();
            let interval = i64::try_from(settings.observe_interval.as_millis()).unwrap_or(i64::MAX);
            memory.stale || memory.asked_at.is_none_or(|asked| now.since(asked).ms() >= interval)
        };
        if !due {
            return Ok(());
        }
        let me = match me {
            Acting::Pool(account) => account,
            Acting::Refund(account) => return self.observe_refunds(account, now).await,
        };
        match ports.chain.pool_account(me.address).await {
            Ok(state) => {
                let observed = state.observed(now);
                ports.store.observe_account(self.account, observed).await?;
                settings.did("agent.observed");
                self.revive(me, &observed).await?;
                {
                    let mut memory = self.memory();
                    memory.stale = false;
                    memory.asked_at = Some(now);
                }
                self.shared.hint_allocator();
            }
            Err(error) => tracing::warn!(account = %me.address, %error, "could not ask after a pool account"),
        }
        Ok(())
    }

    /// The same for an account that refunds are paid from.
    async fn observe_refunds(&self, me: &RefundAccount, now: Timestamp) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let asked = async {
            let head = ports.chain.head().await?;
            let account = ports.chain.account(me.address).await?;
            let usdt = match ports.chain.usdt_balance(me.address).await {
                // Tokens that no node says are there are not given back; what is to go back in TRX does not wait for them.
                Err(ChainError::Unsupported(why)) => {
                    tracing::warn!(account = %me.address, why, "no node says how many tokens a refund account holds");
                    UsdtMicro::ZERO
                }
                usdt => usdt?,
            };
            Ok::<_, ChainError>((head, account, usdt))
        };
        match asked.await {
            Ok((head, account, usdt)) => {
                let balance = account.map_or(Sun::ZERO, |account| account.balance);
                let (at, bandwidth) = (head.height(), Bandwidth::ZERO);
                let observed = RefundObserved { at, asked_at: now, balance, usdt, bandwidth };
                ports.store.observe_refund_account(self.account, observed).await?;
                settings.did("agent.observed");
                let is_first = me.observed.is_none();
                {
                    let mut memory = self.memory();
                    memory.stale = false;
                    memory.asked_at = Some(now);
                }
                if is_first {
                    self.shared.hint_clerk();
                }
            }
            Err(error) => {
                tracing::warn!(account = %me.address, %error, "could not ask after a refund account");
            }
        }
        Ok(())
    }

    /// An account that could not pay for its own transactions serves again as soon as it can.
    async fn revive(&self, me: &PoolAccount, observed: &Observed) -> Result<(), Trouble> {
        let Shared { ports, settings, .. } = self.shared.as_ref();
        let pays = observed.bandwidth >= settings.planning.bandwidth_per_rental
            || observed.balance >= settings.planning.trx_per_rental;
        if me.state == AccountState::Broke && pays {
            let (reason, now) = ("it can pay for its transactions again", ports.clock.now());
            let (broke, ready) = (AccountState::Broke, AccountState::Ready);
            if ports.store.set_account_state(self.account, broke, ready, reason, now).await? {
                tracing::info!(account = %me.address, "pool account can pay for its transactions again");
            }
        }
        Ok(())
    }

    /// Takes the account out of service, if it is in.
    pub(crate) async fn retire(&self, me: &Acting, state: AccountState, reason: &str) -> Result<(), Trouble> {
        let Shared { ports, .. } = self.shared.as_ref();
        let me = match me {
            Acting::Pool(account) => account,
            Acting::Refund(account) => {
                // Its refunds are held with a reason and tried again; that is said here for people.
                tracing::error!(account = %account.address, reason, "the refund account could not send");
                let why = Some(format!("{}: {reason}", state.name()));
                return Ok(ports.store.set_refund_account_unfit(account.id, why).await?);
            }
        };
        let (ready, now) = (AccountState::Ready, ports.clock.now());
        if ports.store.set_account_state(self.account, ready, state, reason, now).await? {
            tracing::error!(account = %me.address, state = state.name(), reason, "pool account taken out of service");
        }
        self.shared.hint_allocator();
        Ok(())
    }
}
