//! The one way the whole service is asked to end, and with which exit code. Asking is all it does: the root
//! supervisor stops the actors, the HTTP server stops on its own, `main` returns the code.

use tokio::sync::watch;

/// Exit code of a service whose root supervisor gave up. What runs the process is expected to start it again.
pub const ESCALATED: u8 = 70;

/// Why the service ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What the process returns to its parent.
    pub code: u8,
    /// For the log and for a person.
    pub why: String,
}

/// Shared by everyone who may end the service and everyone who must notice. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    ending: watch::Sender<Option<Ending>>,
}

impl Shutdown {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self { ending: watch::Sender::new(None) }
    }

    /// Asks the service to end. The first to ask decides code and reason; `false` if somebody was earlier.
    pub fn request(&self, code: u8, why: impl Into<String>) -> bool {
        let why = why.into();
        self.ending.send_if_modified(|ending| {
            let first = ending.is_none();
            if first {
                *ending = Some(Ending { code, why });
            }
            first
        })
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// What was asked, if anything.
    pub fn requested(&self) -> Option<Ending> {
        self.ending.borrow().clone()
    }

    /// Waits until somebody asks.
    pub async fn wait(&self) -> Ending {
        let mut watcher = self.ending.subscribe();
        loop {
            if let Some(ending) = watcher.borrow_and_update().clone() {
                return ending;
            }
            if watcher.changed().await.is_err() {
                // Not reachable while `self` is borrowed, and waiting for ever is the honest answer if it were.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
