//! A cache in Redis, shared by all instances of the service.
//!
//! `prefix` + `tag:name` holds a text in its [envelope](super::envelope); `prefix` + `@generation:tag` and
//! `prefix` + `@epoch:…` hold marks. A text counts while both marks are the ones it was put with. A mark is a random
//! number and not a counter: where it is lost (evicted, flushed) a new one brings nothing back.

use super::{
    envelope,
    link::{self, Live, MARKS_S, RedisOptions, Shared},
    memory::duration,
};
use async_trait::async_trait;
use leyden_domain::Span;
use leyden_ports::{Cache, CacheError, CacheKey, Entropy, Generation, Look, TierStatus};
use std::{convert::Infallible, fmt, io, sync::Arc};
use tokio::sync::oneshot;

pub use super::link::Heard;

/// The cache in Redis. It connects by itself, and answers with an error at once while it is not connected.
pub struct RedisCache {
    shared: Arc<Shared>,
    /// Dropped with this; that ends the keeper.
    _keeper: oneshot::Sender<Infallible>,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// A mark as it was written by us.
fn mark(bytes: Option<&Vec<u8>>) -> Option<u64> {
    let text = std::str::from_utf8(bytes?).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

fn stamp(epoch: Option<&Vec<u8>>, generation: Option<&Vec<u8>>) -> Option<u128> {
    Some(u128::from(mark(epoch)?) << 64 | u128::from(mark(generation)?))
}

/// What was found in Redis.
pub(super) enum There {
    /// The text and how long it may still be kept.
    Found(Arc<str>, Span),
    /// Nothing, as of this stamp.
    Missing(u128),
}

impl RedisCache {
    /// A cache that begins to connect in the background. `heard` is told what other instances forget.
    pub fn start(
        options: RedisOptions,
        entropy: Arc<dyn Entropy>,
        heard: impl Fn(Heard<'_>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (shared, keeper) = link::start(options, entropy, Box::new(heard))?;
        Ok(Self { shared, _keeper: keeper })
    }

    /// What is kept under a key.
    pub(super) async fn find(&self, key: &CacheKey) -> Result<There, CacheError> {
        let options = &self.shared.options;
        let live = self.shared.for_tag(key.tag())?;
        let name = options.key(key);
        let (epoch, generation) = (options.epoch(key.changes()), options.generation(key.tag()));
        let mut pipe = redis::pipe();
        pipe.cmd("MGET").arg(&name).arg(&epoch).arg(&generation).cmd("PTTL").arg(&name);
        let (values, left): (Vec<Option<Vec<u8>>>, i64) = self.shared.ask(&live, &pipe).await?;
        let at = |index: usize| values.get(index).and_then(Option::as_ref);
        let Some(stamp) = stamp(at(1), at(2)) else {
            self.shared.tally.looked(false);
            return self.begin(&live, &epoch, &generation).await.map(There::Missing);
        };
        let text = at(0)
            .filter(|_| left > 0)
            .and_then(|sealed| envelope::open(options.realm(), &name, stamp, sealed));
        self.shared.tally.looked(text.is_some());
        Ok(match text {
            Some(text) => There::Found(text.into(), Span::from_ms(left)),
            None => There::Missing(stamp),
        })
    }

    /// Writes marks where there are none, and where something else lies in their place.
    async fn begin(&self, live: &Live, epoch: &str, generation: &str) -> Result<u128, CacheError> {
        let marks = [epoch, generation];
        let mut pipe = redis::pipe();
        for name in marks {
            pipe.cmd("SET").arg(name).arg(self.shared.token()).arg("NX").arg("EX").arg(MARKS_S).ignore();
        }
        pipe.cmd("MGET").arg(&marks);
        let (values,): (Vec<Option<Vec<u8>>>,) = self.shared.ask(live, &pipe).await?;
        if let [first, second] = values.as_slice()
            && let Some(stamp) = stamp(first.as_ref(), second.as_ref())
        {
            return Ok(stamp);
        }
        let tokens = [self.shared.token(), self.shared.token()];
        let mut pipe = redis::pipe();
        for (name, token) in marks.into_iter().zip(&tokens) {
            pipe.cmd("SET").arg(name).arg(token).arg("EX").arg(MARKS_S).ignore();
        }
        self.shared.ask::<()>(live, &pipe).await?;
        let [first, second] = tokens.map(String::into_bytes);
        stamp(Some(&first), Some(&second)).ok_or_else(|| CacheError("a mark cannot be read".to_owned()))
    }

    /// How this tier is.
    pub(super) fn status(&self) -> TierStatus {
        let problem = self.shared.problem();
        self.shared.tally.status("redis", problem.is_none(), problem)
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn look(&self, key: &CacheKey) -> Result<Look, CacheError> {
        Ok(match self.find(key).await? {
            There::Found(text, _) => Look::Found(text),
            There::Missing(stamp) => Look::Missing(Generation { here: 0, shared: Some(stamp) }),
        })
    }

    async fn put(
        &self,
        key: &CacheKey,
        value: Arc<str>,
        ttl: Span,
        as_of: Generation,
    ) -> Result<(), CacheError> {
        let name = self.shared.options.key(key);
        let mut pipe = redis::pipe();
        match (duration(ttl), as_of.shared) {
            (None, _) => pipe.cmd("DEL").arg(&name),
            // Where the tag was forgotten meanwhile the stamp is an old one, and what lies there counts for nobody.
            (Some(_), Some(stamp)) => {
                let sealed = envelope::seal(self.shared.options.realm(), &name, stamp, &value);
                pipe.cmd("SET").arg(&name).arg(sealed).arg("PX").arg(ttl.ms())
            }
            // Nobody knows whether it has been forgotten since.
            (Some(_), None) => return Ok(()),
        }
        .ignore();
        let live = self.shared.for_tag(key.tag())?;
        self.shared.ask(&live, &pipe).await
    }

    async fn forget(&self, tag: &str) -> Result<(), CacheError> {
        let moment = self.shared.owe(tag);
        let Some(live) = self.shared.live() else {
            return Err(CacheError("Redis will be told when it is back".to_owned()));
        };
        let mut pipe = redis::pipe();
        self.shared.write_forget(&mut pipe, tag);
        self.shared.ask::<()>(&live, &pipe).await?;
        self.shared.settled(tag, moment);
        Ok(())
    }

    fn tiers(&self) -> Vec<TierStatus> {
        vec![self.status()]
    }
}
