//! How many requests each route had, how they ended and how long they took. The recorder's handles are kept, because
//! naming a metric anew for every request costs more than counting it.

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};
use std::{cell::RefCell, collections::HashMap, time::Duration};

/// The handles of one thread that answers requests. Routes, methods and statuses are few, and none is made up by a
/// client, so this stays small.
#[derive(Default)]
pub(super) struct Meters(RefCell<HashMap<String, Meter>>);

/// Those of one route.
struct Meter {
    seconds: Histogram,
    requests: Vec<(&'static str, StatusCode, Counter)>,
}

impl Meters {
    /// Counts a request that was answered.
    pub(super) fn count(&self, route: &str, method: &'static str, status: StatusCode, took: Duration) {
        let mut meters = self.0.borrow_mut();
        if !meters.contains_key(route) {
            let seconds = metrics::histogram!("leyden_http_request_seconds", "route" => route.to_owned());
            meters.insert(route.to_owned(), Meter { seconds, requests: Vec::new() });
        }
        let Some(meter) = meters.get_mut(route) else { return };
        meter.seconds.record(took);
        let known = meter.requests.iter().find(|(m, s, _)| (*m, *s) == (method, status));
        if let Some((.., counter)) = known {
            counter.increment(1);
            return;
        }
        let counter = metrics::counter!("leyden_http_requests_total", "route" => route.to_owned(), "method" => method,
            "status" => status.as_u16().to_string());
        counter.increment(1);
        meter.requests.push((method, status, counter));
    }
}
