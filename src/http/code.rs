//! The codes of errors. They are part of the interface: a client decides by them, so a code never changes its
//! meaning and is never removed. `docs/reference/errors.md` lists them, and a test keeps it complete.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $title:literal $title_zh:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is documented by its title")]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it stands in `code`.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The HTTP status it comes with.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)*
                }
            }

            /// A few words for people.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }

            /// The same in Chinese, which the first clients of the `energy-flash` routes speak.
            pub const fn title_zh(self) -> &'static str {
                match self {
                    $(Self::$variant => $title_zh,)*
                }
            }
        }
    };
}

codes! {
    MalformedRequest "MALFORMED_REQUEST" BAD_REQUEST "The request cannot be read" "请求无法解析";
    MalformedJson "MALFORMED_JSON" BAD_REQUEST "The body is not JSON" "请求体不是有效的 JSON";
    InvalidQuery "INVALID_QUERY" BAD_REQUEST "A query parameter is wrong" "查询参数无效";
    InvalidId "INVALID_ID" BAD_REQUEST "The id in the path is not one" "路径中的编号无效";
    InvalidCursor "INVALID_CURSOR" BAD_REQUEST "The cursor is not one of ours" "游标无效";
    IdempotencyKeyInvalid "IDEMPOTENCY_KEY_INVALID" BAD_REQUEST "The idempotency key has a bad form" "幂等键格式无效";
    IdempotencyKeyMissing "IDEMPOTENCY_KEY_MISSING" BAD_REQUEST "An idempotency key is needed" "需要幂等键";
    Unauthenticated "UNAUTHENTICATED" UNAUTHORIZED "An API key is needed" "需要 API 密钥";
    InvalidApiKey "INVALID_API_KEY" UNAUTHORIZED "The API key is not valid" "API 密钥无效";
    ScopeMissing "SCOPE_MISSING" FORBIDDEN "The API key may not do this" "API 密钥权限不足";
    FourEyes "FOUR_EYES" FORBIDDEN "Who asked for it cannot decide it" "不能批准自己提出的请求";
    NoSuchRoute "NO_SUCH_ROUTE" NOT_FOUND "There is nothing at this path" "路径不存在";
    OrderNotFound "ORDER_NOT_FOUND" NOT_FOUND "There is no such order" "订单不存在";
    PaymentNotFound "PAYMENT_NOT_FOUND" NOT_FOUND "There is no such payment" "付款不存在";
    RefundNotFound "REFUND_NOT_FOUND" NOT_FOUND "There is no such refund" "退款不存在";
    TransferNotFound "TRANSFER_NOT_FOUND" NOT_FOUND "No account of ours has sent such a transaction" "未找到该转出交易";
    QuoteNotFound "QUOTE_NOT_FOUND" NOT_FOUND "There is no such quote" "报价不存在";
    ConfigNotFound "CONFIG_NOT_FOUND" NOT_FOUND "There is no such configuration" "配置不存在";
    HaltNotFound "HALT_NOT_FOUND" NOT_FOUND "There is no such halt" "暂停记录不存在";
    ReconciliationNotFound "RECONCILIATION_NOT_FOUND" NOT_FOUND "There is no such reconciliation" "对账记录不存在";
    RepairNotFound "REPAIR_NOT_FOUND" NOT_FOUND "There is no such repair" "修复记录不存在";
    MethodNotAllowed "METHOD_NOT_ALLOWED" METHOD_NOT_ALLOWED "This path does not know the method" "不支持该请求方法";
    RequestTimeout "REQUEST_TIMEOUT" REQUEST_TIMEOUT "The request took too long to arrive" "请求超时";
    OrderNotCancellable "ORDER_NOT_CANCELLABLE" CONFLICT "The order can no longer be cancelled" "订单已无法取消";
    OrderNotHeld "ORDER_NOT_HELD" CONFLICT "The order is not held" "订单未被挂起";
    HaltNotOpen "HALT_NOT_OPEN" CONFLICT "The halt was lifted before" "暂停已解除";
    RepairNotProposed "REPAIR_NOT_PROPOSED" CONFLICT "The repair is not to be decided any more" "修复已无需审批";
    OrderNotRefundable "ORDER_NOT_REFUNDABLE" CONFLICT "The order's money cannot go back now" "订单当前无法退款";
    PaymentNotSolid "PAYMENT_NOT_SOLID" CONFLICT "The payment can still be undone" "付款尚未最终确认";
    PaymentNotOwed "PAYMENT_NOT_OWED" CONFLICT "Nothing of the payment is owed" "该付款没有应退金额";
    PaymentUnfit "PAYMENT_UNFIT" CONFLICT "The payment cannot pay for that order" "该付款不能用于此订单";
    RefundNotNow "REFUND_NOT_NOW" CONFLICT "The refund is too far, or not far enough, for that" "退款当前状态不允许此操作";
    RefundChanged "REFUND_CHANGED" CONFLICT "The refund is not what was looked at any more" "退款已变更，请重新查看";
    NothingProposed "NOTHING_PROPOSED" CONFLICT "Nothing waits for approval" "没有待批准的请求";
    AlreadyProposed "ALREADY_PROPOSED" CONFLICT "Something else waits for approval" "已有其他请求等待批准";
    IdempotencyKeyInUse "IDEMPOTENCY_KEY_IN_USE" CONFLICT "The first request with this key is still being answered" "该幂等键的首个请求仍在处理";
    Conflict "CONFLICT" CONFLICT "Somebody else changed it first" "数据已被更改，请重试";
    QuoteExpired "QUOTE_EXPIRED" CONFLICT "The quote holds no longer" "报价已过期";
    BodyTooLarge "BODY_TOO_LARGE" PAYLOAD_TOO_LARGE "The body is too large" "请求体过大";
    UriTooLong "URI_TOO_LONG" URI_TOO_LONG "Path and query are too long" "请求地址过长";
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" UNSUPPORTED_MEDIA_TYPE "The body must be application/json" "请求体必须为 application/json";
    InvalidBody "INVALID_BODY" UNPROCESSABLE_ENTITY "A member of the body is wrong" "请求参数无效";
    InvalidAddress "INVALID_ADDRESS" UNPROCESSABLE_ENTITY "Not a TRON address" "TRON 地址无效";
    InvalidTransactionHash "INVALID_TRANSACTION_HASH" UNPROCESSABLE_ENTITY "Not a transaction hash" "交易哈希无效";
    RecipientNotActivated "RECIPIENT_NOT_ACTIVATED" UNPROCESSABLE_ENTITY "The recipient address was never activated" "接收地址未激活";
    RecipientIsContract "RECIPIENT_IS_CONTRACT" UNPROCESSABLE_ENTITY "A contract cannot receive energy" "合约地址无法接收能量";
    RecipientIsOurs "RECIPIENT_IS_OURS" UNPROCESSABLE_ENTITY "The recipient is an address of this service" "接收地址属于本服务";
    RefundAddressRefused "REFUND_ADDRESS_REFUSED" UNPROCESSABLE_ENTITY "Nothing is sent to that address" "不能退款到该地址";
    CountOutOfRange "COUNT_OUT_OF_RANGE" UNPROCESSABLE_ENTITY "So many transfers cannot be bought at once" "笔数超出范围";
    DurationNotOffered "DURATION_NOT_OFFERED" UNPROCESSABLE_ENTITY "Energy is not rented for this long" "不支持该租期";
    QuoteMismatch "QUOTE_MISMATCH" UNPROCESSABLE_ENTITY "The order is not what was quoted" "订单与报价不符";
    PaymentAddressMismatch "PAYMENT_ADDRESS_MISMATCH" UNPROCESSABLE_ENTITY "The order is paid to another address" "支付地址与订单不符";
    InvalidConfig "INVALID_CONFIG" UNPROCESSABLE_ENTITY "The configuration cannot be in force" "配置内容无效";
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" UNPROCESSABLE_ENTITY "The idempotency key was used for another request" "幂等键已用于其他请求";
    RateLimited "RATE_LIMITED" TOO_MANY_REQUESTS "Too many requests" "请求过于频繁";
    Internal "INTERNAL" INTERNAL_SERVER_ERROR "Something broke on our side" "服务器内部错误";
    SalesClosed "SALES_CLOSED" SERVICE_UNAVAILABLE "No orders are taken now" "暂停接单";
    Halted "HALTED" SERVICE_UNAVAILABLE "Money stands still until an operator has looked" "服务已暂停，等待人工处理";
    PoolExhausted "POOL_EXHAUSTED" SERVICE_UNAVAILABLE "The pool cannot be expected to serve this" "能量池暂时不足";
    TailsExhausted "TAILS_EXHAUSTED" SERVICE_UNAVAILABLE "No distinct amount is free" "暂无可用的支付金额";
    TooManyOpenOrders "TOO_MANY_OPEN_ORDERS" SERVICE_UNAVAILABLE "Too many orders wait for their payment" "待支付订单过多";
    ChainUnavailable "CHAIN_UNAVAILABLE" SERVICE_UNAVAILABLE "The chain cannot be asked now" "暂时无法访问区块链节点";
    StoreUnavailable "STORE_UNAVAILABLE" SERVICE_UNAVAILABLE "The database cannot be reached now" "暂时无法访问数据库";
}

impl Code {
    /// The last part of the problem's `type`: `order-not-found`.
    pub fn slug(self) -> String {
        self.text().to_ascii_lowercase().replace('_', "-")
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn no_code_stands_for_two_things() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn the_reference_lists_every_code_with_its_status() {
        let table = include_str!("../../docs/reference/errors.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} | {} |", code.text(), code.status().as_u16(), code.title());
            assert!(table.contains(&row), "docs/reference/errors.md lacks: {row}");
        }
        let rows = table.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, Code::ALL.len(), "docs/reference/errors.md lists codes that are not there");
    }
}
