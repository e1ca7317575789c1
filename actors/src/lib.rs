//! The actors of the service and the kernel that keeps them alive.
//!
//! The books are the truth; an actor is a worker with a cache. Every actor here does the same thing: something
//! wakes it (a hint, its timer, a restart), it reads what may be due, asks the domain's pure rules what that means,
//! commits, and tells whoever is next. Any of them may be killed between any two instructions: what was committed
//! is found again by whoever looks next, and what was not committed did not happen.
//!
//! | actor | one per | what it does |
//! |---|---|---|
//! | `block_listener` | network | reads blocks into the books, gapless; undoes them when the chain turns |
//! | `payment_router` | service | says whose each payment is; keeps watchers; sweeps |
//! | `payment_watcher` | order in its payment phase | takes the order through payment, confirmation, expiry |
//! | `pool_allocator` | service | holds capacity for paid orders; ends rentals |
//! | `account_agent` | pool or refund account | signs, stores, sends and follows its transactions |
//! | `refund_clerk` | service | begins refunds, intends their transfers, holds what may not go |
//! | `guard` | service | raises a halt where something is wrong or too much |
//! | `reconciler` | service | compares the books with the chain, proposes repairs and applies them |
//! | `janitor` | service | gives back what time has freed |
//! | `lease_keeper` | instance | takes, renews and loses the lease for all of the above |
//! | `standby` | instance | knows what the above would know, while another instance does the work |

mod account_agent;
mod account_standing;
mod allocation;
mod balances;
mod block_listener;
pub mod boards;
mod guard;
mod halting;
pub mod handles;
mod janitor;
pub mod kernel;
mod late_sale;
pub mod leadership;
mod lease_keeper;
mod messages;
mod meters;
mod payment_router;
mod payment_watcher;
mod pool_allocator;
mod reconciler;
mod refund_clerk;
mod refund_orders;
mod refund_warrants;
mod repairing;
mod retry;
pub mod settings;
mod settlement;
mod shared;
mod signing;
mod standby;
mod system;
mod worker;

pub use boards::SaleTerms;
pub use guard::GuardSettings;
pub use halting::HaltStatus;
pub use handles::{CancelError, Handles, ReleaseError};
pub use leadership::{Election, Leadership, SaleSource, WORK};
pub use reconciler::ReconcileSettings;
pub use refund_orders::RefundOrderError;
pub use refund_warrants::{Limits as WarrantLimits, RefundWarrants};
pub use settings::{ActorSettings, OrderlessTerms, StepHook};
pub use shared::Ports;
pub use system::{Placement, SystemError, start};
