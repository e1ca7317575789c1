//! The configuration in the words of the domain and of the actors.

use super::Settings;
use leyden_actors::{
    GuardSettings, ReconcileSettings,
    boards::SaleTerms,
    settings::{ActorSettings, OrderlessTerms, RefundSettings},
};
use leyden_domain::{
    Energy, Span, Sun,
    halt::{HaltCause, Limit, Meter},
    operation::OperationPolicy,
    order::{EnergyPrices, PriceTerms},
    payment::{MatchPolicy, Orderless, TailPolicy},
    pool::PlanPolicy,
    refund::{Amounts, RefundPolicy, SpendGuard},
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

    /// How money goes back.
    pub fn refund_policy(&self) -> RefundPolicy {
        let refund = &self.refund;
        let amounts = |trx, usdt| Amounts { trx, usdt };
        let own = self.payments.addresses.iter().chain(&refund.address).copied();
        RefundPolicy {
            enabled: refund.enabled && refund.address.is_some(),
            fee: amounts(refund.fee_trx, refund.fee_usdt),
            minimum: amounts(refund.minimum_trx, refund.minimum_usdt),
            suspense_delay: refund.suspense_delay.span(),
            hold_read_late: refund.hold_read_late.span(),
            denied: self.payments.denied_senders.clone(),
            own: own.chain(self.pool.accounts.iter().map(|account| account.address)).collect(),
            four_eyes_above: amounts(refund.four_eyes_above_trx, refund.four_eyes_above_usdt),
            guard: SpendGuard {
                per_payment: amounts(refund.per_payment_trx, refund.per_payment_usdt),
                per_hour: amounts(refund.per_hour_trx, refund.per_hour_usdt),
                per_day: amounts(refund.per_day_trx, refund.per_day_usdt),
                token_fee: refund.usdt_fee_limit_trx,
            },
            retry_after: refund.retry_after.span(),
            retry_guard: refund.retry_guard,
        }
    }

    fn refund_settings(&self) -> RefundSettings {
        RefundSettings {
            policy: self.refund_policy(),
            fee_limit: self.refund.usdt_fee_limit_trx,
            usdt_contract: self.chain.usdt_contract,
            max_attempts: self.refund.max_attempts,
            serve_late: self.refund.serve_late,
        }
    }

    /// When money must stand still.
    fn guard(&self) -> GuardSettings {
        let limits = &self.limits;
        let (hour, day) = (Span::from_hours(1), Span::from_hours(24));
        let all = [
            (
                Meter::Energy,
                HaltCause::EnergyPerHour,
                hour,
                i64::try_from(limits.energy_per_hour).unwrap_or(i64::MAX),
            ),
            (Meter::RefundsTrx, HaltCause::RefundsPerHour, hour, limits.refunds_trx_per_hour.get()),
            (Meter::RefundsTrx, HaltCause::RefundsPerDay, day, limits.refunds_trx_per_day.get()),
            (Meter::RefundsUsdt, HaltCause::RefundsPerHour, hour, limits.refunds_usdt_per_hour.get()),
            (Meter::RefundsUsdt, HaltCause::RefundsPerDay, day, limits.refunds_usdt_per_day.get()),
            (Meter::Burnt, HaltCause::BurntPerDay, day, limits.burnt_trx_per_day.get()),
        ];
        GuardSettings {
            interval: limits.interval.duration(),
            limits: all
                .into_iter()
                .filter(|(.., most)| *most > 0)
                .map(|(meter, cause, window, most)| Limit { meter, cause, window, most })
                .collect(),
            orders_at_once: limits.orders_at_once,
        }
    }

    /// What the actors are told.
    pub fn for_actors(&self) -> ActorSettings {
        ActorSettings {
            payment_addresses: self.payments.addresses.clone(),
            matching: MatchPolicy {
                dust_sun: self.payments.dust_trx,
                completes_under: self.payments.complete_under,
                dust_usdt_micro: self.payments.dust_usdt.get(),
                // On the board of sale terms, because prices change while the service runs.
                orderless: None,
                lone_receipt_limit: self.chain.agreement_above_trx,
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
            refunds: self.refund_settings(),
            guard: self.guard(),
            reconcile: ReconcileSettings {
                interval: self.reconcile.interval.duration(),
                pairs_at_once: self.reconcile.pairs_at_once,
                sampled: self.reconcile.sampled,
                reread_blocks: i64::from(self.reconcile.reread_blocks),
                tolerance: self.reconcile.tolerance_trx,
                expect_withdrawals: self.reconcile.expect_withdrawals,
                // As other sweeps are, so that whoever wants a comparison need not wait long.
                look_interval: self.actors.sweep_interval.duration(),
            },
            max_watchers: usize::try_from(self.payments.max_open_orders).unwrap_or(usize::MAX),
            keep_logs: self.actors.keep_logs.span(),
            keep_keys: self.actors.keep_idempotency_keys.span(),
            serve_at_once: true,
            step_hook: None,
        }
    }
}
