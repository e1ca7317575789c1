//! What people are told of a payment that they ask after: each outcome and each rule in a sentence, and what can be done.

use crate::http::error::Language;

/// What is so, and what can be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) message: &'static str,
    pub(super) advice: &'static str,
}

/// One row: the name, then message and advice in English and in Chinese.
type Row = (&'static str, [&'static str; 4]);

const OUTCOMES: &[Row] = &[
    (
        "recorded",
        ["The transaction is in our books.", "See each payment.", "该交易已记录。", "请查看各笔付款。"],
    ),
    (
        "not_seen",
        [
            "No node knows this transaction.",
            "Check the hash, and whether the wallet really sent it. If it did, ask again in a minute.",
            "节点尚未发现该交易。",
            "请核对交易哈希，并确认钱包已发送；若已发送，请一分钟后再查询。",
        ],
    ),
    (
        "waiting",
        [
            "The transaction is known and in no block yet.",
            "Wait. It either gets into a block within its lifetime or costs nothing.",
            "交易已广播，尚未打包进区块。",
            "请稍候。若在有效期内未被打包，则不会扣款。",
        ],
    ),
    (
        "failed",
        [
            "The transaction is in a block, and failed there: nothing was paid.",
            "Pay again; the order's amount stays the same until the order expires.",
            "交易已上链但执行失败，未产生付款。",
            "请重新付款；订单过期前金额不变。",
        ],
    ),
    (
        "pays_others",
        [
            "The transaction pays nothing to an address of ours.",
            "Compare where it went with the order's payment address. What went elsewhere we cannot bring back.",
            "该交易没有向我们的地址付款。",
            "请核对收款地址；付到其他地址的款项我们无法找回。",
        ],
    ),
    (
        "maybe_by_contract",
        [
            "The transaction calls a contract. The node that was asked shows no payment to us in it, but not every node \
             shows the TRX that contracts send.",
            "If it was to pay us, wait some minutes and ask again; then ask the operator, and name this transaction. What \
             our addresses hold is compared with our books, and what is missing there is looked for at every node.",
            "该交易调用了合约。所询问的节点未显示其向我们付款，但并非所有节点都会显示合约转出的 TRX。",
            "若该交易是向我们付款，请几分钟后再查询；仍未找到时请联系运营方并提供交易哈希。我们会将地址余额与账本核对，并向所有节点查找缺失的付款。",
        ],
    ),
    (
        "other_token",
        [
            "The transaction pays in a token that is not taken here.",
            "Pay the order in TRX. For the token that was sent, ask the operator.",
            "该交易使用了不支持的代币。",
            "请用 TRX 支付订单；已转入的代币请联系运营方。",
        ],
    ),
    (
        "dust",
        [
            "The amount is below the smallest that is recorded.",
            "Pay the order's exact amount. So little is not sent back.",
            "金额低于最小记录金额。",
            "请按订单的准确金额付款；过小的金额不予退回。",
        ],
    ),
    (
        "ahead",
        [
            "The transaction is in a block that we are about to read.",
            "Wait a few seconds; nothing needs to be done.",
            "交易所在区块即将被读取。",
            "请等待几秒，无需操作。",
        ],
    ),
    (
        "before_first",
        [
            "The transaction is in a block from before this service began to read the chain.",
            "Ask the operator.",
            "该交易早于本服务开始读取的区块。",
            "请联系运营方。",
        ],
    ),
    (
        "other_fork",
        [
            "A node shows the transaction in a block that we have read without it: the chain has forked there.",
            "Ask again in a minute, when the fork is decided.",
            "节点显示该交易位于另一条分叉上。",
            "请一分钟后再查询，等待分叉确定。",
        ],
    ),
    (
        "unknown",
        [
            "The transaction is not in our books, and no node could be asked about it.",
            "Ask again in a few seconds.",
            "账本中没有该交易，且暂时无法询问节点。",
            "请几秒后再查询。",
        ],
    ),
];

