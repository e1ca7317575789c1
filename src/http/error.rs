//! How a request is refused: one type, one shape (RFC 9457), nothing of the inside in it.

use super::{code::Code, rate_limit::Standing};
use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use leyden_actors::{CancelError, RefundOrderError, ReleaseError};
use leyden_domain::{ArithmeticError, reconcile::SayRefusal, refund::OperatorRefusal};
use leyden_ports::{
    ChainError, StoreError,
    store::{CreateRefusal, LiftRefusal, RepairRefusal, WishError},
};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// For programs.
    pub code: Code,
    /// For people. May quote what the client sent, never what we know beyond that.
    pub detail: String,
    /// Which members of the request are to blame.
    pub errors: Vec<FieldError>,
    /// When it is worth trying again.
    pub retry_after_s: Option<u32>,
    /// Methods that the path does know.
    pub allow: Option<String>,
    /// The limit that was reached.
    pub(crate) limit: Option<Box<Standing>>,
}

/// A member of the request that is to blame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer into the body, `#/recipientAddress` (`#` is the body itself), or the name of a query parameter.
    #[schema(example = "#/recipientAddress")]
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

impl ApiError {
    /// With a text for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
            allow: None,
            limit: None,
        }
    }

    /// With the code's own title as text.
    pub fn plain(code: Code) -> Self {
        Self::new(code, code.title())
    }

    /// Blames a member of the body, by its name.
    #[must_use]
    pub fn at(self, member: &str) -> Self {
        self.blame(format!("#/{member}"))
    }

    /// Blames what a JSON pointer, or the name of a query parameter, stands for.
    #[must_use]
    pub(crate) fn blame(mut self, pointer: String) -> Self {
        let detail = self.detail.clone();
        self.errors.push(FieldError { pointer, detail });
        self
    }

    /// A query parameter is wrong.
    pub(crate) fn query(name: &str, detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidQuery, detail).blame(name.to_owned())
    }

    /// Worth trying again after so many seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// A failure of ours: noted in the log in full, told to the client as no more than that.
    pub fn internal(what: &dyn fmt::Display) -> Self {
        tracing::error!(error = %what, "a request failed for a reason of ours");
        Self::plain(Code::Internal)
    }

    /// As a response. `language` is what the client asked for.
    pub fn respond(&self, request_id: &str, language: Language) -> HttpResponse<BoxBody> {
        let (title, detail) = match language {
            Language::English => (self.code.title(), self.detail.as_str()),
            Language::Chinese if self.detail == self.code.title() => {
                (self.code.title_zh(), self.code.title_zh())
            }
            Language::Chinese => (self.code.title_zh(), self.detail.as_str()),
        };
        let status = self.code.status();
        let problem = Problem {
            kind: format!("urn:leyden:problem:{}", self.code.slug()),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            instance: format!("urn:uuid:{request_id}"),
            code: self.code.text().to_owned(),
            success: false,
            message: detail.to_owned(),
            error: detail.to_owned(),
            errors: self.errors.clone(),
        };
        let mut response = HttpResponseBuilder::new(status);
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            response.insert_header((header::ALLOW, allow));
        }
        for header in self.limit.as_deref().cloned().into_iter().flat_map(Standing::headers) {
            response.insert_header(header);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"leyden\""));
        }
        match serde_json::to_vec(&problem) {
            Ok(body) => response.content_type("application/problem+json").body(body),
            Err(_) => response.finish(),
        }
    }
}

/// The languages that errors are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// The default.
    #[default]
    English,
    /// For clients that prefer it.
    Chinese,
}

impl Language {
    /// The language that an `Accept-Language` header prefers among those we speak; of equal ones the first.
    pub fn preferred(header: Option<&HeaderValue>) -> Self {
        let Some(text) = header.and_then(|value| value.to_str().ok()) else { return Self::English };
        let mut best = (Self::English, 0);
        for item in text.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let language = match tag.split('-').next() {
                Some("zh") => Self::Chinese,
                Some("en" | "*") => Self::English,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1_000, thousandths);
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }
}

