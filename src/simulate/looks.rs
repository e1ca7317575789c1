//! What a world looks at while it runs and when it has come to rest, read past everything that goes wrong in it.

use super::{outcome::Broken, world::World};
use leyden_domain::{
    book::Book,
    journal::Head,
    reconcile::{Difference, Matter},
};
use leyden_ports::{
    Store as _, StoreError,
    store::{JournalStore as _, Page, ReconcileStore as _, ReconciliationRow},
};

/// More comparisons than one world makes.
const MOST_COMPARISONS: u32 = 1_000;

impl World<'_> {
    /// Whether the journal is whole and the books are what it says.
    pub(super) async fn verify(&self) {
        self.kit.gate.pause(true);
        let verified = self.kit.store.verify(Head::genesis()).await;
        self.kit.gate.pause(false);
        if let Err(difference) = verified {
            self.broken("journal", difference.to_string());
        }
    }

    /// Whether a comparison has called money gone from an account whose key nobody else has.
    pub(super) async fn nobody_took(&self) {
        if self.network.borrow().is_broken() {
            return;
        }
        self.kit.gate.pause(true);
        let page = Page { after: None, limit: MOST_COMPARISONS };
        let rows = self.kit.store.list_reconciliations(&page).await;
        self.kit.gate.pause(false);
        let rows = rows.unwrap_or_else(|error| {
            self.broken("books", error.to_string());
            Vec::new()
        });
        for row in &rows {
            let ReconciliationRow::Done(done) = row else { continue };
            let is_money =
                |one: &&Difference| matches!(one.matter, Matter::RefundAccount | Matter::PoolBalance);
            for difference in done.differences.iter().filter(is_money) {
                self.broken("nobody_took", difference.to_string());
            }
        }
    }

    /// The books as they are, read past everything that goes wrong.
    pub(super) async fn book(&self) -> Result<Book, StoreError> {
        self.kit.gate.pause(true);
        let read = self.kit.store.book().await;
        self.kit.gate.pause(false);
        read
    }

    /// Reads the books and checks everything; `None` where something is wrong.
    pub(super) async fn audit(&self) -> Option<Book> {
        let book = match self.book().await {
            Ok(book) => book,
            Err(error) => {
                self.broken("books", error.to_string());
                return None;
            }
        };
        let found = self.oracle.borrow_mut().audit(&book);

        let is_sound = found.is_empty();
        for broken in found {
            self.broken(&broken.check, broken.detail);
        }
        is_sound.then_some(book)
    }

    /// Notes that something is wrong.
    pub(super) fn broken(&self, check: &str, detail: String) {
        self.note(format_args!("BROKEN {check}: {detail}"));
        self.oracle.borrow_mut().broken.push(Broken { check: check.to_owned(), detail });
    }
}