const RULES: &[Row] = &[
    (
        "pending",
        [
            "It is recorded and about to be looked at.",
            "Wait a few seconds; nothing needs to be done.",
            "付款已记录，即将处理。",
            "请等待几秒，无需操作。",
        ],
    ),
    ("settled", ["It pays for an order.", "Nothing needs to be done.", "该付款已用于订单。", "无需操作。"]),
    (
        "over",
        [
            "It pays for an order, and is more than the order could take.",
            "Nothing needs to be done; what was too much is the payer's.",
            "该付款已用于订单，且超出订单所需。",
            "无需操作；多付部分归付款人所有。",
        ],
    ),
    (
        "under",
        [
            "It names an order by its last digits, and is less than the order costs.",
            "Pay the rest from the same address while the order waits, or the exact amount anew; else it goes back.",
            "金额尾数对应某订单，但少于订单价格。",
            "订单有效期内请用同一地址补足差额，或另付准确金额；否则将退款。",
        ],
    ),
    (
        "part",
        [
            "It is a part of what an order costs; another payment of the same sender has brought the rest.",
            "Nothing needs to be done: the two pay for the order together.",
            "该付款为订单的一部分，同一付款人已补足差额。",
            "无需操作：两笔付款共同支付该订单。",
        ],
    ),
    (
        "late",
        [
            "It came when the time of its order was over.",
            "The money stays the payer's. Make a new order.",
            "付款到达时订单已过期。",
            "款项仍归付款人。请重新下单。",
        ],
    ),
    (
        "second",
        [
            "Its order was already paid.",
            "The money stays the payer's. Make a new order to buy more.",
            "该订单此前已支付。",
            "款项仍归付款人。如需更多请重新下单。",
        ],
    ),
    (
        "no_order",
        [
            "The amount fits no open order, and is no plain multiple of the price.",
            "The money stays the payer's. Amounts are exact to the sun: pay what the order says.",
            "金额不符合任何未付订单，也不是单价的整数倍。",
            "款项仍归付款人。请严格按订单金额付款。",
        ],
    ),
    (
        "ambiguous",
        [
            "The amount fits more than one order, and nobody guesses which.",
            "Ask the operator, and say which order was meant.",
            "金额同时符合多个订单，无法判断。",
            "请联系运营方并说明对应的订单。",
        ],
    ),
    (
        "orderless_off",
        [
            "The amount is a plain multiple of the price, and nothing is sold without an order now.",
            "The money stays the payer's. Make an order and pay its exact amount.",
            "金额为单价整数倍，但当前不支持无订单购买。",
            "款项仍归付款人。请先下单再付准确金额。",
        ],
    ),
    (
        "sender_denied",
        [
            "It was sent from an exchange's own wallet, which can neither receive energy nor take money back.",
            "Ask the operator. Pay from a wallet of your own.",
            "付款来自交易所钱包，无法接收能量，也无法退款。",
            "请联系运营方，并使用自己的钱包付款。",
        ],
    ),
    (
        "wrong_asset",
        [
            "It was paid in USDT, which buys nothing here.",
            "The money stays the payer's. Pay the order in TRX.",
            "该付款为 USDT，此处不接受。",
            "款项仍归付款人。请用 TRX 支付订单。",
        ],
    ),
    (
        "unusable_sender",
        [
            "The amount is a plain multiple of the price, and its sender is a contract, which cannot receive energy.",
            "Make an order for an ordinary address.",
            "付款人为合约地址，无法接收能量。",
            "请为普通地址下单。",
        ],
    ),
    (
        "one_node",
        [
            "One node alone shows it, and it is more than one node is believed.",
            "Nothing needs to be done: the operator looks at it.",
            "目前只有一个节点显示这笔付款，且金额超过单个节点的信任上限。",
            "无需操作，运营方会核实。",
        ],
    ),
];

/// What is said of a whole transaction.
pub(super) fn of_outcome(name: &str, language: Language) -> Text {
    find(OUTCOMES, name, language)
}

/// What is said of one payment.
pub(super) fn of_rule(name: &str, language: Language) -> Text {
    find(RULES, name, language)
}

fn find(table: &[Row], name: &str, language: Language) -> Text {
    let found = table.iter().find(|(known, _)| *known == name).map(|(_, texts)| texts);
    let [message, advice, message_zh, advice_zh] = found.copied().unwrap_or_default();
    match language {
        Language::English => Text { message, advice },
        Language::Chinese => Text { message: message_zh, advice: advice_zh },
    }
}

#[cfg(test)]
mod tests {
    use super::{OUTCOMES, RULES, of_outcome, of_rule};
    use crate::http::error::Language;
    use leyden_domain::payment::{Absence, SuspenseReason};

    #[test]
    fn everything_that_can_be_said_has_its_text_in_both_languages() {
        use Absence as A;
        use SuspenseReason as S;
        let absences = [
            A::NotSeen,
            A::Waiting,
            A::Failed,
            A::PaysOthers,
            A::MaybeByContract,
            A::OtherToken,
            A::Dust,
            A::Ahead,
            A::BeforeFirst,
            A::OtherFork,
        ];
        let reasons = [
            S::NoOrder,
            S::Ambiguous,
            S::OrderlessOff,
            S::SenderDenied,
            S::WrongAsset,
            S::UnusableSender,
            S::OneNode,
        ];
        let outcomes = absences.map(Absence::name).into_iter().chain(["recorded", "unknown"]);
        let rules = ["pending", "settled", "over", "under", "part", "late", "second"];
        let rules = rules.into_iter().chain(reasons.map(SuspenseReason::name));
        let texts: Vec<_> = [Language::English, Language::Chinese]
            .into_iter()
            .flat_map(|language| {
                let said = outcomes.clone().map(move |name| of_outcome(name, language));
                said.chain(rules.clone().map(move |name| of_rule(name, language)))
            })
            .collect();
        assert!(texts.iter().all(|text| !text.message.is_empty() && !text.advice.is_empty()));
        assert_eq!(texts.len(), 2 * (OUTCOMES.len() + RULES.len()), "no row is for nobody");
    }
}
