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
    tx::SignedTx,
};
use leyden_tron::wire::proto::ResponseCode;
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

/// Offers bytes.
fn offer(call: &Call<'_>, bytes: &[u8]) -> Result<Offer, Failure> {
    call.node.offer(bytes).map_err(|error| match error {
        OfferError::Lost => Failure::Lost,
        OfferError::Unreadable(why) => {
            Failure::Java { class: "com.google.protobuf.InvalidProtocolBufferException", message: why }
        }
    })
}

fn from_json(call: &Call<'_>) -> Answer {
    let tx = parse::transaction(&call.params, call.visible)?;
    let offer = offer(call, &tx.encode(None))?;
    let object = Object::new()
        .put("result", offer.code == ResponseCode::Success)
        .put("code", code(offer.code))
        .put("txid", offer.tx_id.to_string());
    Ok(object.text("message", offer.message.as_bytes(), call.visible).done())
}

fn from_hex(call: &Call<'_>) -> Answer {
    let bytes = hex::decode(call.text("transaction")).ok().ok_or_else(|| Failure::Java {
        class: "org.bouncycastle.util.encoders.DecoderException",
        message: "exception decoding Hex string: invalid characters encountered in Hex string".to_owned(),
    })?;
    let offer = offer(call, &bytes)?;
    let printed = SignedTx::decode(&bytes)
        .map(|tx| json::transaction(&tx, true).put("visible", true).done().to_string())
        .unwrap_or_default();
    Ok(json!({
        "result": offer.code == ResponseCode::Success,
        "code": code(offer.code),
        "message": offer.message,
        "transaction": printed,
        "txid": offer.tx_id.to_string(),
    }))
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
        match leyden_tron::crypto::recover(tx.id.bytes(), signature) {
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
