//! `/api/v1/orders`: orders for programs. Unknown members are refused here: a typing error must not buy something
//! else than was meant.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{OpsWrite, OrdersRead, OrdersWrite, Permit},
    code::Code,
    cursor,
    error::ApiError,
    extract::{self, Json, OrderPath, Params},
    flash::{self, ClaimView},
    idempotency,
    number::{Number, WrittenNumber},
    openapi::Refusals,
    refund_notes,
    sale::{self, Wanted, Wish},
    scope::Scope,
    state::AppState,
    time,
    view::{Answer, ListAnswer, OrderView, TimelineView},
};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use leyden_domain::{
    ParseError,
    order::{Channel, OrderStateKind},
};
use leyden_ports::store::OrderFilter;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What makes an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateOrder {
    /// Who gets the energy.
    #[schema(example = "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9")]
    #[schema(min_length = 34, max_length = 34, pattern = "^T[1-9A-HJ-NP-Za-km-z]{33}$")]
    recipient_address: String,
    /// Exactly so many transfers. Without this and without `energyAmount` the payer chooses by how much is paid.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    transaction_count: Option<u32>,
    /// As many transfers as give at least this energy.
    #[serde(default)]
    #[schema(minimum = 1)]
    energy_amount: Option<i64>,
    /// Must be what is offered; for those who want to be sure.
    #[serde(default)]
    #[schema(value_type = Option<WrittenNumber>)]
    duration_hours: Option<Number>,
    /// Who will pay: a note. No payment is matched by it, because nobody has proven it.
    #[serde(default)]
    #[schema(min_length = 34, max_length = 34, pattern = "^T[1-9A-HJ-NP-Za-km-z]{33}$")]
    payer_address: Option<String>,
    /// A Telegram chat.
    #[serde(default)]
    chat_id: Option<i64>,
    /// The caller's own name for its customer: 1 to 128 printable characters.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    user_id: Option<String>,
    /// A quote that holds.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    quote_id: Option<String>,
}

impl CreateOrder {
    fn wanted(&self) -> Result<Wanted, ApiError> {
        match (self.transaction_count, self.energy_amount) {
            (None, None) => Ok(Wanted::Open),
            (Some(count), None) => Ok(Wanted::Transfers(count)),
            (None, Some(energy)) => Ok(Wanted::Energy(energy)),
            (Some(_), Some(_)) => {
                Err(ApiError::new(Code::InvalidBody, "give transactionCount or energyAmount, not both")
                    .at("energyAmount"))
            }
        }
    }
}

/// Makes an order
///
/// With an `Idempotency-Key` the same request may be sent any number of times and makes one order.
#[utoipa::path(operation_id = "createOrder", tag = "orders", request_body = CreateOrder,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 257, pattern = r#"^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$"#, description = "names this wish: 1 to 255 visible characters, in double quotes or without")),
    security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])),
    responses((status = 201, description = "the order; also where the same key made it before", body = Answer<OrderView>), Refusals))]
#[post("/api/v1/orders")]
pub(super) async fn create(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Json<CreateOrder>,
) -> Result<HttpResponse, ApiError> {
    let idempotency = idempotency::key(&request, &caller, "orders", body.hash, state.clock.now())?;
    let body = body.value;
    if let Some(user_id) = &body.user_id
        && (user_id.is_empty() || user_id.chars().count() > 128 || !extract::printable(user_id))
    {
        return Err(ApiError::new(Code::InvalidBody, "1 to 128 printable characters").at("userId"));
    }
    let duration = body
        .duration_hours
        .map(|hours| {
            hours
                .to_span()
                .ok_or_else(|| ApiError::new(Code::InvalidBody, "no length of time").at("durationHours"))
        })
        .transpose()?;
    let wish = Wish {
        channel: Channel::Standard,
        recipient: extract::address(&body.recipient_address, "recipientAddress")?,
        wanted: body.wanted()?,
        payer: body
            .payer_address
            .as_deref()
            .map(|text| extract::address(text, "payerAddress"))
            .transpose()?,
        chat_id: body.chat_id,
        user_id: body.user_id,
        quote_id: body.quote_id,
        duration,
        idempotency,
    };
    let placed = sale::place(&state, &caller, wish).await?;
    let mut response = HttpResponse::Created();
    response.insert_header(("Location", format!("/api/v1/orders/{}", placed.order.id)));
    if placed.is_replayed {
        response.insert_header((idempotency::REPLAYED, "true"));
    }
    Ok(response.json(Answer::new(OrderView::placed(&placed))))
}

/// Which orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListOrders {
    /// Only in these states (an order's `state`), separated by commas.
    status: Option<String>,
    /// Only for this recipient.
    address: Option<String>,
    /// Only of this customer of the caller.
    #[param(max_length = 128)]
    user: Option<String>,
    /// Made at or after: RFC 3339 or milliseconds.
    from: Option<String>,
    /// Made before: RFC 3339 or milliseconds.
    to: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Lists orders
///
/// One's own; everybody's with the scope `ops:read`. Newest first.
#[utoipa::path(operation_id = "listOrders", tag = "orders", params(ListOrders), security(("key" = ["orders:read"]), ("bearer" = ["orders:read"])),
    responses((status = 200, description = "a page", body = ListAnswer<OrderView>), Refusals))]
