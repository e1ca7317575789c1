//! Catching a panic so that it costs one generation and nothing else.
//!
//! The text of a panic is in its payload, its place only in the hook. So a hook is installed once that notes the
//! place in a thread-local while a supervised call runs on that thread; everywhere else the hook found before it
//! is called as if nothing had happened. If another part of the process replaces the hook later, only the place
//! is lost.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

/// Longest panic text that is kept, in characters.
const LONGEST_TEXT: usize = 400;

thread_local! {
    /// How many supervised calls are on this thread's stack.
    static SUPERVISED: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic inside one of them happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What is known about a caught panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caught {
    /// The message, cut to a bounded length, with the place if it is known.
    pub(crate) text: String,
}

/// Makes the places of panics known from now on.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if SUPERVISED.get() == 0 {
                previous(info);
                return;
            }
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            PLACE.with(|cell| {
                if let Ok(mut cell) = cell.try_borrow_mut() {
                    *cell = place;
                }
            });
        }));
    });
}

/// Runs `work`; a panic in it becomes a value. The caller answers for what `work` leaves behind: here it is always
/// a generation that is thrown away whole, so no half-changed state is ever looked at again.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    SUPERVISED.set(SUPERVISED.get().saturating_add(1));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    SUPERVISED.set(SUPERVISED.get().saturating_sub(1));
    outcome.map_err(|payload| {
        let text = describe(payload);
        let place = PLACE.with(|cell| cell.try_borrow_mut().ok().and_then(|mut place| place.take()));
        Caught { text: place.map_or_else(|| text.clone(), |place| format!("{text} ({place})")) }
    })
}

fn describe(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(strange) => {
                // Dropping a value of a type we know nothing about may panic again; leaking it cannot.
                std::mem::forget(strange);
                "panicked with a value that is not text".to_owned()
            }
        },
    };
    if text.chars().count() > LONGEST_TEXT {
        text.chars().take(LONGEST_TEXT).chain(['…']).collect()
    } else {
        text
    }
}
