//! Taking transactions, and saying who signed them.

use super::{
    call::{Answer, Call, Failure},
    json::{self, Object},
    parse,
};
use crate::{
    View,
    node::{Offer, OfferError},
    permission,
    tx::{Envelope, SignedTx, TxError},
};
use leyden_tron::{
    crypto,
    wire::proto::{ResponseCode, TransactionRaw},
};
use prost::Message;
use serde_json::{Value, json};

pub(super) fn answer(call: &Call<'_>) -> Option<Answer> {
    Some(match call.method.as_str() {
        "broadcasttransaction" => from_json(call),
        "broadcasthex" => from_hex(call),
        "getsignweight" => sign_weight(call),
        "getapprovedlist" => approved(call),
        _ => return None,
    })
}

/// The protocol's name of an answer.
fn code(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::Success => "SUCCESS",
        ResponseCode::Sigerror => "SIGERROR",
        ResponseCode::ContractValidateError => "CONTRACT_VALIDATE_ERROR",
        ResponseCode::ContractExeError => "CONTRACT_EXE_ERROR",
        ResponseCode::BandwithError => "BANDWITH_ERROR",
        ResponseCode::DupTransactionError => "DUP_TRANSACTION_ERROR",
        ResponseCode::TaposError => "TAPOS_ERROR",
        ResponseCode::TooBigTransactionError => "TOO_BIG_TRANSACTION_ERROR",
        ResponseCode::TransactionExpirationError => "TRANSACTION_EXPIRATION_ERROR",
        ResponseCode::ServerBusy => "SERVER_BUSY",
        ResponseCode::NoConnection => "NO_CONNECTION",
        ResponseCode::NotEnoughEffectiveConnection => "NOT_ENOUGH_EFFECTIVE_CONNECTION",
        ResponseCode::BlockUnsolidified => "BLOCK_UNSOLIDIFIED",
        ResponseCode::OtherError => "OTHER_ERROR",
    }
}

/// What protobuf says of bytes that end too early, and of most that are none of its own.
const TRUNCATED: &str = "While parsing a protocol message, the input ended unexpectedly in the middle of a field.  \
    This could mean either that the input has been truncated or that an embedded message misreported its own length.";

/// Bytes that are no transaction.
fn unreadable(message: impl Into<String>) -> Failure {
    Failure::Java { class: "com.google.protobuf.InvalidProtocolBufferException", message: message.into() }
}

/// Offers bytes.
fn offer(call: &Call<'_>, bytes: &[u8]) -> Result<Offer, Failure> {
    call.node.offer(bytes).map_err(|error| match error {
        OfferError::Lost => Failure::Lost,
        OfferError::Unreadable(why) => unreadable(why),
    })
}

fn from_json(call: &Call<'_>) -> Answer {
    let tx = parse::transaction(&call.params, call.visible)?;
    let offer = offer(call, &tx.encode(None))?;
    // A protocol message: success is its first code, and false is nothing.
    let object = Object::new()
        .flag("result", offer.code == ResponseCode::Success)
        .name("code", code(offer.code), "SUCCESS")
        .put("txid", offer.tx_id.to_string());
    Ok(object.text("message", offer.message.as_bytes(), call.visible).done())
}

fn from_hex(call: &Call<'_>) -> Answer {
    let bytes = hex::decode(call.text("transaction")).ok().ok_or_else(|| Failure::Java {
        class: "org.bouncycastle.util.encoders.DecoderException",
        message: "exception decoding Hex string: invalid characters encountered in Hex string".to_owned(),
    })?;
    match SignedTx::decode(&bytes) {
        Ok(tx) => {
            let offer = offer(call, &bytes)?;
            Ok(hex_answer(&offer, &json::opaque(&tx.raw, &tx.signatures)))
        }
        Err(TxError::Malformed(_)) => Err(unreadable(TRUNCATED)),
        Err(TxError::ContractCount(0)) => empty(&bytes),
        Err(other) => Err(unreadable(other.to_string())),
    }
}

/// The answer to bytes, which is put together by hand: nothing is left out, and the transaction is text in it.
fn hex_answer(offer: &Offer, printed: &Value) -> Value {
    json!({
        "result": offer.code == ResponseCode::Success,
        "code": code(offer.code),
        "message": offer.message,
        "transaction": printed.to_string(),
        "txid": offer.tx_id.to_string(),
    })
}

/// The answer to a transaction that does nothing, as that of no bytes.
fn empty(bytes: &[u8]) -> Answer {
    let envelope = Envelope::decode(bytes).ok().ok_or_else(|| unreadable(TRUNCATED))?;
    let raw =
        TransactionRaw::decode(envelope.raw_data.as_slice()).ok().ok_or_else(|| unreadable(TRUNCATED))?;
    let offer = Offer {
        tx_id: crypto::tx_id(&envelope.raw_data),
        code: ResponseCode::ContractValidateError,
        message: "Contract validate error : No contract!".to_owned(),
    };
    Ok(hex_answer(&offer, &json::opaque(&raw, &envelope.signature)))
}

/// The transaction as these two methods repeat it.
fn repeated(call: &Call<'_>, tx: &SignedTx) -> Value {
    json!({
        "result": { "result": true },
        "txid": tx.id.to_string(),
        "transaction": json::transaction(tx, call.visible).put("visible", call.visible).done(),
    })
}

fn sign_weight(call: &Call<'_>) -> Answer {
    let tx = parse::transaction(&call.params, call.visible)?;
    let lens = call.lens()?;
    let account = lens.chain.account(View::Pending, &tx.owner);
    let object = Object::new().put("transaction", repeated(call, &tx));
    Ok(match permission::weigh(account, &tx) {
        Ok(found) => {
            let enough = found.weight >= found.permission.threshold;
            let approved = found
                .approved
                .iter()
                .map(|one| json::address(&one.to_bytes(), call.visible).into())
                .collect();
            object
                .put("permission", json::permission(&found.permission, call.visible))
                .list("approved_list", approved)
                .number("current_weight", found.weight)
                .put("result", if enough { json!({}) } else { json!({ "code": "NOT_ENOUGH_PERMISSION" }) })
        }
        Err(text) => object.put("result", json!({ "code": "PERMISSION_ERROR", "message": text })),
    }
    .done())
}

fn approved(call: &Call<'_>) -> Answer {
    let tx = parse::transaction(&call.params, call.visible)?;
    let mut approved = Vec::new();
    for signature in &tx.signatures {
        match crypto::recover(tx.id.bytes(), signature) {
            Ok(signer) => approved.push(json::address(&signer.to_bytes(), call.visible).into()),
            Err(error) => {
                let result = json!({ "code": "SIGNATURE_FORMAT_ERROR", "message": error.to_string() });
                return Ok(json!({ "result": result, "transaction": repeated(call, &tx) }));
            }
        }
    }
    Ok(Object::new()
        .list("approved_list", approved)
        .put("result", json!({ "code": "SUCCESS" }))
        .put("transaction", repeated(call, &tx))
        .done())
}