#[get("/api/v1/orders")]
pub(super) async fn list(
    Permit(caller, _): Permit<OrdersRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListOrders>,
) -> Result<HttpResponse, ApiError> {
    let moment = |text: Option<String>, name: &str| {
        let parse = |text: String| {
            time::parse(&text).ok_or_else(|| ApiError::query(name, "neither RFC 3339 nor milliseconds"))
        };
        text.map(parse).transpose()
    };
    let states = extract::names(query.status.as_deref(), |name| match name.parse::<OrderStateKind>() {
        Ok(kind) => Ok(vec![kind]),
        Err(error) => Err(ApiError::query("status", error.to_string())),
    })?;
    let invalid = |error: ParseError| ApiError::query("address", error.to_string());
    let recipient = query.address.map(|text| text.parse().map_err(invalid)).transpose()?;
    if query.user.as_ref().is_some_and(|user| user.chars().count() > 128) {
        return Err(ApiError::query("user", "at most 128 characters"));
    }
    let filter = OrderFilter {
        owner: (!caller.scopes.allow(Scope::OpsRead)).then_some(caller.key),
        states,
        recipient,
        user_id: query.user,
        from: moment(query.from, "from")?,
        to: moment(query.to, "to")?,
    };
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit.as_deref())?;
    let mut orders = state.store.list_orders(&filter, &page).await?;
    let next = cursor::cut(&mut orders, shown, |order| (order.created_at, order.id.to_string()));
    Ok(HttpResponse::Ok().json(ListAnswer::new(orders.iter().map(OrderView::new).collect(), next)))
}

/// Reads an order
#[utoipa::path(operation_id = "readOrder", tag = "orders", params(("orderId" = String, Path, description = "the order")),
    security(("key" = ["orders:read"]), ("bearer" = ["orders:read"])), responses((status = 200, description = "the order", body = Answer<OrderView>), Refusals))]
#[get("/api/v1/orders/{orderId}")]
pub(super) async fn read(
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
    let refunds = refund_notes::of_order(&state, id).await?;
    Ok(HttpResponse::Ok().json(Answer::new(OrderView::detailed(&detail, &refunds))))
}

/// Reads an order's history
#[utoipa::path(operation_id = "readOrderTimeline", tag = "orders", params(("orderId" = String, Path, description = "the order")),
    security(("key" = ["orders:read"]), ("bearer" = ["orders:read"])), responses((status = 200, description = "its history, oldest first", body = Answer<Vec<TimelineView>>), Refusals))]
#[get("/api/v1/orders/{orderId}/timeline")]
pub(super) async fn timeline(
    Permit(caller, _): Permit<OrdersRead>,
    state: web::Data<AppState>,
    OrderPath(id): OrderPath,
) -> Result<HttpResponse, ApiError> {
    flash::owned(&state, id, |order| caller.may_see(order)).await?;
    let entries = state.store.timeline(id).await?;
    let refunds = refund_notes::of_order(&state, id).await?;
    Ok(HttpResponse::Ok().json(Answer::new(TimelineView::whole(entries, &refunds))))
}

/// Calls an order off
///
/// Only before a payment was seen.
#[utoipa::path(operation_id = "cancelOrder", tag = "orders", params(("orderId" = String, Path, description = "the order")),
    security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])), responses((status = 200, description = "the order, called off", body = Answer<OrderView>), Refusals))]
#[post("/api/v1/orders/{orderId}/cancel")]
pub(super) async fn cancel(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    OrderPath(id): OrderPath,
) -> Result<HttpResponse, ApiError> {
    let order = flash::cancel(&state, &caller, id).await?;
    Ok(HttpResponse::Ok().json(Answer::new(OrderView::new(&order))))
}

/// Why an order goes on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReleaseOrder {
    /// What a person found, for the timeline: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Lets a held order go on
///
/// For operators, who have looked at what it was held for. It goes on from where it was.
#[utoipa::path(operation_id = "releaseOrder", tag = "orders", params(("orderId" = String, Path, description = "the order")),
    request_body = ReleaseOrder, security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "the order as it goes on", body = Answer<OrderView>), Refusals))]
#[post("/api/v1/orders/{orderId}/release")]
pub(super) async fn release(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    OrderPath(id): OrderPath,
    Json { value: body, .. }: Json<ReleaseOrder>,
) -> Result<HttpResponse, ApiError> {
    let reason = extract::reason(&body.reason, "reason")?;
    let note = format!("{}: {reason}", caller.key);
    let order = state.handles.release_order(id, &note).await?;
    Ok(HttpResponse::Ok().json(Answer::new(OrderView::new(&order))))
}

/// The transaction that is said to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClaimPayment {
    /// 64 hexadecimal digits.
    #[schema(min_length = 64, max_length = 66, pattern = "^(0x)?[0-9a-fA-F]{64}$")]
    tx_hash: String,
}

/// Says which transaction pays for an order
#[utoipa::path(operation_id = "confirmPayment", tag = "orders", params(("orderId" = String, Path, description = "the order")),
    request_body = ClaimPayment, security(("key" = ["orders:write"]), ("bearer" = ["orders:write"])),
    responses((status = 200, description = "what was found", body = Answer<ClaimView>), Refusals))]
#[post("/api/v1/orders/{orderId}/confirm-payment")]
pub(super) async fn confirm_payment(
    Permit(caller, _): Permit<OrdersWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    OrderPath(id): OrderPath,
    body: Json<ClaimPayment>,
) -> Result<HttpResponse, ApiError> {
    let view = flash::claim(&state, &caller, &request, id, &body.value.tx_hash).await?;
    Ok(HttpResponse::Ok().json(Answer::new(view)))
}
