//! Which orders: lists for people, and what the sweeps of the actors ask for. Every question here is answered from
//! an index; how many orders there are, or are open, must not matter.

use crate::{
    db::{Arg, Built, Conn},
    row::{Place, order_columns},
};
use leyden_domain::OrderId;
use leyden_ports::store::{OrderFilter, OrderWait, Page, StoreError};

/// The query for a page of orders, newest first.
pub(crate) fn list_query(filter: &OrderFilter, page: &Page) -> Built {
    let mut query = Built::new(concat!("SELECT ", order_columns!(), " FROM orders o WHERE 1 = 1"));
    if let Some(owner) = filter.owner {
        query.push(" AND o.owner = ").bind(Arg::Text(owner.to_string()));
    }
    query.among("LOWER(o.state)", filter.states.iter().map(|state| state.name().to_owned()));
    if let Some(recipient) = filter.recipient {
        query.push(" AND o.recipient_address = ").bind(Arg::Text(recipient.to_string()));
    }
    if let Some(user) = &filter.user_id {
        query.push(" AND o.user_id = ").bind(Arg::Text(user.clone()));
    }
    if let Some(from) = filter.from {
        query.push(" AND o.created_at >= ").bind(Arg::Int(from.ms()));
    }
    if let Some(to) = filter.to {
        query.push(" AND o.created_at < ").bind(Arg::Int(to.ms()));
    }
    if let Some((at, id)) = &page.after {
        query.push(" AND (o.created_at, o.id) < (").bind(Arg::Int(at.ms())).push(", ");
        query.bind(Arg::Text(id.clone())).push(")");
    }
    query.push(" ORDER BY o.created_at DESC, o.id DESC LIMIT ").bind(Arg::Int(i64::from(page.limit)));
    query
}

/// By what a wait is ordered: oldest first means the oldest deadline where there is one.
#[derive(Debug, Clone, Copy)]
enum Oldest {
    Created,
    Deadline,
    End,
}

/// States on the way between two resting ones. The text must be that of the partial index.
const OPERATING: &str = "o.state IN ('reserved', 'delegating', 'reclaiming')";

/// States that rest on a payment that was acted on. The text must be that of the partial index.
const RESTING_ON_PAYMENT: &str = "o.state IN ('reserved', 'delegating', 'active', 'reclaiming')";

/// The query for orders that wait for something.
pub(crate) fn waiting_query(wait: OrderWait, after: Option<OrderId>, limit: u32) -> Built {
    let mut query = Built::new("SELECT o.id FROM orders o WHERE ");
    let oldest = match wait {
        OrderWait::DeadlineBefore(at) => {
            query.push("o.state = 'awaiting_payment' AND o.expires_at <= ").bind(Arg::Int(at.ms()));
            Oldest::Deadline
        }
        OrderWait::MatchedPayment => {
            query.push("o.state = 'awaiting_payment' AND o.assigned_payment IS NOT NULL");
            Oldest::Created
        }
        OrderWait::PaidToLookAt(height) => {
            query
                .push("o.state = 'paid' AND (o.payment_block IS DISTINCT FROM o.funding_block")
                .push(" OR o.payment_height <= ")
                .bind(Arg::Int(height.get()))
                .push(")");
            Oldest::Created
        }
        OrderWait::Capacity => {
            query.push("o.state = 'funded'");
            Oldest::Created
        }
        OrderWait::PaymentChanged => {
            query.push(RESTING_ON_PAYMENT).push(" AND o.payment_block IS DISTINCT FROM o.funding_block");
            Oldest::Created
        }
        OrderWait::EndsBefore(at) => {
            query.push("o.state = 'active' AND o.ends_at <= ").bind(Arg::Int(at.ms()));
            Oldest::End
        }
        OrderWait::Operating => {
            query.push(OPERATING);
            Oldest::Created
        }
        OrderWait::RefundUndone => {
            query.push("o.state = 'refund_due' AND o.payment_block IS NULL");
            Oldest::Created
        }
    };
    if let Some(after) = after {
        let (behind, row) = match oldest {
            Oldest::Created => (" AND (o.created_at, o.id) > (", "SELECT created_at"),
            Oldest::Deadline => (" AND (o.expires_at, o.id) > (", "SELECT expires_at"),
            Oldest::End => (" AND (o.ends_at, o.id) > (", "SELECT ends_at"),
        };
        let id = || Arg::Text(after.to_string());
        query.push(behind).push("(").push(row).push(" FROM orders WHERE id = ").bind(id());
        query.push("), ").bind(id()).push(")");
    }
    query.push(match oldest {
        Oldest::Created => " ORDER BY o.created_at, o.id LIMIT ",
        Oldest::Deadline => " ORDER BY o.expires_at, o.id LIMIT ",
        Oldest::End => " ORDER BY o.ends_at, o.id LIMIT ",
    });
    query.bind(Arg::Int(i64::from(limit)));
    query
}

/// The orders that wait for something.
pub(crate) async fn waiting_ids(
    conn: &mut Conn,
    wait: OrderWait,
    after: Option<OrderId>,
    limit: u32,
) -> Result<Vec<OrderId>, StoreError> {
    let rows: Vec<(String,)> = waiting_query(wait, after, limit).all(conn).await?;
    rows.into_iter().map(|(id,)| Place::new("orders", &id).parse("id", &id)).collect()
}

/// Every kind of wait and of list, for looking at their plans.
#[cfg(test)]
pub(crate) fn every_query() -> Vec<Built> {
    use leyden_domain::{Height, Timestamp, order::OrderStateKind};
    let at = Timestamp::from_ms(1);
    let waits = [
        OrderWait::DeadlineBefore(at),
        OrderWait::MatchedPayment,
        OrderWait::PaidToLookAt(Height::new(1)),
        OrderWait::Capacity,
        OrderWait::PaymentChanged,
        OrderWait::EndsBefore(at),
        OrderWait::Operating,
        OrderWait::RefundUndone,
    ];
    let after = OrderId::standard(at, [0; 10]);
    let lists = [
        OrderFilter::default(),
        OrderFilter { states: vec![OrderStateKind::Paid, OrderStateKind::Held], ..OrderFilter::default() },
        OrderFilter { user_id: Some("x".to_owned()), ..OrderFilter::default() },
        OrderFilter { from: Some(at), to: Some(at), ..OrderFilter::default() },
    ];
    let page = Page { after: Some((at, after.to_string())), limit: 10 };
    waits
        .into_iter()
        .flat_map(|wait| [waiting_query(wait, None, 10), waiting_query(wait, Some(after), 10)])
        .chain(lists.iter().map(|filter| list_query(filter, &page)))
        .collect()
}
