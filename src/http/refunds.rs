//! Refunds, and what people may ask of them and of payments that wait. What moves money wants an `Idempotency-Key`; above
//! a limit, and to another address than the payer's, one person asks and another one, with another key, approves.
#![expect(unused_qualifications, reason = "the macro that documents a handler writes its types out in full")]

use super::{
    auth::{Caller, OpsRead, OpsWrite, Permit},
    code::Code,
    cursor,
    error::ApiError,
    extract::{self, Json, OrderPath, Params, PaymentPath, RefundPath},
    once::once,
    openapi::Refusals,
    state::AppState,
    view::{Answer, ListAnswer, OrderView, RefundView, WishView},
};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use leyden_domain::refund::{Operator, OperatorAction, RefundStateKind};
use leyden_ports::store::{RefundFilter, RefundTarget, WishError};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which refunds to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRefunds {
    /// Only in these states, separated by commas.
    state: Option<String>,
    /// Only of this order.
    order: Option<String>,
    /// Only of this payment.
    payment: Option<String>,
    /// `true`: only those that wait for a second person.
    #[param(value_type = Option<bool>)]
    proposed: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// Most rows: 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Lists refunds
///
/// Newest first.
#[utoipa::path(operation_id = "listRefunds", tag = "refunds", params(ListRefunds), security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])),
    responses((status = 200, description = "a page", body = ListAnswer<RefundView>), Refusals))]
#[get("/api/v1/refunds")]
pub(super) async fn list(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    Params(query): Params<ListRefunds>,
) -> Result<HttpResponse, ApiError> {
    let states = extract::names(query.state.as_deref(), |name| match name.parse::<RefundStateKind>() {
        Ok(kind) => Ok(vec![kind]),
        Err(error) => Err(ApiError::query("state", error.to_string())),
    })?;
    let proposed = match query.proposed.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::query("proposed", "must be true or false")),
    };
    let filter = RefundFilter {
        states,
        order: query.order.map(|text| extract::query_id(&text, "order")).transpose()?,
        payment: query.payment.map(|text| extract::query_payment(&text, "payment")).transpose()?,
        proposed,
    };
    let (page, shown) = cursor::page(query.cursor.as_deref(), query.limit.as_deref())?;
    let mut refunds = state.store.list_refunds(&filter, &page).await?;
    let next = cursor::cut(&mut refunds, shown, |refund| (refund.created_at, refund.id.to_string()));
    Ok(HttpResponse::Ok().json(ListAnswer::new(refunds.iter().map(RefundView::from).collect(), next)))
}

/// Reads a refund
///
/// With its transfers and its history.
#[utoipa::path(operation_id = "readRefund", tag = "refunds", params(("refundId" = String, Path, description = "the refund")),
    security(("key" = ["ops:read"]), ("bearer" = ["ops:read"])), responses((status = 200, description = "the refund", body = Answer<RefundView>), Refusals))]
#[get("/api/v1/refunds/{refundId}")]
pub(super) async fn read(
    _: Permit<OpsRead>,
    state: web::Data<AppState>,
    RefundPath(id): RefundPath,
) -> Result<HttpResponse, ApiError> {
    let detail = state.store.refund_detail(id).await?.ok_or_else(|| ApiError::plain(Code::RefundNotFound))?;
    Ok(HttpResponse::Ok().json(Answer::new(RefundView::detailed(detail))))
}

/// Why somebody wants it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Reason {
    /// For the history: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500, example = "the customer wrote from the paying address")]
    reason: String,
}

/// Another address than the payer's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SetAddress {
    /// Where it goes.
    #[schema(example = "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9")]
    #[schema(min_length = 34, max_length = 34, pattern = "^T[1-9A-HJ-NP-Za-km-z]{33}$")]
    address: String,
    /// For the history: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Whose a payment is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Assign {
    /// The order that it is to pay for; it waits for its payment.
    order_id: String,
    /// For the history: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// What names a wish, for the API's document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by `once`, from the request")]
struct WishKey {
    /// names this wish: 1 to 255 visible characters, in double quotes or without
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 257,
        pattern = r#"^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$"#
    )]
    key: String,
}

