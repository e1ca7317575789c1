//! Broadcasting to several nodes at once. The same bytes may be offered to anybody any number of times, so there is
//! nothing to choose; what the answers mean together is the question. That one node took them is the best that can be
//! said; that nobody wants them is believed only where nobody says anything else.

use super::{Endpoint, NodePool, Standing, nobody};
use crate::node::limiter::later;
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use leyden_domain::{
    chain::{BroadcastAnswer, SignedTransaction},
    operation::{Refusal, meaning_of},
};
use leyden_ports::{ChainError, ChainWriter};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the others may take after one has taken it.
const FURTHER_PATIENCE: Duration = Duration::from_millis(1_500);

type Answer = Result<BroadcastAnswer, ChainError>;

impl NodePool {
    /// Who gets transactions, first to last. One that is behind or on another fork passes them on as well as any.
    fn receivers(&self) -> Vec<&Endpoint> {
        let willing = |endpoint: &&Endpoint| {
            endpoint.broadcasts && (self.is_alone() || endpoint.standing() != Standing::Quarantined)
        };
        let mut receivers: Vec<_> = self.endpoints.iter().filter(willing).collect();
        receivers.sort_by_key(|endpoint| (endpoint.standing() != Standing::Good, endpoint.rank()));
        receivers
    }
}

#[async_trait]
impl ChainWriter for NodePool {
    async fn broadcast(&self, transaction: &SignedTransaction) -> Answer {
        let offer = |endpoint| offer(endpoint, transaction);
        let mut waiting =
            self.receivers().into_iter().filter(|endpoint| self.is_alone() || endpoint.admits());
        let wanted = self.settings.broadcast_to.max(1);
        let mut under_way: FuturesUnordered<_> = waiting.by_ref().take(wanted).map(offer).collect();
        if under_way.is_empty() {
            // Everybody rests; a transaction is worth a trial.
            under_way.extend(self.receivers().into_iter().take(wanted).map(offer));
        }
        let mut answers = Vec::new();
        let mut until: Option<Instant> = None;
        loop {
            let next = match until {
                None => under_way.next().await,
                Some(until) => timeout_at(until, under_way.next()).await.unwrap_or_default(),
            };
            let Some(answer) = next else { break };
            match &answer {
                // It is there. The others get a moment to take it too.
                Ok(BroadcastAnswer::Accepted) => until = Some(later(Instant::now(), FURTHER_PATIENCE)),
                // Whoever said nothing is replaced by the next.
                Err(_) => under_way.extend(waiting.next().map(offer)),
                Ok(_) => {}
            }
            answers.push(answer);
        }
        merge(answers)
    }
}

async fn offer(endpoint: &Endpoint, transaction: &SignedTransaction) -> Answer {
    let answer = endpoint.client.broadcast(transaction).await;
    endpoint.note(answer.as_ref().err());
    answer
}

/// What several answers mean together: the most favourable that is true.
fn merge(answers: Vec<Answer>) -> Answer {
    let mut refusals: Vec<Refusal> = Vec::new();
    let mut trouble: Option<ChainError> = None;
    let mut was_seen = false;
    for answer in answers {
        match answer {
            Ok(BroadcastAnswer::Accepted) => return Ok(BroadcastAnswer::Accepted),
            Ok(BroadcastAnswer::Duplicate) => was_seen = true,
            Ok(BroadcastAnswer::Refused { code, message }) => refusals.push(Refusal { code, message }),
            Err(error) => trouble = Some(super::less_final(trouble, error)),
        }
    }
    if was_seen {
        return Ok(BroadcastAnswer::Duplicate);
    }
    let meaning = refusals.first().map(meaning_of);
    let all_mean_the_same = refusals.iter().all(|refusal| Some(meaning_of(refusal)) == meaning);
    match (refusals.into_iter().next(), trouble) {
        (Some(refusal), None) if all_mean_the_same => {
            Ok(BroadcastAnswer::Refused { code: refusal.code, message: refusal.message })
        }
        (Some(refusal), None) => {
            Err(ChainError::Unavailable(format!("nodes disagree about a transaction: {}", refusal.message)))
        }
        (_, Some(error)) => Err(error),
        (None, None) => Err(nobody()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leyden_domain::chain::RefusalCode;

    fn refused(code: RefusalCode) -> BroadcastAnswer {
        BroadcastAnswer::Refused { code, message: "x".to_owned() }
    }

    fn lost() -> Answer {
        Err(ChainError::Unavailable("lost".to_owned()))
    }

    #[test]
    fn the_most_favourable_true_answer_counts() {
        use BroadcastAnswer::{Accepted, Duplicate};
        use RefusalCode::{BandwithError, Busy, SigError};
        assert_eq!(merge(vec![Ok(refused(SigError)), Ok(Accepted)]), Ok(Accepted));
        assert_eq!(merge(vec![Ok(refused(SigError)), Ok(Duplicate), lost()]), Ok(Duplicate));
        assert_eq!(merge(vec![Ok(refused(SigError)), Ok(refused(SigError))]), Ok(refused(SigError)));
        assert_eq!(merge(vec![Ok(refused(BandwithError))]), Ok(refused(BandwithError)));
        assert!(merge(vec![Ok(refused(SigError)), Ok(refused(Busy))]).is_err(), "one may yet take it");
        assert!(merge(vec![Ok(refused(SigError)), Ok(refused(BandwithError))]).is_err());
        assert!(merge(vec![Ok(refused(SigError)), lost()]).is_err(), "the lost one may have taken it");
        assert!(merge(vec![lost(), lost()]).is_err());
        assert!(merge(Vec::new()).is_err());
    }
}
