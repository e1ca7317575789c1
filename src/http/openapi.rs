//! The interface as an OpenAPI document, made from the handlers themselves. It also answers which methods a path
//! knows, so that the document and the service cannot disagree.

use super::{
    configs, error::Problem, flash, halts, health, lookup, metrics, monitoring, orders, payments, pool,
    quotes, reconciliations, refunds, repairs, status, unexplained,
};
use actix_web::{HttpResponse, get};
use std::sync::LazyLock;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        PathItem,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

/// How every route may refuse, even one that needs neither key nor body.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(crate) enum Common {
    /// The request cannot be read: `MALFORMED_REQUEST`
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// A key was presented that is not valid: `INVALID_API_KEY`
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
    /// `METHOD_NOT_ALLOWED`; `Allow` names those that are
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(#[to_schema] Problem),
    /// `REQUEST_TIMEOUT`
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(#[to_schema] Problem),
    /// `URI_TOO_LONG`
    #[response(status = 414, content_type = "application/problem+json")]
    UriTooLong(#[to_schema] Problem),
    /// `RATE_LIMITED`; wait for `Retry-After`
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(#[to_schema] Problem),
    /// `INTERNAL`
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] Problem),
}

/// How a route that reads or writes the books may refuse.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
pub(crate) enum Refusals {
    /// The request cannot be read: `MALFORMED_JSON`, `INVALID_QUERY`, `INVALID_ID`, …
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// `UNAUTHENTICATED` or `INVALID_API_KEY`
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
    /// `SCOPE_MISSING`
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// It does not exist, or is not the caller's to see.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// `METHOD_NOT_ALLOWED`; `Allow` names those that are
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(#[to_schema] Problem),
    /// `REQUEST_TIMEOUT`
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(#[to_schema] Problem),
    /// Not in this state: `ORDER_NOT_CANCELLABLE`, `ORDER_NOT_HELD`, `QUOTE_EXPIRED`, `HALT_NOT_OPEN`, `REPAIR_NOT_PROPOSED`, `REFUND_CHANGED`, `CONFLICT`
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// `BODY_TOO_LARGE`
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// `URI_TOO_LONG`
    #[response(status = 414, content_type = "application/problem+json")]
    UriTooLong(#[to_schema] Problem),
    /// `UNSUPPORTED_MEDIA_TYPE`
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] Problem),
    /// A member of the body is wrong: `INVALID_BODY`, `INVALID_ADDRESS`, `RECIPIENT_NOT_ACTIVATED`, …
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] Problem),
    /// `RATE_LIMITED`; wait for `Retry-After`
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(#[to_schema] Problem),
    /// `INTERNAL`
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] Problem),
    /// Not now: `HALTED`, `POOL_EXHAUSTED`, `CHAIN_UNAVAILABLE`, `STORE_UNAVAILABLE`, …; wait for `Retry-After`
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "leyden",
        description = "Sells the energy of staked TRX: pay, get it within seconds, exactly once. Errors are listed in docs/reference/errors.md.",
    ),
    paths(
        flash::create_order,
        flash::confirm_payment,
        flash::order_status,
        flash::cancel_order,
        flash::delete_order,
        monitoring::start,
        monitoring::stop,
        monitoring::status,
        orders::create,
        orders::list,
        orders::read,
        orders::timeline,
        orders::cancel,
        orders::release,
        orders::confirm_payment,
        quotes::ask,
        pool::read,
        lookup::lookup,
        payments::list,
        halts::list,
        halts::raise,
        halts::lift,
        reconciliations::list,
        reconciliations::read,
        reconciliations::run,
        repairs::list,
        repairs::approve,
        repairs::reject,
        refunds::list,
        refunds::read,
        refunds::release,
        refunds::hold,
        refunds::forfeit,
        refunds::approve,
        refunds::reject,
        refunds::set_address,
        refunds::refund_payment,
        refunds::hold_payment,
        refunds::assign,
        refunds::refund_order,
        unexplained::list,
        unexplained::explain,
        configs::list_prices,
        configs::read_price,
        configs::put_price,
        configs::list_resources,
        configs::read_resource,
        configs::put_resource,
        status::status,
        status::status_json,
        health::health,
        health::liveness,
        health::readiness,
        health::startup,
        metrics::api_metrics,
        metrics::metrics,
        document,
    ),
    components(schemas(Problem)),
    modifiers(&Keys)
)]
struct Api;

/// How keys are presented.
struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme(
            "key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The document and its text, made once.
static DOCUMENT: LazyLock<(utoipa::openapi::OpenApi, String)> = LazyLock::new(|| {
    let api = Api::openapi();
    let text = api.to_pretty_json().unwrap_or_default();
    (api, text)
});

/// This document
#[utoipa::path(operation_id = "readOpenApi", tag = "health", responses((status = 200, description = "an OpenAPI 3.1 document", body = serde_json::Value), Common))]
#[get("/openapi.json")]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("Cache-Control", "public, max-age=300"))
        .body(DOCUMENT.1.as_str())
}

/// The methods that a path knows; empty where there is nothing at it. A path that is written out is not also one of those
/// that a template stands for.
pub(super) fn methods_of(path: &str) -> Vec<&'static str> {
    if let Some(item) = DOCUMENT.0.paths.paths.get(path) {
        return methods(item);
    }
    let mut methods: Vec<&'static str> = DOCUMENT
        .0
        .paths
        .paths
        .iter()
        .filter(|(template, _)| fits(template, path))
        .flat_map(|(_, item)| methods(item))
        .collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    [
        ("GET", item.get.is_some()),
        ("HEAD", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("DELETE", item.delete.is_some()),
        ("PATCH", item.patch.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, known)| known.then_some(name))
    .collect()
}

/// Whether a path is one that a template stands for.
fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part.starts_with('{') && !given.is_empty() => {}
            (Some(part), Some(given)) if part == given => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENT, methods_of};

    #[test]
    fn the_document_names_every_route_of_requirement_001() {
        for (path, method) in [
            ("/api/energy-flash/create-order", "POST"),
            ("/api/energy-flash/confirm-payment", "POST"),
            ("/api/energy-flash/order-status/FLASH_1_abc", "GET"),
            ("/api/energy-flash/cancel-order/FLASH_1_abc", "POST"),
            ("/api/energy-flash/cancel-order/FLASH_1_abc", "DELETE"),
            ("/api/payment-monitoring/start", "POST"),
            ("/api/payment-monitoring/stop", "POST"),
            ("/api/payment-monitoring/status", "GET"),
            ("/api/health", "GET"),
            ("/api/metrics", "GET"),
        ] {
            assert!(methods_of(path).contains(&method), "{method} {path}");
        }
        assert!(methods_of("/api/energy-flash").is_empty());
        assert!(methods_of("/api/v1/orders/").is_empty());
    }

    #[test]
    fn the_document_is_complete_where_openapi_demands_it() {
        let document: serde_json::Value = serde_json::from_str(&DOCUMENT.1).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                assert!(!id.is_empty() && ids.insert(id), "{method} {path} has no operationId of its own");
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let description = response["description"].as_str().unwrap_or_default();
                    assert!(!description.is_empty(), "{method} {path}: {status} has no description");
                }
                for status in ["401", "429", "500"] {
                    assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
                }
            }
        }
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document: serde_json::Value = serde_json::from_str(&DOCUMENT.1).unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    fn collect(value: &serde_json::Value, references: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(members) => {
                if let Some(serde_json::Value::String(reference)) = members.get("$ref") {
                    references.push(reference.clone());
                }
                members.values().for_each(|value| collect(value, references));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
