//! What goes wrong with the books: refused reads and commits, answers that are lost after the commit, answers that take
//! their time, and what a power cut takes of commits that did not wait for the disk.

use super::{
    dice::{Concern, Dice},
    profile::Profile,
};
use async_trait::async_trait;
use leyden_ports::store::{Durability, StoreError};
use leyden_store::{Gate, SqlStore};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The gate of one thread's books, for one world after another.
pub(super) struct SimGate {
    weather: Mutex<Weather>,
    /// Whether things go wrong now.
    faulty: AtomicBool,
    /// The world itself looks at the books.
    paused: AtomicBool,
    /// Commits so far.
    commits: AtomicU64,
    store: Mutex<Weak<SqlStore>>,
}

/// How one world's books fail.
struct Weather {
    profile: Profile,
    dice: Arc<Dice>,
    /// Whether a power cut takes what did not wait for the disk.
    loses: bool,
    /// The books before the first commit that did not.
    on_disk: Option<Vec<u8>>,
}

impl fmt::Debug for SimGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimGate").field("commits", &self.commits).finish_non_exhaustive()
    }
}

impl SimGate {
    pub(super) fn new(profile: Profile) -> Self {
        let weather =
            Weather { profile, dice: Arc::new(Dice::new(0, Concern::Books)), loses: false, on_disk: None };
        Self {
            weather: Mutex::new(weather),
            faulty: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            store: Mutex::default(),
        }
    }

    /// The books that it is the gate of.
    pub(super) fn guard(&self, store: &Arc<SqlStore>) {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(store);
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a world.
    pub(super) fn begin(&self, profile: Profile, seed: u64) {
        let dice = Arc::new(Dice::new(seed, Concern::Books));
        let loses = profile.cuts > 0 && dice.happens(5_000);
        *self.weather() = Weather { profile, dice, loses, on_disk: None };
        self.faulty.store(false, Relaxed);
        self.commits.store(0, Relaxed);
    }

    /// From now on things go wrong, or no more.
    pub(super) fn set_faulty(&self, faulty: bool) {
        self.faulty.store(faulty, Relaxed);
        if !faulty {
            self.weather().on_disk = None;
        }
    }

    /// While it is paused nothing goes wrong.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    fn is_faulty(&self) -> bool {
        self.faulty.load(Relaxed) && !self.paused.load(Relaxed)
    }

    /// How many transactions were committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    /// The books as the disk has them, where the loss of power makes a difference.
    pub(super) fn power_is_cut(&self) -> Option<Vec<u8>> {
        self.weather().on_disk.take()
    }

    /// How long an answer takes.
    fn delay(&self) -> Option<Duration> {
        let weather = self.weather();
        let Weather { profile, dice, .. } = &*weather;
        dice.happens(profile.slow_books).then(|| {
            // Most are a little slow, some as slow as a failing disk.
            let most = if dice.happens(1_000) { 8_000 } else { 300 };
            Duration::from_millis(dice.between(1, most))
        })
    }
}

fn refused() -> StoreError {
    StoreError::Unavailable("simulated".to_owned())
}

#[async_trait]
impl Gate for SimGate {
    async fn before_read(&self) -> Result<(), StoreError> {
        if !self.is_faulty() {
            return Ok(());
        }
        if let Some(delay) = self.delay() {
            tokio::time::sleep(delay).await;
        }
        let weather = self.weather();
        if weather.dice.happens(weather.profile.read_errors) { Err(refused()) } else { Ok(()) }
    }

    async fn before_write(&self, durability: Durability) -> Result<(), StoreError> {
        if !self.is_faulty() {
            return Ok(());
        }
        if let Some(delay) = self.delay() {
            tokio::time::sleep(delay).await;
        }
        let is_first_at_risk = {
            let weather = self.weather();
            if weather.dice.happens(weather.profile.write_errors) {
                return Err(refused());
            }
            weather.loses && durability == Durability::Relaxed && weather.on_disk.is_none()
        };
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let (true, Some(store)) = (is_first_at_risk, store) {
            let image = store.image().await?;
            self.weather().on_disk = Some(image);
        }
        Ok(())
    }

    fn after_write(&self, durability: Durability) -> Result<(), StoreError> {
        self.commits.fetch_add(1, Relaxed);
        if !self.is_faulty() {
            return Ok(());
        }
        let mut weather = self.weather();
        if durability == Durability::Strict {
            // One that waits for the disk takes all earlier ones with it.
            weather.on_disk = None;
        }
        if weather.dice.happens(weather.profile.lost_answers) { Err(refused()) } else { Ok(()) }
    }
}
