//! `/api/v1/price-configs` and `/api/v1/resource-configs`: what is sold and what it costs, as documents that an
//! administrator can change without a restart.

use super::{
    auth::{Admin, DataRead, Permit},
    code::Code,
    error::ApiError,
    extract::Json,
    json::Fault,
    openapi::Refusals,
    prices::{self, ENERGY, ENERGY_FLASH, PRICE_TAG, RESOURCE_TAG},
    state::AppState,
    time::iso,
    view::Answer,
};
use actix_web::{HttpResponse, get, put, web};
use leyden_ports::store::ConfigDocument;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A document to be in force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutConfig {
    /// The document.
    #[schema(value_type = Object)]
    config: Box<RawValue>,
    /// Whether it is in force.
    #[serde(default = "yes")]
    is_active: bool,
}

const fn yes() -> bool {
    true
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigView {
    /// `mode_type` or `resource_type`.
    name: String,
    /// The document.
    #[schema(value_type = Object)]
    config: Box<RawValue>,
    /// Whether it is in force.
    is_active: bool,
    /// When it last changed.
    updated_at: String,
}

impl TryFrom<ConfigDocument> for ConfigView {
    type Error = ApiError;

    fn try_from(document: ConfigDocument) -> Result<Self, ApiError> {
        Ok(Self {
            name: document.name,
            config: RawValue::from_string(document.config).map_err(|error| ApiError::internal(&error))?,
            is_active: document.is_active,
            updated_at: iso(document.updated_at),
        })
    }
}

fn views(documents: Vec<ConfigDocument>) -> Result<HttpResponse, ApiError> {
    let views: Vec<ConfigView> = documents.into_iter().map(ConfigView::try_from).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(Answer::new(views)))
}

fn view(document: Option<ConfigDocument>) -> Result<HttpResponse, ApiError> {
    let document = document.ok_or_else(|| ApiError::plain(Code::ConfigNotFound))?;
    Ok(HttpResponse::Ok().json(Answer::new(ConfigView::try_from(document)?)))
}

/// Lists price configurations
#[utoipa::path(operation_id = "listPriceConfigs", tag = "configuration", security(("key" = ["data:read"]), ("bearer" = ["data:read"])),
    responses((status = 200, description = "all of them", body = Answer<Vec<ConfigView>>), Refusals))]
#[get("/api/v1/price-configs")]
pub(super) async fn list_prices(
    _: Permit<DataRead>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    views(state.store.price_configs().await?)
}

/// Reads a price configuration
#[utoipa::path(operation_id = "readPriceConfig", tag = "configuration", params(("modeType" = String, Path, description = "such as energy_flash")),
    security(("key" = ["data:read"]), ("bearer" = ["data:read"])), responses((status = 200, description = "the configuration", body = Answer<ConfigView>), Refusals))]
#[get("/api/v1/price-configs/{modeType}")]
pub(super) async fn read_price(
    _: Permit<DataRead>,
    state: web::Data<AppState>,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    view(state.store.price_config(&name).await?)
}

/// Changes a price configuration
///
/// Orders that were made before keep the price they were made at.
#[utoipa::path(operation_id = "putPriceConfig", tag = "configuration", params(("modeType" = String, Path, description = "energy_flash")),
    request_body = PutConfig, security(("key" = ["admin"]), ("bearer" = ["admin"])),
    responses((status = 200, description = "the configuration, in force", body = Answer<ConfigView>), Refusals))]
#[put("/api/v1/price-configs/{modeType}")]
pub(super) async fn put_price(
    Permit(caller, _): Permit<Admin>,
    state: web::Data<AppState>,
    name: web::Path<String>,
    body: Json<PutConfig>,
) -> Result<HttpResponse, ApiError> {
    if name.as_str() != ENERGY_FLASH {
        return Err(ApiError::new(Code::ConfigNotFound, format!("the one price mode is {ENERGY_FLASH}")));
    }
    prices::read_terms(body.value.config.get(), &state.settings).map_err(unfit)?;
    let _in_turn = state.configs.lock().await;
    let document = document(&state, ENERGY_FLASH, &body.value);
    state.store.put_price_config(document.clone()).await?;
    changed(&state, PRICE_TAG, &document, &caller.key).await?;
    view(Some(document))
}

