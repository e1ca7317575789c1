//! What every store must do, written once over the port and run on each backend. Each test ends with all
//! invariants checked on the books.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocks;
mod durability;
mod halts;
mod kit;
mod operations;
mod orders;
mod payments;
mod pg;
mod pool;
mod races;
mod reconcile;
mod refunds;
mod service;
mod undone;
mod waits;

/// Makes one test for each function on each backend.
macro_rules! conformance {
    ($($module:ident :: { $($name:ident),* $(,)? })*) => {
        mod sqlite_file {
            $($(
                #[tokio::test]
                async fn $name() {
                    let kit = crate::kit::Kit::file().await;
                    crate::$module::$name(&kit).await;
                    kit.check().await;
                }
            )*)*
        }

        mod postgres {
            $($(
                #[tokio::test]
                async fn $name() {
                    let kit = crate::kit::Kit::postgres().await;
                    crate::$module::$name(&kit).await;
                    kit.check().await;
                }
            )*)*
        }

        mod sqlite_memory {
            $($(
                #[tokio::test]
                async fn $name() {
                    let kit = crate::kit::Kit::memory().await;
                    crate::$module::$name(&kit).await;
                    kit.check().await;
                }
            )*)*
        }
    };
}

conformance! {
    orders::{
        the_first_free_tail_is_taken, the_smallest_free_tail_is_the_last_resort, tails_run_out,
        an_order_without_wishes_keeps_its_tail, too_many_are_refused, a_key_makes_one_order,
        a_transition_is_committed_once, transitions_commit_as_one, an_empty_commit_is_refused,
        an_unpaid_order_may_expire, an_order_with_a_payment_may_not, nor_one_whose_payment_is_not_routed, what_others_pay_does_not_matter, an_undone_payment_is_unassigned,
        lists_are_filtered_and_paged, tails_are_released_late, a_tail_stays_while_its_payment_is_not_routed, terms_survive
    }
    payments::{
        candidates_by_tail_and_sender, another_price_does_not_fit, routed_once, an_undone_payment_waits, one_bad_routing_leaves_the_others,
        one_payment_settles, a_sale_without_an_order, every_bucket_reads_back, payments_are_listed
    }
    blocks::{
        the_first_block_is_free, each_block_has_its_parent, solid_is_cut_and_stays,
        a_foreign_solid_block_is_not_believed, rewind_undoes, rewind_refuses, a_payment_comes_back
    }
    pool::{
        accounts_are_known_once, old_observations_are_ignored, capacity_is_guarded,
        one_refused_reservation_leaves_the_others, unseen_is_what_the_chain_has_not_shown,
        a_state_is_left_only_for_a_reason_that_holds, what_an_undone_branch_showed_is_unseen
    }
    operations::{
        an_attempt_is_stored_once, a_transaction_is_of_one_operation, only_the_dead_make_room, a_rental_from_end_to_end, a_delegation_fails,
        an_exclusion_takes_the_delivery_back, release_voids_what_is_unsigned, release_refuses_what_is_signed,
        work_tells_all, reclaims_one_at_a_time
    }
    halts::{
        one_is_open_for_each_cause, lifted_once_with_a_reason, nothing_new_is_begun, what_was_begun_is_ended,
        doubted_books_take_nothing_back, falls_of_a_balance_are_counted, energy_is_counted,
        a_part_of_the_books_is_whole_in_itself, orders_are_replayed_in_spite_of_a_halt,
        a_second_reason_is_kept_with_the_first, energy_beyond_a_limit_is_not_held, a_lift_counts_by_what_is_counted,
        what_is_gone_was_not_seen, a_fall_that_a_fork_undoes_is_counted_once
    }
    reconcile::{
        a_wish_becomes_a_comparison, a_repair_ends_once, what_is_lent_is_told_at_any_block, a_second_effect_is_seen,
        what_is_missing_of_a_block_is_recorded_once, what_came_to_our_addresses_and_left_them,
        what_counts_as_a_payment_may_change_and_no_money_counts_twice,
        what_is_open_stays_so_until_it_is_explained_or_closed, what_left_an_account_is_told_between_two_blocks
    }
    refunds::{
        a_refund_begins_once_and_of_what_is_solid, the_guard_is_asked_in_the_commit,
        what_nothing_explains_stops_refunds, the_fees_of_tokens_count, a_warrant_wants_two_for_another_address,
        chain_time_that_went_back_hides_nothing, what_was_read_late_is_known, two_payments_pay_for_one_order,
        parts_go_back_with_their_order,
        a_transfer_is_followed_by_what_was_sent, a_warrant_is_for_exactly_what_is_intended,
        people_move_refunds_with_their_reasons, whoever_releases_what_is_due_has_said_so,
        a_payment_is_assigned_to_an_order_that_waits
    }
    service::{
        seeds_are_there, a_wish_is_begun_once, documents_are_replaced, keys_are_kept, quotes_are_kept, monitoring_follows_the_order,
        sweeping_leaves_the_young, totals_add_up, it_answers
    }
    undone::{
        another_takes_its_place, a_held_order_takes_another, what_stands_on_a_payment_keeps_it,
        a_second_payment_may_pay, a_held_order_has_one_payment
    }
    waits::{
        deadlines, matched_payments, paid_ones, resting_ones
    }
    races::{
        one_of_many_claims, one_key_many_callers, one_capacity_many_orders, a_failing_job_fails_alone,
        a_caller_that_leaves
    }
}