/// A weight of 0 to 1 with at most three places, in thousandths; what is none counts for nothing.
fn thousandths(text: &str) -> u32 {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = places.len() <= 3 && places.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{places:0<3}").parse().unwrap_or(0),
        "1" if digits => 1_000,
        _ => 0,
    }
}

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:leyden:problem:order-not-found")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The request's id.
    #[schema(example = "urn:uuid:0198a2f0-7c5e-7d1e-9a30-0a1b2c3d4e5f")]
    pub instance: String,
    /// For programs; see `docs/reference/errors.md`.
    #[schema(example = "ORDER_NOT_FOUND")]
    pub code: String,
    /// Always false.
    pub success: bool,
    /// Repeats `detail`.
    pub message: String,
    /// Repeats `detail`.
    pub error: String,
    /// Which members of the request are to blame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.text(), self.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Without the request at hand; the guard renders it again with the request's id and language.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.respond("00000000-0000-0000-0000-000000000000", Language::English)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict(_) => Self::plain(Code::Conflict).retry_after(1),
            StoreError::Unavailable(_) | StoreError::Fenced => {
                tracing::warn!(%error, "the database did not answer a request");
                Self::plain(Code::StoreUnavailable).retry_after(5)
            }
            StoreError::Halted(_) => Self::plain(Code::Halted).retry_after(60),
            StoreError::Inconsistent { .. } | StoreError::Rule(_) => Self::internal(&error),
        }
    }
}

impl From<ChainError> for ApiError {
    fn from(error: ChainError) -> Self {
        tracing::warn!(%error, "the chain did not answer a request");
        Self::plain(Code::ChainUnavailable).retry_after(5)
    }
}

impl From<CreateRefusal> for ApiError {
    fn from(refusal: CreateRefusal) -> Self {
        match refusal {
            CreateRefusal::TailsExhausted => Self::plain(Code::TailsExhausted).retry_after(60),
            CreateRefusal::TooManyOpen => Self::plain(Code::TooManyOpenOrders).retry_after(30),
            CreateRefusal::KeyReused => Self::plain(Code::IdempotencyKeyReused),
            CreateRefusal::Store(error) => error.into(),
        }
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NoOrder => Self::plain(Code::OrderNotFound),
            CancelError::TooLate(order) => Self::new(
                Code::OrderNotCancellable,
                format!("the order is {} and can no longer be cancelled", order.state.kind().name()),
            ),
            CancelError::Store(error) => error.into(),
        }
    }
}

impl From<ReleaseError> for ApiError {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::NoOrder => Self::plain(Code::OrderNotFound),
            ReleaseError::NotHeld(order) => {
                Self::new(Code::OrderNotHeld, format!("the order is {}, not held", order.state.kind().name()))
            }
            ReleaseError::Store(error) => error.into(),
        }
    }
}

impl From<RepairRefusal> for ApiError {
    fn from(refusal: RepairRefusal) -> Self {
        match refusal {
            RepairRefusal::NoRepair => Self::plain(Code::RepairNotFound),
            RepairRefusal::NotProposed(repair) => {
                Self::new(Code::RepairNotProposed, format!("the repair is {}", repair.state.name()))
            }
            RepairRefusal::Rule(SayRefusal::SamePerson) => Self::plain(Code::FourEyes),
            RepairRefusal::Rule(SayRefusal::NotProposed) => Self::plain(Code::RepairNotProposed),
            RepairRefusal::Rule(refusal @ (SayRefusal::NotAChoice(_) | SayRefusal::Unnamed(_))) => {
                Self::new(Code::InvalidBody, refusal.to_string()).at("kind")
            }
            RepairRefusal::Store(error) => error.into(),
        }
    }
}

impl From<LiftRefusal> for ApiError {
    fn from(refusal: LiftRefusal) -> Self {
        match refusal {
            LiftRefusal::NoHalt => Self::plain(Code::HaltNotFound),
            LiftRefusal::NotOpen(_) => Self::plain(Code::HaltNotOpen),
            LiftRefusal::Store(error) => error.into(),
        }
    }
}

impl From<RefundOrderError> for ApiError {
    fn from(error: RefundOrderError) -> Self {
        match error {
            RefundOrderError::NoOrder => Self::plain(Code::OrderNotFound),
            RefundOrderError::NotPaid(ref order) | RefundOrderError::TooLate(ref order) => {
                Self::new(Code::OrderNotRefundable, format!("{error}: it is {}", order.state.kind().name()))
            }
            RefundOrderError::NoReason => {
                Self::new(Code::InvalidBody, "1 to 500 printable characters").at("reason")
            }
            RefundOrderError::Store(error) => error.into(),
        }
    }
}

