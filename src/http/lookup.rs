//! "Where is my payment?": what is known of a transaction that somebody names, from the books first and, where they do
//! not know it, from a node. It only looks. The payment's owner is decided by the ordinary rules, so naming a hash
//! gives nobody anything.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{Caller, OrdersRead, Permit},
    error::{ApiError, Language},
    extract::{self, Params},
    openapi::Refusals,
    refund_notes,
    state::AppState,
    view::{Answer, LookupView, RecordedView},
};
use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use leyden_domain::{
    TxId,
    chain::{Head, TransactionReport},
    order::Order,
    payment::{Absence, Payment, Reader, absence},
};
use leyden_ports::{
    ChainError,
    store::{Page, PaymentFilter, RefundDetail},
};
use moka::future::Cache;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use utoipa::IntoParams;

/// How long what a node said is said again: one block's time, in which it can hardly become something else.
const KEEP: Duration = Duration::from_secs(3);
/// How long a node may take; who asks has an answer from the books in any case.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most payments of one transaction that are shown.
const MOST_PAYMENTS: u32 = 100;

/// What nodes said of single transactions a moment ago. Questions for the same one that come together are one.
#[derive(Debug)]
pub(crate) struct Reports(Cache<TxId, Option<Arc<TransactionReport>>>);

impl Default for Reports {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(KEEP).build())
    }
}

impl Reports {
    /// What a node says of a transaction now, or said a moment ago.
    async fn ask(
        &self,
        state: &AppState,
        tx_id: TxId,
    ) -> Result<Option<Arc<TransactionReport>>, Arc<ChainError>> {
        let asked = async {
            tokio::time::timeout(PATIENCE, state.chain.transaction(tx_id))
                .await
                .unwrap_or_else(|_| Err(ChainError::Unavailable("no answer in time".to_owned())))
                .map(|report| report.map(Arc::new))
        };
        self.0.try_get_with(tx_id, asked).await
    }
}

/// How far the chain was read when the question was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    /// The newest block in the books.
    pub(crate) read: Option<Head>,
    /// The newest solid one.
    pub(crate) solid: Option<Head>,
    /// How many blocks the books are behind the node.
    pub(crate) lag_blocks: Option<i64>,
}

/// Why the books do not know a transaction.
#[derive(Debug)]
pub(crate) enum Missing {
    /// A node says this.
    Told(Absence, Option<Arc<TransactionReport>>),
    /// No node could be asked.
    NobodyToAsk,
}

/// A payment in the books, with the order that it belongs to or was meant for, and what goes back of it.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) payment: Payment,
    pub(crate) order: Option<Order>,
    pub(crate) refund: Option<RefundDetail>,
}

/// What is known of a transaction.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) tx_id: TxId,
    pub(crate) looked: Looked,
    /// In the order of their indexes.
    pub(crate) recorded: Vec<Recorded>,
    /// Where nothing is recorded.
    pub(crate) missing: Option<Missing>,
}

/// Looks a transaction up: one of its transfers, or all.
pub(crate) async fn look_up(
    state: &AppState,
    caller: &Caller,
    tx_id: TxId,
    index: Option<u32>,
) -> Result<Lookup, ApiError> {
    // Before the books: a block that is recorded while we look must not be taken for one that was looked through.
    let chain = state.handles.boards().chain.read();
    let lag_blocks = chain.lag_blocks(state.clock.now());
    let looked = Looked { read: chain.processed, solid: chain.solid, lag_blocks };
    let filter = PaymentFilter { tx_id: Some(tx_id), ..PaymentFilter::default() };
    let page = Page { after: None, limit: MOST_PAYMENTS };
    let mut payments = state.store.list_payments(&filter, &page).await?;
    payments.retain(|payment| index.is_none_or(|index| payment.id.index == index));
    payments.sort_by_key(|payment| payment.id.index);
    let mut recorded = Vec::with_capacity(payments.len());
    for payment in payments {
        let order = match payment.state.order() {
            Some(id) => state.store.order(id).await?,
            None => None,
        };
        let refund = refund_notes::of_payment(state, payment.id).await?;
        recorded.push(Recorded { payment, order, refund });
    }
    let missing =
        if recorded.is_empty() { Some(ask(state, caller, tx_id, index, &looked).await?) } else { None };
    let is_under_way = recorded.iter().any(|one| one.payment.state.name() == "unrouted")
        || matches!(missing, Some(Missing::Told(Absence::Ahead, _)));
    if is_under_way {
        state.handles.hurry_payments();
    }
    Ok(Lookup { tx_id, looked, recorded, missing })
}

