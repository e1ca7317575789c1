//! What a transfer costs and how much energy it gets: the documents in the books, cached, or the configuration
//! where the books hold none.

use super::{code::Code, error::ApiError, number::Number, state::AppState};
use crate::settings::Settings;
use leyden_domain::{
    Energy, Span, Sun, Timestamp,
    order::{EnergyPrices, PriceTerms},
};
use leyden_ports::{Store, StoreError, store::ConfigDocument};
use serde::{Deserialize, Serialize};

/// The price mode of everything that is sold here.
pub(crate) const ENERGY_FLASH: &str = "energy_flash";
/// The resource configuration that says what a transfer costs.
pub(crate) const ENERGY: &str = "energy";
/// Cache tags: everything under one is forgotten when a document of its kind changes.
pub(crate) const PRICE_TAG: &str = "price";
pub(crate) const RESOURCE_TAG: &str = "resource";
/// Longest rental that can be configured: 30 days.
const LONGEST_RENTAL: Span = Span::from_hours(720);

/// A price document, as requirement 001 writes it. Members that it does not name are kept and not looked at.
#[derive(Debug, Clone, Deserialize)]
struct PriceDocument {
    single_price: Number,
    max_transactions: u32,
    expiry_hours: Number,
    min_amount: Option<Number>,
}

/// A resource document. The name of the first is requirement 001's; the second is the transfer to an address that
/// does not hold the token yet.
#[derive(Debug, Clone, Deserialize)]
struct ResourceDocument {
    usdt_standard_energy: Option<i64>,
    usdt_first_transfer_energy: Option<i64>,
}

/// A document as it lies in the cache. `None` says that the configuration rules: the books hold none, or only the
/// one that the migrations put there and nobody ever changed.
#[derive(Debug, Serialize, Deserialize)]
struct Cached {
    config: Option<String>,
    is_active: bool,
}

impl From<Option<ConfigDocument>> for Cached {
    fn from(document: Option<ConfigDocument>) -> Self {
        match document {
            Some(document) if document.updated_at > Timestamp::default() || !document.is_active => {
                Self { config: Some(document.config), is_active: document.is_active }
            }
            _ => Self { config: None, is_active: true },
        }
    }
}

/// The price terms and energy in force at the start, for those who are told once: the orderless sale. No terms where
/// the sale is closed.
pub(crate) async fn at_start(
    store: &dyn Store,
    settings: &Settings,
) -> Result<(Option<PriceTerms>, EnergyPrices), StoreError> {
    let price = Cached::from(store.price_config(ENERGY_FLASH).await?);
    let resource = Cached::from(store.resource_config(ENERGY).await?);
    let terms = match price.config {
        None => Some(settings.price_terms()),
        Some(config) => read_terms(&config).ok().filter(|_| price.is_active),
    };
    let energy = resource
        .config
        .and_then(|config| read_energy(&config, settings.energy_prices()).ok())
        .unwrap_or_else(|| settings.energy_prices());
    Ok((terms, energy))
}

/// The price terms in force. A document that is switched off closes the sale.
pub(crate) async fn terms(state: &AppState) -> Result<PriceTerms, ApiError> {
    let cached = if let Some(cached) = remembered(state, PRICE_TAG, ENERGY_FLASH).await {
        cached
    } else {
        let document = state.store.price_config(ENERGY_FLASH).await?;
        remember(state, PRICE_TAG, ENERGY_FLASH, document).await
    };
    match cached.config {
        None => Ok(state.settings.price_terms()),
        Some(_) if !cached.is_active => Err(ApiError::plain(Code::SalesClosed).retry_after(300)),
        Some(config) => read_terms(&config).map_err(|error| ApiError::internal(&error)),
    }
}

/// Energy of a transfer, now.
pub(crate) async fn energy(state: &AppState) -> Result<EnergyPrices, ApiError> {
    let cached = if let Some(cached) = remembered(state, RESOURCE_TAG, ENERGY).await {
        cached
    } else {
        let document = state.store.resource_config(ENERGY).await?;
        remember(state, RESOURCE_TAG, ENERGY, document).await
    };
    match cached.config.filter(|_| cached.is_active) {
        None => Ok(state.settings.energy_prices()),
        Some(config) => {
            read_energy(&config, state.settings.energy_prices()).map_err(|error| ApiError::internal(&error))
        }
    }
}

