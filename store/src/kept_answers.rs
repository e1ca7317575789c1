//! Answers that are kept to be given again: a wish is begun under its caller's key, and its answer is kept when it is
//! carried out. One whose process died in between is begun anew after a while: what it wished for knows by itself whether
//! it happened.

use crate::{
    SqlStore,
    db::{exec, opt},
};
use leyden_domain::Span;
use leyden_ports::store::{IdempotencyKey, Once, StoreError, StoredResponse};

/// After so long a wish that was begun and not ended counts as abandoned. No request lives as long.
const ABANDONED_AFTER: Span = Span::from_secs(60);

/// Begins a wish, or says what became of it.
pub(crate) async fn begin(store: &SqlStore, key: &IdempotencyKey) -> Result<Once, StoreError> {
    let key = key.clone();
    store
        .write(move |conn| {
            Box::pin(async move {
                let hash = hex::encode(key.body_hash);
                let begun: u64 = exec!(
                    conn,
                    "INSERT INTO kept_answers (caller, route, key, body_hash, created_at) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (caller, route, key) DO NOTHING",
                    key.caller.clone(),
                    key.route.clone(),
                    key.key.clone(),
                    hash.clone(),
                    key.at.ms(),
                )?;
                if begun == 1 {
                    return Ok(Once::First);
                }
                let found: Option<(String, Option<i64>, Option<String>)> = opt!(
                    conn,
                    "SELECT body_hash, status, body FROM kept_answers WHERE caller = $1 AND route = $2 AND key = $3",
                    key.caller.clone(),
                    key.route.clone(),
                    key.key.clone(),
                )?;
                match found {
                    // Whoever had it has just given it back.
                    None => Ok(Once::Running),
                    Some((of, _, _)) if of != hash => Ok(Once::OtherBody),
                    Some((_, Some(status), Some(body))) => {
                        let status = u16::try_from(status).unwrap_or(200);
                        Ok(Once::Done(StoredResponse { status, body }))
                    }
                    Some(_) => {
                        let taken: u64 = exec!(
                            conn,
                            "UPDATE kept_answers SET created_at = $4 WHERE caller = $1 AND route = $2 AND key = $3 \
                             AND status IS NULL AND created_at < $5",
                            key.caller,
                            key.route,
                            key.key,
                            key.at.ms(),
                            key.at.minus(ABANDONED_AFTER).ms(),
                        )?;
                        Ok(if taken == 1 { Once::First } else { Once::Running })
                    }
                }
            })
        })
        .await
}

/// Keeps the answer; without one the key may be used again.
pub(crate) async fn end(
    store: &SqlStore,
    key: &IdempotencyKey,
    answer: Option<StoredResponse>,
) -> Result<(), StoreError> {
    let key = key.clone();
    store
        .write(move |conn| {
            Box::pin(async move {
                match answer {
                    Some(answer) => exec!(
                        conn,
                        "UPDATE kept_answers SET status = $4, body = $5 WHERE caller = $1 AND route = $2 AND key = $3",
                        key.caller,
                        key.route,
                        key.key,
                        i64::from(answer.status),
                        answer.body,
                    )?,
                    None => exec!(
                        conn,
                        "DELETE FROM kept_answers WHERE caller = $1 AND route = $2 AND key = $3 AND status IS NULL",
                        key.caller,
                        key.route,
                        key.key,
                    )?,
                };
                Ok(())
            })
        })
        .await
}