/// Asks a node why the books do not know a transaction.
async fn ask(
    state: &AppState,
    caller: &Caller,
    tx_id: TxId,
    index: Option<u32>,
    looked: &Looked,
) -> Result<Missing, ApiError> {
    if state.reports.0.get(&tx_id).await.is_none() {
        state.limits.ask_chain(caller.key)?;
    }
    let mut report = match state.reports.ask(state, tx_id).await {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!(%error, "no node said where a payment is");
            return Ok(Missing::NobodyToAsk);
        }
    };
    if let (Some(index), Some(report)) = (index, &mut report) {
        Arc::make_mut(report).movements.retain(|movement| movement.index == index);
    }
    let settings = state.handles.settings();
    let mut reader = Reader {
        addresses: &settings.payment_addresses,
        policy: &settings.matching,
        read_up_to: looked.read.map(|head| head.height()),
        first: None,
    };
    let mut why = absence(report.as_deref(), &reader);
    if why == Absence::OtherFork {
        reader.first = state.store.chain_position().await?.map(|position| position.first);
        why = absence(report.as_deref(), &reader);
    }
    Ok(Missing::Told(why, report))
}

/// Which transaction to look up.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LookupQuery {
    /// The transaction: 64 hexadecimal digits, with or without `0x`.
    #[param(required = true, pattern = "^(0x)?[0-9a-fA-F]{64}$")]
    tx_hash: Option<String>,
    /// Only this transfer of the transaction, counted as in `payments`.
    #[param(value_type = Option<u32>, minimum = 0)]
    index: Option<String>,
}

/// Finds a payment by its transaction
///
/// Says whether the transaction was seen and up to which block was looked; if it is in the books, its block and finality,
/// the order that it pays for or the rule that refused it, and what can be done; if it is not, what a node says of it.
/// A transaction may hold several payments. Another's order is never named.
#[utoipa::path(operation_id = "lookUpPayment", tag = "payments", params(LookupQuery), security(("key" = ["orders:read"]), ("bearer" = ["orders:read"])),
    responses((status = 200, description = "what is known of it", body = Answer<LookupView>, examples(
        ("recorded" = (summary = "in the books, pays for the caller's order", value = json!(RecordedView::example_settled()))),
        ("refused" = (summary = "in the books, fits no order", value = json!(RecordedView::example_refused()))),
        ("not_seen" = (summary = "no node knows it", value = json!(LookupView::example_not_seen()))),
    )), Refusals))]
#[get("/api/v1/payments/lookup")]
pub(super) async fn lookup(
    Permit(caller, _): Permit<OrdersRead>,
    state: web::Data<AppState>,
    request: HttpRequest,
    Params(query): Params<LookupQuery>,
) -> Result<HttpResponse, ApiError> {
    let hash = query.tx_hash.ok_or_else(|| ApiError::query("txHash", "is needed"))?;
    let tx_id = extract::query_tx_id(&hash, "txHash")?;
    let index = query.index.map(|text| extract::query_number(&text, "index")).transpose()?;
    let found = look_up(&state, &caller, tx_id, index).await?;
    Ok(HttpResponse::Ok().json(Answer::new(view(&state, &caller, &request, &found))))
}

/// As this caller is shown it, in the language that it asked for.
pub(crate) fn view(state: &AppState, caller: &Caller, request: &HttpRequest, found: &Lookup) -> LookupView {
    let language = Language::preferred(request.headers().get(header::ACCEPT_LANGUAGE));
    let ours = &state.handles.settings().payment_addresses;
    LookupView::new(found, &|order| caller.may_see(order), ours, language)
}