/// Lists resource configurations
#[utoipa::path(operation_id = "listResourceConfigs", tag = "configuration", security(("key" = ["data:read"]), ("bearer" = ["data:read"])),
    responses((status = 200, description = "all of them", body = Answer<Vec<ConfigView>>), Refusals))]
#[get("/api/v1/resource-configs")]
pub(super) async fn list_resources(
    _: Permit<DataRead>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    views(state.store.resource_configs().await?)
}

/// Reads a resource configuration
#[utoipa::path(operation_id = "readResourceConfig", tag = "configuration", params(("resourceType" = String, Path, description = "such as energy")),
    security(("key" = ["data:read"]), ("bearer" = ["data:read"])), responses((status = 200, description = "the configuration", body = Answer<ConfigView>), Refusals))]
#[get("/api/v1/resource-configs/{resourceType}")]
pub(super) async fn read_resource(
    _: Permit<DataRead>,
    state: web::Data<AppState>,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    view(state.store.resource_config(&name).await?)
}

/// Changes a resource configuration
#[utoipa::path(operation_id = "putResourceConfig", tag = "configuration", params(("resourceType" = String, Path, description = "energy")),
    request_body = PutConfig, security(("key" = ["admin"]), ("bearer" = ["admin"])),
    responses((status = 200, description = "the configuration, in force", body = Answer<ConfigView>), Refusals))]
#[put("/api/v1/resource-configs/{resourceType}")]
pub(super) async fn put_resource(
    Permit(caller, _): Permit<Admin>,
    state: web::Data<AppState>,
    name: web::Path<String>,
    body: Json<PutConfig>,
) -> Result<HttpResponse, ApiError> {
    if name.as_str() != ENERGY {
        return Err(ApiError::new(Code::ConfigNotFound, format!("the one resource type is {ENERGY}")));
    }
    prices::read_energy(body.value.config.get(), state.settings.energy_prices()).map_err(unfit)?;
    let _in_turn = state.configs.lock().await;
    let document = document(&state, ENERGY, &body.value);
    state.store.put_resource_config(document.clone()).await?;
    changed(&state, RESOURCE_TAG, &document, &caller.key).await?;
    view(Some(document))
}

fn document(state: &AppState, name: &str, put: &PutConfig) -> ConfigDocument {
    ConfigDocument {
        name: name.to_owned(),
        config: put.config.get().to_owned(),
        is_active: put.is_active,
        updated_at: state.clock.now(),
    }
}

/// A document that cannot be in force, by the member of the body that is to blame.
fn unfit(fault: Fault) -> ApiError {
    match fault {
        Fault::Malformed(detail) => ApiError::new(Code::InvalidConfig, detail).at("config"),
        Fault::Member { pointer, detail } => ApiError::new(Code::InvalidConfig, detail)
            .blame(format!("#/config{}", pointer.trim_start_matches('#'))),
    }
}

/// Forgets what was remembered of the old document, tells the sale without orders, and says who changed it.
async fn changed(
    state: &AppState,
    tag: &str,
    document: &ConfigDocument,
    by: &leyden_domain::ApiKeyId,
) -> Result<(), ApiError> {
    tracing::info!(name = document.name, %by, "configuration {} changed", document.name);
    if let Err(error) = state.cache.forget(tag).await {
        tracing::warn!(%error, "other instances may keep the old configuration {} for a while", document.name);
    }
    state.handles.post_sale(prices::sale_terms(state.store.as_ref(), &state.settings).await?);
    Ok(())
}