/// A wish, before it is carried out.
struct Wish<'a> {
    caller: &'a Caller,
    target: RefundTarget,
    action: OperatorAction,
    reason: &'a str,
}

impl Wish<'_> {
    async fn carry_out(self, state: &AppState) -> Result<Answer<WishView>, ApiError> {
        let operator = Operator { key: self.caller.key, reason: extract::reason(self.reason, "reason")? };
        let answer = match (state.handles.refund_wish(self.target, self.action, operator).await, self.target)
        {
            (Ok(answer), _) => answer,
            (Err(WishError::Nothing), RefundTarget::Refund(_)) => {
                return Err(ApiError::plain(Code::RefundNotFound));
            }
            (Err(error), _) => return Err(error.into()),
        };
        Ok(Answer::new(WishView::from(&answer)))
    }
}

macro_rules! wishes {
    ($($(#[$doc:meta])* $name:ident $id:literal $route:literal $extractor:ident $target:ident $action:expr;)*) => {
        $(
            #[utoipa::path(operation_id = $id, tag = "refunds", request_body = Reason,
                params(
                    ($route = String, Path, description = "which"),
                    WishKey,
                ),
                security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
                responses((status = 200, description = "what came of it; also where the same key asked before", body = Answer<WishView>), Refusals))]
            $(#[$doc])*
            pub(super) async fn $name(
                Permit(caller, _): Permit<OpsWrite>,
                state: web::Data<AppState>,
                request: HttpRequest,
                $extractor(id): $extractor,
                Json { value: body, hash }: Json<Reason>,
            ) -> Result<HttpResponse, ApiError> {
                let target = RefundTarget::$target(id);
                let wish = Wish { caller: &caller, target, action: $action, reason: &body.reason };
                once(&state, &caller, &request, $id, hash, wish.carry_out(&state)).await
            }
        )*
    };
}

wishes! {
    /// Lets a refund go now
    ///
    /// One that waits for its time or is held. What the spend guard held goes although it has tripped, once a second
    /// person has approved that.
    #[post("/api/v1/refunds/{refundId}/release")]
    release "releaseRefund" "refundId" RefundPath Refund OperatorAction::Release;
    /// Holds a refund
    ///
    /// It is sent nowhere until somebody lets it go.
    #[post("/api/v1/refunds/{refundId}/hold")]
    hold "holdRefund" "refundId" RefundPath Refund OperatorAction::Hold;
    /// Keeps the money
    ///
    /// For good: it is never sent.
    #[post("/api/v1/refunds/{refundId}/forfeit")]
    forfeit "forfeitRefund" "refundId" RefundPath Refund OperatorAction::Forfeit;
    /// Sends a payment's money back now
    ///
    /// Of a solid payment that bought nothing: to whoever paid it, less the fee.
    #[post("/api/v1/payments/{paymentId}/refund")]
    refund_payment "refundPayment" "paymentId" PaymentPath Payment OperatorAction::Release;
    /// Holds a payment's money
    ///
    /// It is sent nowhere until somebody lets it go.
    #[post("/api/v1/payments/{paymentId}/hold")]
    hold_payment "holdPayment" "paymentId" PaymentPath Payment OperatorAction::Hold;
}

/// What a second person says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Judge {
    /// The `version` of the refund that was looked at: nobody agrees to what they have not seen.
    #[schema(minimum = 1, example = 3)]
    version: i64,
    /// For the history: 1 to 500 printable characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

macro_rules! judgements {
    ($($(#[$doc:meta])* $name:ident $id:literal $action:ident;)*) => {
        $(
            #[utoipa::path(operation_id = $id, tag = "refunds", request_body = Judge,
                params(
                    ("refundId" = String, Path, description = "the refund"),
                    WishKey,
                ),
                security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
                responses((status = 200, description = "what came of it; also where the same key asked before", body = Answer<WishView>), Refusals))]
            $(#[$doc])*
            pub(super) async fn $name(
                Permit(caller, _): Permit<OpsWrite>,
                state: web::Data<AppState>,
                request: HttpRequest,
                RefundPath(id): RefundPath,
                Json { value: body, hash }: Json<Judge>,
            ) -> Result<HttpResponse, ApiError> {
                let action = OperatorAction::$action { version: body.version };
                let wish = Wish { caller: &caller, target: RefundTarget::Refund(id), action, reason: &body.reason };
                once(&state, &caller, &request, $id, hash, wish.carry_out(&state)).await
            }
        )*
    };
}

judgements! {
    /// Agrees to what another person wants
    ///
    /// Or to a refund that is held because it is large or goes elsewhere than to its payer. Nobody approves what they
    /// asked for themselves, and nobody what they have not seen: it must be of the version that is named.
    #[post("/api/v1/refunds/{refundId}/approve")]
    approve "approveRefund" Approve;
    /// Refuses what another person wants
    ///
    /// Or holds for good a refund that waits for approval. It must be of the version that is named.
    #[post("/api/v1/refunds/{refundId}/reject")]
    reject "rejectRefund" Reject;
}

/// Sends a refund to another address
///
/// Where the payer cannot take it: an exchange's wallet, a contract. A second person must approve it, whatever it comes to.
#[utoipa::path(operation_id = "setRefundAddress", tag = "refunds", request_body = SetAddress,
    params(
        ("refundId" = String, Path, description = "the refund"),
        WishKey,
    ),
    security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "what came of it; also where the same key asked before", body = Answer<WishView>), Refusals))]
