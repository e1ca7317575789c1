//! What a transfer costs and how much energy it gets: the documents in the books, cached, or the configuration
//! where the books hold none.

use super::{
    code::Code,
    error::ApiError,
    json::{self, Fault},
    number::Number,
    state::AppState,
};
use crate::settings::{
    Settings,
    terms::{Term, faults},
};
use async_trait::async_trait;
use leyden_actors::{SaleSource, boards::SaleTerms};
use leyden_domain::{
    Energy, Sun, Timestamp,
    order::{EnergyPrices, PriceTerms},
};
use leyden_ports::{CacheKey, Store, StoreError, store::ConfigDocument};
use leyden_store::Fresh;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The price mode of everything that is sold here.
pub(crate) const ENERGY_FLASH: &str = "energy_flash";
/// The resource configuration that says what a transfer costs.
pub(crate) const ENERGY: &str = "energy";
/// Cache tags: everything under one is forgotten when a document of its kind changes.
pub(crate) const PRICE_TAG: &str = "price";
pub(crate) const RESOURCE_TAG: &str = "resource";
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

/// What is sold without an order, by the documents that are in the books now.
pub(crate) async fn sale_terms(store: &dyn Store, settings: &Settings) -> Result<SaleTerms, StoreError> {
    let price = Cached::from(store.price_config(ENERGY_FLASH).await?);
    let resource = Cached::from(store.resource_config(ENERGY).await?);
    let terms = match price.config {
        None => Some(settings.price_terms()),
        Some(config) => read_terms(&config, settings).ok().filter(|_| price.is_active),
    };
    let energy = resource
        .config
        .filter(|_| resource.is_active)
        .and_then(|config| read_energy(&config, settings.energy_prices()).ok())
        .unwrap_or_else(|| settings.energy_prices());
    Ok(settings.sale_terms(terms, energy))
}

/// Where the actors read those terms anew.
pub(crate) struct SaleBook {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Arc<Settings>,
}

#[async_trait]
impl SaleSource for SaleBook {
    async fn sale_terms(&self) -> Result<SaleTerms, StoreError> {
        sale_terms(self.store.as_ref(), &self.settings).await
    }
}

/// The price terms in force. A document that is switched off closes the sale.
pub(crate) async fn terms(state: &AppState) -> Result<PriceTerms, ApiError> {
    let keep = state.settings.cache.price_ttl.span();
    let cached = state
        .loader
        .read(&CacheKey::document(PRICE_TAG, ENERGY_FLASH), async || {
            let document = state.store.price_config(ENERGY_FLASH).await?;
            Ok::<_, StoreError>(Fresh { value: Cached::from(document), keep })
        })
        .await?;
    match cached.config {
        None => Ok(state.settings.price_terms()),
        Some(_) if !cached.is_active => Err(ApiError::plain(Code::SalesClosed).retry_after(300)),
        // Kept by an older version, or the dust of payments has grown above it since.
        Some(config) => read_terms(&config, &state.settings).map_err(|fault| {
            tracing::error!(?fault, "the price configuration {ENERGY_FLASH} cannot be in force");
            ApiError::plain(Code::SalesClosed).retry_after(300)
        }),
    }
}

/// Energy of a transfer, now.
pub(crate) async fn energy(state: &AppState) -> Result<EnergyPrices, ApiError> {
    let keep = state.settings.cache.resource_ttl.span();
    let cached = state
        .loader
        .read(&CacheKey::document(RESOURCE_TAG, ENERGY), async || {
            let document = state.store.resource_config(ENERGY).await?;
            Ok::<_, StoreError>(Fresh { value: Cached::from(document), keep })
        })
        .await?;
    match cached.config.filter(|_| cached.is_active) {
        None => Ok(state.settings.energy_prices()),
        Some(config) => read_energy(&config, state.settings.energy_prices())
            .map_err(|fault| ApiError::internal(&format!("the resource configuration {ENERGY}: {fault:?}"))),
    }
}

fn blame(member: &str, detail: impl Into<String>) -> Fault {
    Fault::Member { pointer: format!("#/{member}"), detail: detail.into() }
}

