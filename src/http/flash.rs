//! The `energy-flash` routes, with requirement 001's paths and fields. Members of a body that they do not know are
//! ignored, as their first clients expect.

use super::{
    auth::{Caller, OrdersRead, OrdersWrite, Permit},
    code::Code,
    error::ApiError,
    extract::{self, Json, OrderPath},
    idempotency,
    lookup::{self, Lookup, Missing},
    openapi::Refusals,
    sale::{self, Wanted, Wish},
    state::AppState,
    view::{Answer, FlashOrderView, FlashStatusView, LookupView, MessageAnswer, PaymentView},
};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use leyden_domain::{
    Height, OrderId,
    order::{Channel, Order, Party},
    payment::{Absence, Payment, PaymentState},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What makes an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateFlashOrder {
    /// Who gets the energy.
    #[schema(example = "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9")]
    #[schema(min_length = 34, max_length = 34, pattern = "^T[1-9A-HJ-NP-Za-km-z]{33}$")]
    recipient_address: String,
    /// The Telegram chat.
    chat_id: i64,
}

/// Makes an order
///
/// The payer chooses the number of transfers by how much is paid: each of `amounts` is one choice.
#[utoipa::path(operation_id = "createFlashOrder", tag = "energy-flash", request_body = CreateFlashOrder,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 257, pattern = r#"^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$"#, description = "names this wish: 1 to 255 visible characters, in double quotes or without")),
    security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])),
    responses((status = 200, description = "the order; also where the same key made it before", body = Answer<FlashOrderView>), Refusals))]
#[post("/api/energy-flash/create-order")]
pub(super) async fn create_order(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Json<CreateFlashOrder>,
) -> Result<HttpResponse, ApiError> {
    let recipient = extract::address(&body.value.recipient_address, "recipientAddress")?;
    let key = idempotency::key(&request, &caller, "energy-flash", body.hash, state.clock.now())?;
    let wish = Wish {
        channel: Channel::EnergyFlash,
        recipient,
        wanted: Wanted::Open,
        payer: None,
        chat_id: Some(body.value.chat_id),
        user_id: None,
        quote_id: None,
        duration: None,
        idempotency: key,
    };
    let placed = sale::place(&state, &caller, wish).await?;
    let mut response = HttpResponse::Ok();
    if placed.is_replayed {
        response.insert_header((idempotency::REPLAYED, "true"));
    }
    Ok(response.json(Answer::new(FlashOrderView::new(&placed))))
}

/// A transaction that is said to pay for an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfirmPayment {
    /// The order.
    order_id: String,
    /// The transaction: 64 hexadecimal digits.
    #[schema(min_length = 64, max_length = 66, pattern = "^(0x)?[0-9a-fA-F]{64}$")]
    tx_hash: String,
}

/// What was found of a transaction that is said to pay for an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaimView {
    /// The order.
    order_id: String,
    /// The transaction.
    tx_hash: String,
    /// `not_seen`: in no block yet. `ahead`: in a block that is about to be read. `not_a_payment`: it pays nothing to
    /// us. `pending`: recorded, about to be looked at. `matched`: it is this order's payment, or a part of it. `matched_elsewhere`:
    /// it belongs to another. `waiting`: under, late, second or unmatched, as `payment` says. `unknown`: not in the books,
    /// and no node could be asked, or a contract may have paid and the node shows nothing of it.
    outcome: &'static str,
    /// The block that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<i64>,
    /// The payment, where it is recorded and the caller's to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentView>,
    /// All that is known of the transaction, as `GET /api/v1/payments/lookup` says it.
    lookup: LookupView,
}

/// Says which transaction pays for an order
///
/// The backup for a payment that seems to go unnoticed. It gives a payment to nobody: the ordinary rules decide,
/// and the answer says what they found.
#[utoipa::path(operation_id = "confirmFlashPayment", tag = "energy-flash", request_body = ConfirmPayment, security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])),
    responses((status = 200, description = "what was found", body = MessageAnswer<ClaimView>), Refusals))]
#[post("/api/energy-flash/confirm-payment")]
pub(super) async fn confirm_payment(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Json<ConfirmPayment>,
) -> Result<HttpResponse, ApiError> {
    let order = extract::order_id(&body.value.order_id, "orderId")?;
    let view = claim(&state, &caller, &request, order, &body.value.tx_hash).await?;
    Ok(HttpResponse::Ok().json(MessageAnswer::new("支付确认处理中", view)))
}

/// Looks a claimed transaction up for an order that the caller may act on.
pub(crate) async fn claim(
    state: &AppState,
    caller: &Caller,
    request: &HttpRequest,
    id: OrderId,
    tx_hash: &str,
) -> Result<ClaimView, ApiError> {
    let tx_id = extract::tx_id(tx_hash, "txHash")?;
    let order = owned(state, id, |order| caller.may_change(order)).await?;
    let found = lookup::look_up(state, caller, tx_id, None).await?;
    let (outcome, payment, block_height) = judged(&found, order.id);
    Ok(ClaimView {
        order_id: order.id.to_string(),
        tx_hash: tx_id.to_string(),
        outcome,
        block_height: block_height.map(Height::get),
        payment: payment.map(PaymentView::from),
        lookup: lookup::view(state, caller, request, &found),
    })
}

