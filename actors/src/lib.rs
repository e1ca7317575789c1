//! The actors of the service and the kernel that keeps them alive.

pub mod kernel;
