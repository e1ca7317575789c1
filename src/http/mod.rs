//! The API. Handlers read and write the books themselves and only hint to the actors, so an order is taken even
//! while every actor is down.

pub mod api_key;
pub(crate) mod auth;
pub mod code;
mod configs;
mod cursor;
pub mod error;
mod extract;
pub(crate) mod flash;
mod guard;
mod halts;
mod health;
pub(crate) mod idempotency;
mod json;
pub(crate) mod lookup;
mod meters;
mod metrics;
mod monitoring;
mod number;
mod once;
mod openapi;
mod orders;
mod payments;
mod pool;
pub(crate) mod prices;
mod quotes;
mod rate_limit;
mod recipient;
mod reconciliations;
mod refund_notes;
mod refunds;
mod repairs;
pub(crate) mod sale;
pub mod scope;
mod state;
mod status;
mod time;
mod unexplained;
mod view;

pub use state::{AppState, Parts};
pub(crate) use time::{iso as show_time, parse as parse_time};

use self::{code::Code, error::ApiError, meters::Meters};
use actix_web::{
    App, Error, HttpRequest, HttpServer,
    body::MessageBody,
    dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{Compress, NormalizePath, from_fn},
    web::{self, ServiceConfig},
};
use std::{io, net::TcpListener};

/// All routes.
fn routes(config: &mut ServiceConfig) {
    config
        // Paths without a parameter first: they are compared, the others are matched, and each request goes through them
        // in this order.
        .service(pool::read)
        .service(orders::create)
        .service(orders::list)
        .service(quotes::ask)
        .service(status::status)
        .service(status::status_json)
        .service(health::health)
        .service(health::liveness)
        .service(health::readiness)
        .service(health::startup)
        .service(metrics::metrics)
        .service(metrics::api_metrics)
        .service(flash::create_order)
        .service(flash::confirm_payment)
        .service(monitoring::start)
        .service(monitoring::stop)
        .service(monitoring::status)
        .service(lookup::lookup)
        .service(payments::list)
        .service(halts::list)
        .service(halts::raise)
        .service(reconciliations::list)
        .service(reconciliations::run)
        // Not the comparison of that name.
        .route("/api/v1/reconciliations/run", web::route().to(nothing_here))
        .service(repairs::list)
        .service(refunds::list)
        .service(unexplained::list)
        .service(unexplained::explain)
        .service(configs::list_prices)
        .service(configs::list_resources)
        .service(openapi::document)
        .service(orders::read)
        .service(orders::timeline)
        .service(flash::order_status)
        .service(flash::cancel_order)
        .service(flash::delete_order)
        .service(orders::cancel)
        .service(orders::release)
        .service(orders::confirm_payment)
        .service(halts::lift)
        .service(reconciliations::read)
        .service(repairs::approve)
        .service(repairs::reject)
        .service(refunds::read)
        .service(refunds::release)
        .service(refunds::hold)
        .service(refunds::forfeit)
        .service(refunds::approve)
        .service(refunds::reject)
        .service(refunds::set_address)
        .service(refunds::refund_payment)
        .service(refunds::hold_payment)
        .service(refunds::assign)
        .service(refunds::refund_order)
        .service(configs::read_price)
        .service(configs::put_price)
        .service(configs::read_resource)
        .service(configs::put_resource)
        .default_service(web::to(nothing_here));
}

/// What answers where nothing else does: wrong path, or right path and wrong method.
async fn nothing_here(request: HttpRequest) -> Result<actix_web::HttpResponse, ApiError> {
    let methods = openapi::methods_of(request.path());
    if methods.is_empty() {
        return Err(ApiError::plain(Code::NoSuchRoute));
    }
    let allow = methods.join(", ");
    let mut refusal = ApiError::new(Code::MethodNotAllowed, format!("this path knows {allow}"));
    refusal.allow = Some(allow);
    Err(refusal)
}

/// The whole API as a service that takes requests, with or without a socket.
pub fn app(
    state: web::Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(state)
        .app_data(web::Data::new(Meters::default()))
        .configure(routes)
        .wrap(Compress::default())
        .wrap(from_fn(guard::guard))
        .wrap(NormalizePath::trim())
}

/// Serves the API on a listener until it is stopped.
pub fn serve(state: web::Data<AppState>, listener: TcpListener) -> io::Result<Server> {
    let http = state.settings.http.clone();
    let workers = match http.workers {
        0 => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        workers => usize::from(workers),
    };
    let server = HttpServer::new(move || app(state.clone()))
        .workers(workers)
        .client_request_timeout(http.request_timeout.duration())
        .shutdown_timeout(http.shutdown_timeout.duration().as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(server)
}
