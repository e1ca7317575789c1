//! Broadcasting. Sent once: an answer that got lost is no reason to send from here again, because only the
//! caller knows what was committed.

use super::{NodeClient, answer::excerpt, calls::readable, client::from_json};
use crate::wire::answers;
use async_trait::async_trait;
use leyden_domain::chain::{BroadcastAnswer, RefusalCode, SignedTransaction};
use leyden_ports::{ChainError, ChainWriter};
use serde_json::json;

#[async_trait]
impl ChainWriter for NodeClient {
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<BroadcastAnswer, ChainError> {
        // The hexadecimal form hands the bytes on as they are; the JSON form would have them built anew.
        let request = json!({ "transaction": hex::encode(&transaction.bytes) });
        let body = self.transport.post("/wallet/broadcasthex", &request).await?;
        let answer: answers::Broadcast = from_json(&body)?;
        let names_another =
            answer.txid.as_deref().is_some_and(|id| !id.is_empty() && id.parse() != Ok(transaction.tx_id));
        if names_another {
            return Err(ChainError::Malformed("broadcast answer names another transaction".to_owned()));
        }
        read_answer(answer)
    }
}

fn read_answer(answer: answers::Broadcast) -> Result<BroadcastAnswer, ChainError> {
    let code = match answer.code.as_deref() {
        None | Some("SUCCESS") if answer.result => return Ok(BroadcastAnswer::Accepted),
        None => return Err(ChainError::Malformed("broadcast answer without a code".to_owned())),
        Some("DUP_TRANSACTION_ERROR") => return Ok(BroadcastAnswer::Duplicate),
        Some("SIGERROR") => RefusalCode::SigError,
        Some("CONTRACT_VALIDATE_ERROR") => RefusalCode::ContractValidateError,
        Some("CONTRACT_EXE_ERROR") => RefusalCode::ContractExeError,
        Some("BANDWITH_ERROR") => RefusalCode::BandwithError,
        Some("TAPOS_ERROR") => RefusalCode::TaposError,
        Some("TOO_BIG_TRANSACTION_ERROR") => RefusalCode::TooBigTransactionError,
        Some("TRANSACTION_EXPIRATION_ERROR") => RefusalCode::TransactionExpirationError,
        Some("SERVER_BUSY" | "NO_CONNECTION" | "NOT_ENOUGH_EFFECTIVE_CONNECTION" | "BLOCK_UNSOLIDIFIED") => {
            RefusalCode::Busy
        }
        Some(_) => RefusalCode::OtherError,
    };
    let message = match (answer.message, code) {
        (Some(message), _) => readable(&message),
        (None, RefusalCode::OtherError) => excerpt(answer.code.as_deref().unwrap_or_default()),
        (None, _) => String::new(),
    };
    Ok(BroadcastAnswer::Refused { code, message })
}