impl From<WishError> for ApiError {
    fn from(error: WishError) -> Self {
        match error {
            WishError::Nothing => Self::plain(Code::PaymentNotFound),
            WishError::NotSolid => Self::plain(Code::PaymentNotSolid).retry_after(60),
            WishError::NotOwed => Self::plain(Code::PaymentNotOwed),
            WishError::NoOrder => Self::plain(Code::OrderNotFound),
            WishError::Unfit(why) => {
                Self::new(Code::PaymentUnfit, format!("the payment cannot pay for that order: {why}"))
            }
            WishError::Refused(why) => why.into(),
            WishError::Store(error) => error.into(),
        }
    }
}

impl From<OperatorRefusal> for ApiError {
    fn from(refusal: OperatorRefusal) -> Self {
        match refusal {
            OperatorRefusal::Step(step) => {
                Self::new(Code::RefundNotNow, format!("the refund is {}", step.state.name()))
            }
            OperatorRefusal::Own => Self::plain(Code::FourEyes),
            OperatorRefusal::Changed { version } => {
                Self::new(Code::RefundChanged, format!("it is of version {version} now")).at("version")
            }
            OperatorRefusal::NothingProposed => Self::plain(Code::NothingProposed),
            OperatorRefusal::AlreadyProposed => Self::plain(Code::AlreadyProposed),
            OperatorRefusal::Address => Self::plain(Code::RefundAddressRefused).at("address"),
            OperatorRefusal::NoReason => {
                Self::new(Code::InvalidBody, "1 to 500 printable characters").at("reason")
            }
        }
    }
}

impl From<ArithmeticError> for ApiError {
    fn from(error: ArithmeticError) -> Self {
        Self::internal(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, Code, Language};
    use actix_web::{body::to_bytes, http::header::HeaderValue};
    use leyden_ports::StoreError;

    async fn body(error: &ApiError, language: Language) -> serde_json::Value {
        let response = error.respond("0198a2f0-7c5e-7d1e-9a30-0a1b2c3d4e5f", language);
        let bytes = to_bytes(response.into_body()).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[actix_web::test]
    async fn a_refusal_has_every_member_that_old_and_new_clients_read() {
        let error = ApiError::new(Code::InvalidAddress, "checksum does not match").at("recipientAddress");
        let body = body(&error, Language::English).await;
        assert_eq!(body["type"], "urn:leyden:problem:invalid-address");
        assert_eq!(body["status"], 422);
        assert_eq!(body["code"], "INVALID_ADDRESS");
        assert_eq!(body["success"], false);
        assert_eq!(body["message"], "checksum does not match");
        assert_eq!(body["error"], "checksum does not match");
        assert_eq!(body["errors"][0]["pointer"], "#/recipientAddress");
        assert_eq!(body["instance"], "urn:uuid:0198a2f0-7c5e-7d1e-9a30-0a1b2c3d4e5f");
    }

    #[actix_web::test]
    async fn nothing_of_the_inside_reaches_the_client() {
        let error = ApiError::from(StoreError::Rule("UNIQUE constraint failed: orders.tail".to_owned()));
        let text = body(&error, Language::English).await.to_string();
        assert!(!text.contains("UNIQUE"), "{text}");
    }

    #[actix_web::test]
    async fn chinese_is_told_to_those_who_prefer_it() {
        let chinese = HeaderValue::from_static("fr;q=0.9, zh-CN, en;q=0.5");
        assert_eq!(Language::preferred(Some(&chinese)), Language::Chinese);
        let prefers = |text| Language::preferred(Some(&HeaderValue::from_static(text)));
        assert_eq!(prefers("en;q=0.5, zh;q=0.9"), Language::Chinese);
        assert_eq!(prefers("zh;q=0.5, *;q=0.8"), Language::English);
        assert_eq!(prefers("zh;q=0, fr"), Language::English);
        assert_eq!(prefers("zh;q=0.001"), Language::Chinese);
        assert_eq!(prefers("zh;q=high"), Language::English);
        assert_eq!(Language::preferred(None), Language::English);
        let body = body(&ApiError::plain(Code::OrderNotFound), Language::Chinese).await;
        assert_eq!(body["message"], "订单不存在");
    }
}