/// Reads and checks a price document.
pub(crate) fn read_terms(config: &str, settings: &Settings) -> Result<PriceTerms, Fault> {
    let document: PriceDocument = json::object(config)?;
    let sun = |number: Number, member: &str| {
        Sun::from_decimal(number.0).map_err(|error| blame(member, error.to_string()))
    };
    let terms = PriceTerms {
        unit_price: sun(document.single_price, "single_price")?,
        max_transactions: document.max_transactions,
        duration: document
            .expiry_hours
            .to_span()
            .ok_or_else(|| blame("expiry_hours", "must be above 0 and at most 720 hours"))?,
        min_amount: document.min_amount.map_or(Ok(Sun::ZERO), |amount| sun(amount, "min_amount"))?,
    };
    match faults(&terms, settings.payments.dust_trx).into_iter().next() {
        None => Ok(terms),
        Some(fault) => {
            let member = match fault.term {
                Term::UnitPrice => "single_price",
                Term::MaxTransactions => "max_transactions",
                Term::Duration => "expiry_hours",
                Term::MinAmount => "min_amount",
            };
            Err(blame(member, fault.detail))
        }
    }
}

/// Reads and checks a resource document; what it leaves out is as `otherwise`.
pub(crate) fn read_energy(config: &str, otherwise: EnergyPrices) -> Result<EnergyPrices, Fault> {
    let document: ResourceDocument = json::object(config)?;
    let bounded = |energy: Option<i64>, otherwise: Energy, member: &str| match energy {
        None => Ok(otherwise),
        Some(energy) if (1..=100_000_000).contains(&energy) => Ok(Energy::new(energy)),
        Some(_) => Err(blame(member, "must be between 1 and 100000000")),
    };
    let per_transfer =
        bounded(document.usdt_standard_energy, otherwise.per_transfer, "usdt_standard_energy")?;
    let first = bounded(
        document.usdt_first_transfer_energy,
        otherwise.per_transfer_first.max(per_transfer),
        "usdt_first_transfer_energy",
    )?;
    if first < per_transfer {
        return Err(blame("usdt_first_transfer_energy", "cannot be less than usdt_standard_energy"));
    }
    Ok(EnergyPrices { per_transfer, per_transfer_first: first })
}

#[cfg(test)]
mod tests {
    use super::{Fault, read_energy, read_terms};
    use crate::settings::{Environment, Settings};
    use leyden_domain::{Energy, Span, Sun, order::EnergyPrices};

    fn settings() -> Settings {
        Settings::from_layers(&[], &Environment::default()).unwrap()
    }

    #[test]
    fn the_document_of_requirement_001_is_read() {
        let terms = read_terms(
            r#"{"single_price": 1.5, "max_transactions": 10, "expiry_hours": 1, "min_amount": 1.0, "description": "…"}"#,
            &settings(),
        )
        .unwrap();
        assert_eq!(terms.unit_price, Sun::new(1_500_000));
        assert_eq!(terms.max_transactions, 10);
        assert_eq!(terms.duration, Span::from_hours(1));
        assert_eq!(terms.min_amount, Sun::TRX);
    }

    #[test]
    fn a_price_that_cannot_be_counted_is_refused() {
        let settings = settings();
        let with = |price: &str| {
            let text = format!(r#"{{"single_price": {price}, "max_transactions": 10, "expiry_hours": 1}}"#);
            read_terms(&text, &settings)
        };
        for bad in ["0", "-1", "1.0000001", "0.000001", "0.09", "1e40", "true", "1000001", "\"1_0\""] {
            assert!(
                matches!(with(bad), Err(Fault::Member { pointer, .. }) if pointer == "#/single_price"),
                "{bad}: {:?}",
                with(bad)
            );
        }
        assert!(with("\"1.5\"").is_ok());
        let array = read_terms("[1.5, 10, 1, null]", &settings);
        assert!(matches!(array, Err(Fault::Member { pointer, .. }) if pointer == "#"));
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
        assert!(read("[]").is_err());
        assert!(read(r#"{"usdt_standard_energy": 65000, "usdt_first_transfer_energy": 1}"#).is_err());
    }
}
