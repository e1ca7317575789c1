//! The configuration in the words of the domain and of the actors.

use super::Settings;
use leyden_actors::{
    boards::SaleTerms,
    settings::{ActorSettings, OrderlessTerms},
};
use leyden_domain::{
    Energy, Sun,
    operation::OperationPolicy,
    order::{EnergyPrices, PriceTerms},
    payment::{MatchPolicy, Orderless, TailPolicy},
    pool::PlanPolicy,
};

impl Settings {
    /// Price terms where the books hold none.
    pub fn price_terms(&self) -> PriceTerms {
        PriceTerms {
            unit_price: self.sales.single_price_trx,
            max_transactions: self.sales.max_transactions,
            duration: self.sales.rental.span(),
            min_amount: self.sales.min_amount_trx,
        }
    }

    /// Energy of transfers where the books say nothing.
    pub fn energy_prices(&self) -> EnergyPrices {
        EnergyPrices {
            per_transfer: Energy::new(i64::from(self.sales.energy_per_transfer)),
            per_transfer_first: Energy::new(i64::from(self.sales.energy_per_first_transfer)),
        }
    }

    /// How tails are chosen.
    pub const fn tail_policy(&self) -> TailPolicy {
        TailPolicy { max: self.payments.tail_max_sun }
    }

    /// How orders are served.
    pub fn plan_policy(&self) -> PlanPolicy {
        PlanPolicy {
            margin_bps: self.pool.margin_bps,
            max_accounts_per_order: self.pool.max_accounts_per_order,
            spare_remainder: self.pool.spare_remainder_trx,
            ..PlanPolicy::default()
        }
    }

    /// What is sold without an order under these price terms; nothing where there are none.
    pub fn sale_terms(&self, terms: Option<PriceTerms>, energy: EnergyPrices) -> SaleTerms {
        let open = self.sales.enabled && self.sales.orderless;
        let orderless = terms.filter(|terms| open && terms.unit_price > Sun::ZERO);
        let terms = terms.unwrap_or_else(|| self.price_terms());
        SaleTerms {
            orderless: orderless.map(|terms| Orderless {
                unit_price: terms.unit_price,
                max_transactions: terms.max_transactions,
            }),
            terms: OrderlessTerms { energy_per_transfer: energy.per_transfer, duration: terms.duration },
        }
    }

    /// What the actors are told.
    pub fn for_actors(&self) -> ActorSettings {
        ActorSettings {
            payment_addresses: self.payments.addresses.clone(),
            matching: MatchPolicy {
                dust_sun: self.payments.dust_trx,
                dust_usdt_micro: self.payments.dust_usdt.get(),
                // On the board of sale terms, because prices change while the service runs.
                orderless: None,
                denied_senders: self.payments.denied_senders.clone(),
            },
            planning: self.plan_policy(),
            operations: OperationPolicy {
                lifetime: self.pool.transaction_lifetime.span(),
                max_attempts: self.pool.max_attempts,
            },
            solid_above: self.payments.solid_above_trx,
            capacity_patience: self.pool.capacity_patience.span(),
            reclaim_grace: self.pool.reclaim_grace.span(),
            poll_interval: self.chain.poll_interval.duration(),
            sweep_interval: self.actors.sweep_interval.duration(),
            observe_interval: self.pool.observe_interval.duration(),
            catch_up_batch: self.chain.catch_up_batch,
            start_behind: i64::from(self.chain.start_behind),
            resend_after_blocks: i64::from(self.pool.resend_after_blocks),
            observe_only: self.pool.observe_only,
            max_watchers: usize::try_from(self.payments.max_open_orders).unwrap_or(usize::MAX),
            keep_logs: self.actors.keep_logs.span(),
            keep_keys: self.actors.keep_idempotency_keys.span(),
            serve_at_once: true,
            step_hook: None,
        }
    }
}
