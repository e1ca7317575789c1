//! `/api/v1/quotes`: what something would cost, and a price that holds for a while.

use super::{
    code::Code,
    error::ApiError,
    extract::{self, Json},
    number::{Number, WrittenNumber},
    openapi::Refusals,
    prices,
    recipient::{self, Notice, PerTransfer},
    sale::{self, Wanted},
    state::AppState,
    time::iso,
    view::Answer,
};
use actix_web::{HttpResponse, post, web};
use leyden_domain::{Address, order::quote};
use leyden_ports::store::StoredQuote;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to quote: `transactionCount` or `energyAmount`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AskQuote {
    /// Who would get the energy: decides what a transfer needs.
    #[serde(default)]
    #[schema(min_length = 34, max_length = 34, pattern = "^T[1-9A-HJ-NP-Za-km-z]{33}$")]
    recipient_address: Option<String>,
    /// So many transfers.
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
}

/// A quote.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuoteView {
    /// Names it when ordering.
    quote_id: String,
    /// Transfers.
    transaction_count: u32,
    /// Energy in all.
    energy_amount: i64,
    /// Hours that the energy stays.
    duration_hours: Number,
    /// Price of one transfer.
    #[schema(example = "1.500000")]
    unit_price_trx: String,
    /// Price in all, before the few sun that make an order's amount unique.
    price_trx: String,
    /// The same in sun.
    price_sun: i64,
    /// Until when it holds.
    expires_at: String,
    /// Whether the pool can be expected to serve it.
    available: bool,
    /// `first_transfer_assumed`: no node can say whether the recipient holds the token, so each transfer gets the energy of
    /// a first one. Absent where there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

/// Quotes a price
#[utoipa::path(operation_id = "createQuote", tag = "quotes", request_body = AskQuote, responses((status = 201, description = "the quote", body = Answer<QuoteView>), Refusals))]
#[post("/api/v1/quotes")]
pub(super) async fn ask(state: web::Data<AppState>, body: Json<AskQuote>) -> Result<HttpResponse, ApiError> {
    let body = body.value;
    let wanted = match (body.transaction_count, body.energy_amount) {
        (Some(count), None) => Wanted::Transfers(count),
        (None, Some(energy)) => Wanted::Energy(energy),
        _ => {
            let detail = "give either transactionCount or energyAmount";
            return Err(ApiError::new(Code::InvalidBody, detail).at("transactionCount"));
        }
    };
    let address: Option<Address> = body
        .recipient_address
        .as_deref()
        .map(|text| extract::address(text, "recipientAddress"))
        .transpose()?;
    let terms = prices::terms(&state).await?;
    if let Some(hours) = body.duration_hours
        && hours.to_span() != Some(terms.duration)
    {
        let detail = format!("energy is rented for {} ms", terms.duration.ms());
        return Err(ApiError::new(Code::DurationNotOffered, detail).at("durationHours"));
    }
    if let Some(address) = address {
        recipient::check(&state, address, "recipientAddress").await?;
    }
    let PerTransfer { energy: per_transfer, notice } =
        sale::energy_for(&state, address, prices::energy(&state).await?).await?;
    let count = sale::count_rule(wanted, per_transfer, terms.max_transactions)?.most();
    let quoted = quote(count, per_transfer, &terms)
        .map_err(|error| ApiError::new(Code::CountOutOfRange, error.to_string()).at("transactionCount"))?;
    let now = state.clock.now();
    let expires_at = now.plus(state.settings.sales.quote_ttl.span());
    let mut bytes = [0_u8; 16];
    state.entropy.fill(&mut bytes);
    let stored = StoredQuote {
        id: format!("quo_{}", hex::encode(bytes)),
        quote: quoted,
        recipient: address,
        expires_at,
    };
    state.store.put_quote(stored.clone()).await?;
    let by = sale::chain_time(&state, now).plus(state.settings.payments.timeout.span());
    let view = QuoteView {
        quote_id: stored.id,
        transaction_count: quoted.count,
        energy_amount: quoted.energy.get(),
        duration_hours: Number::hours(quoted.duration),
        unit_price_trx: quoted.unit_price.to_string(),
        price_trx: quoted.price.to_string(),
        price_sun: quoted.price.get(),
        expires_at: iso(expires_at),
        available: state.settings.sales.enabled && sale::can_serve(&state, per_transfer, count, by),
        notice,
    };
    Ok(HttpResponse::Created().json(Answer::new(view)))
}
