//! leyden
fn main() {}