/// What a lookup means for one order, the payment where it is this order's, and the block.
fn judged(found: &Lookup, order: OrderId) -> (&'static str, Option<&Payment>, Option<Height>) {
    let height = |payment: &Payment| payment.block.map(|block| block.block.height());
    let payments = || found.recorded.iter().map(|one| &one.payment);
    // Two transfers of one transaction are two payments: the one that concerns this order speaks first.
    let first = payments().find(|payment| payment.state.order() == Some(order)).or_else(|| payments().next());
    if let Some(payment) = first {
        return match payment.state {
            PaymentState::Unrouted => ("pending", None, None),
            PaymentState::Settles { order: of, .. } | PaymentState::Part { order: of } if of == order => {
                ("matched", Some(payment), height(payment))
            }
            _ if payment.state.order() == Some(order) => ("waiting", Some(payment), height(payment)),
            // What was meant for nobody, or for another order, is not shown to whoever knows its hash.
            _ if payment.state.order().is_some() => ("matched_elsewhere", None, None),
            _ => ("waiting", None, None),
        };
    }
    match &found.missing {
        None | Some(Missing::NobodyToAsk) => ("unknown", None, None),
        Some(Missing::Told(why, report)) => {
            let outcome = match why {
                Absence::NotSeen | Absence::Waiting => "not_seen",
                Absence::Ahead => "ahead",
                Absence::MaybeByContract => "unknown",
                Absence::Failed
                | Absence::PaysOthers
                | Absence::OtherToken
                | Absence::Dust
                | Absence::BeforeFirst
                | Absence::OtherFork => "not_a_payment",
            };
            (outcome, None, report.as_ref().and_then(|report| report.height))
        }
    }
}

/// An order, if the caller may. To everybody else it does not exist.
pub(super) async fn owned(
    state: &AppState,
    id: OrderId,
    may: impl Fn(&Order) -> bool,
) -> Result<Order, ApiError> {
    state
        .store
        .order(id)
        .await?
        .filter(|order| may(order))
        .ok_or_else(|| ApiError::plain(Code::OrderNotFound))
}

/// Reads an order
#[utoipa::path(operation_id = "readFlashOrder", tag = "energy-flash", params(("orderId" = String, Path, description = "the order")),
    security(("key" = ["orders:read"]), ("bearer" = ["orders:read"])), responses((status = 200, description = "the order", body = Answer<FlashStatusView>), Refusals))]
#[get("/api/energy-flash/order-status/{orderId}")]
pub(super) async fn order_status(
    Permit(caller, _): Permit<OrdersRead>,
    state: web::Data<AppState>,
    OrderPath(id): OrderPath,
) -> Result<HttpResponse, ApiError> {
    let detail = state
        .store
        .order_detail(id)
        .await?
        .filter(|detail| caller.may_see(&detail.order))
        .ok_or_else(|| ApiError::plain(Code::OrderNotFound))?;
    Ok(HttpResponse::Ok().json(Answer::new(FlashStatusView::new(&detail))))
}

/// Calls an order off
///
/// Only before a payment was seen. Asked again it answers the same.
#[utoipa::path(operation_id = "cancelFlashOrder", tag = "energy-flash", params(("orderId" = String, Path, description = "the order")),
    security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])), responses((status = 200, description = "it is called off", body = MessageAnswer<FlashCancelled>), Refusals))]
#[post("/api/energy-flash/cancel-order/{orderId}")]
pub(super) async fn cancel_order(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    OrderPath(id): OrderPath,
) -> Result<HttpResponse, ApiError> {
    cancelled(&state, &caller, id).await
}

/// Calls an order off
///
/// The same under another method; requirement 001 names none.
#[utoipa::path(operation_id = "deleteFlashOrder", tag = "energy-flash", params(("orderId" = String, Path, description = "the order")),
    security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])), responses((status = 200, description = "it is called off", body = MessageAnswer<FlashCancelled>), Refusals))]
#[delete("/api/energy-flash/cancel-order/{orderId}")]
pub(super) async fn delete_order(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    OrderPath(id): OrderPath,
) -> Result<HttpResponse, ApiError> {
    cancelled(&state, &caller, id).await
}

/// A cancelled order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlashCancelled {
    /// The order.
    order_id: String,
    /// `cancelled`.
    status: &'static str,
}

async fn cancelled(state: &AppState, caller: &Caller, id: OrderId) -> Result<HttpResponse, ApiError> {
    let order = cancel(state, caller, id).await?;
    let view = FlashCancelled { order_id: order.id.to_string(), status: order.state.kind().status() };
    Ok(HttpResponse::Ok().json(MessageAnswer::new("订单已取消", view)))
}

/// Calls an order off for whoever may.
pub(crate) async fn cancel(state: &AppState, caller: &Caller, id: OrderId) -> Result<Order, ApiError> {
    let order = owned(state, id, |order| caller.may_change(order)).await?;
    let by = if order.owner == Some(caller.key) { Party::Customer } else { Party::Operator };
    Ok(state.handles.cancel_order(order.id, by).await?)
}