#[post("/api/v1/refunds/{refundId}/address")]
pub(super) async fn set_address(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    RefundPath(id): RefundPath,
    Json { value: body, hash }: Json<SetAddress>,
) -> Result<HttpResponse, ApiError> {
    let action = OperatorAction::SetAddress { to: extract::address(&body.address, "address")? };
    let wish = Wish { caller: &caller, target: RefundTarget::Refund(id), action, reason: &body.reason };
    once(&state, &caller, &request, "setRefundAddress", hash, wish.carry_out(&state)).await
}

/// Says whose a payment is
///
/// Lets a solid payment that waits pay for an order that awaits one, of the same address and at most its amount.
#[utoipa::path(operation_id = "assignPayment", tag = "refunds", request_body = Assign,
    params(
        ("paymentId" = String, Path, description = "the payment"),
        WishKey,
    ),
    security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "what came of it; also where the same key asked before", body = Answer<WishView>), Refusals))]
#[post("/api/v1/payments/{paymentId}/assign")]
pub(super) async fn assign(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    PaymentPath(id): PaymentPath,
    Json { value: body, hash }: Json<Assign>,
) -> Result<HttpResponse, ApiError> {
    let order = extract::order_id(&body.order_id, "orderId")?;
    let action = OperatorAction::Assign { order };
    let wish = Wish { caller: &caller, target: RefundTarget::Payment(id), action, reason: &body.reason };
    once(&state, &caller, &request, "assignPayment", hash, wish.carry_out(&state)).await
}

/// Gives up a paid order
///
/// One whose energy is neither delivered nor on its way: its money goes back whole. Asked again it answers the same.
#[utoipa::path(operation_id = "refundOrder", tag = "refunds", request_body = Reason,
    params(
        ("orderId" = String, Path, description = "the order"),
        WishKey,
    ),
    security(("key" = ["ops:write"]), ("bearer" = ["ops:write"])),
    responses((status = 200, description = "the order", body = Answer<OrderView>), Refusals))]
#[post("/api/v1/orders/{orderId}/refund")]
pub(super) async fn refund_order(
    Permit(caller, _): Permit<OpsWrite>,
    state: web::Data<AppState>,
    request: HttpRequest,
    OrderPath(id): OrderPath,
    Json { value: body, hash }: Json<Reason>,
) -> Result<HttpResponse, ApiError> {
    let wish = async {
        let operator = Operator { key: caller.key, reason: extract::reason(&body.reason, "reason")? };
        let order = state.handles.refund_order(id, &operator).await?;
        Ok(Answer::new(OrderView::new(&order)))
    };
    once(&state, &caller, &request, "refundOrder", hash, wish).await
}