/// Reads and checks a price document.
pub(crate) fn read_terms(config: &str) -> Result<PriceTerms, String> {
    let document: PriceDocument = serde_json::from_str(config).map_err(|error| error.to_string())?;
    let sun = |number: Number, member: &str| {
        Sun::from_decimal(number.0).map_err(|error| format!("{member}: {error}")).and_then(|sun| {
            if sun < Sun::ZERO { Err(format!("{member}: cannot be negative")) } else { Ok(sun) }
        })
    };
    let unit_price = sun(document.single_price, "single_price")?;
    if unit_price.get() < 2 {
        return Err("single_price: must leave room for a tail, at least 0.000002".to_owned());
    }
    if unit_price > Sun::from_trx(1_000_000) {
        return Err("single_price: more than a million TRX".to_owned());
    }
    if document.max_transactions == 0 || document.max_transactions > 10_000 {
        return Err("max_transactions: must be between 1 and 10000".to_owned());
    }
    let duration = document
        .expiry_hours
        .to_span()
        .filter(|span| *span > Span::ZERO && *span <= LONGEST_RENTAL)
        .ok_or("expiry_hours: must be above 0 and at most 720")?;
    Ok(PriceTerms {
        unit_price,
        max_transactions: document.max_transactions,
        duration,
        min_amount: document.min_amount.map_or(Ok(Sun::ZERO), |amount| sun(amount, "min_amount"))?,
    })
}

/// Reads and checks a resource document; what it leaves out is as `otherwise`.
pub(crate) fn read_energy(config: &str, otherwise: EnergyPrices) -> Result<EnergyPrices, String> {
    let document: ResourceDocument = serde_json::from_str(config).map_err(|error| error.to_string())?;
    let bounded = |energy: Option<i64>, otherwise: Energy, member: &str| match energy {
        None => Ok(otherwise),
        Some(energy) if (1..=100_000_000).contains(&energy) => Ok(Energy::new(energy)),
        Some(_) => Err(format!("{member}: must be between 1 and 100000000")),
    };
    let per_transfer =
        bounded(document.usdt_standard_energy, otherwise.per_transfer, "usdt_standard_energy")?;
    let first = bounded(
        document.usdt_first_transfer_energy,
        otherwise.per_transfer_first.max(per_transfer),
        "usdt_first_transfer_energy",
    )?;
    if first < per_transfer {
        return Err("usdt_first_transfer_energy: cannot be less than usdt_standard_energy".to_owned());
    }
    Ok(EnergyPrices { per_transfer, per_transfer_first: first })
}

async fn remembered(state: &AppState, tag: &str, name: &str) -> Option<Cached> {
    let text = state.cache.get(&format!("{tag}:{name}")).await.ok().flatten()?;
    serde_json::from_str(&text).ok()
}

async fn remember(state: &AppState, tag: &str, name: &str, document: Option<ConfigDocument>) -> Cached {
    let cached = Cached::from(document);
    let ttl =
        if tag == PRICE_TAG { state.settings.cache.price_ttl } else { state.settings.cache.resource_ttl };
    if let Ok(text) = serde_json::to_string(&cached)
        && let Err(error) = state.cache.put(&format!("{tag}:{name}"), text, ttl.span(), tag).await
    {
        tracing::debug!(%error, "going on without the cache");
    }
    cached
}

#[cfg(test)]
mod tests {
    use super::{read_energy, read_terms};
    use leyden_domain::{Energy, Span, Sun, order::EnergyPrices};

    #[test]
    fn the_document_of_requirement_001_is_read() {
        let terms = read_terms(
            r#"{"single_price": 1.5, "max_transactions": 10, "expiry_hours": 1, "min_amount": 1.0, "description": "…"}"#,
        )
        .unwrap();
        assert_eq!(terms.unit_price, Sun::new(1_500_000));
        assert_eq!(terms.max_transactions, 10);
        assert_eq!(terms.duration, Span::from_hours(1));
        assert_eq!(terms.min_amount, Sun::TRX);
    }

    #[test]
    fn a_price_that_cannot_be_counted_is_refused() {
        let with = |price: &str| {
            read_terms(&format!(r#"{{"single_price": {price}, "max_transactions": 10, "expiry_hours": 1}}"#))
        };
        for bad in ["0", "-1", "1.0000001", "0.000001", "1e40", "true", "1000001"] {
            assert!(with(bad).is_err(), "{bad}");
        }
        assert!(with("\"1.5\"").is_ok());
    }

    #[test]
    fn energy_that_is_not_named_is_as_configured() {
        let otherwise =
            EnergyPrices { per_transfer: Energy::new(65_000), per_transfer_first: Energy::new(131_000) };
        let read = |text| read_energy(text, otherwise);
        assert_eq!(read("{}"), Ok(otherwise));
        let given = read(r#"{"usdt_standard_energy": 140000}"#).unwrap();
        assert_eq!(given.per_transfer_first, Energy::new(140_000), "a first transfer never gets less");
        assert!(read(r#"{"usdt_standard_energy": 0}"#).is_err());
        assert!(read(r#"{"usdt_standard_energy": 65000, "usdt_first_transfer_energy": 1}"#).is_err());
    }
}
