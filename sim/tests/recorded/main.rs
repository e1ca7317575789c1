//! The built-in node beside a real one: what a java-tron 4.8.0 was asked and answered is asked again of this node, over
//! its real HTTP interface, and the answers are compared: member names, types, presence, codes and texts, in both
//! forms of addresses. Values are not: each chain has its own.
//!
//! Reads the folder that `LEYDEN_CHAIN_DATA` names. What still differs stands in [`listed`], each with its reason.
#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod asked;
mod broadcasts;
mod calls;
mod listed;
mod official;
mod refusals;
mod shape;
mod world;

use std::{env, path::PathBuf};

/// The recorded answers, if this machine has them.
fn recorded() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the recorded data is, if it is")]
    let folder = env::var_os("LEYDEN_CHAIN_DATA").map(PathBuf::from);
    if folder.is_none() {
        #[expect(clippy::print_stderr, reason = "a test that ran without its data says so")]
        {
            eprintln!("LEYDEN_CHAIN_DATA is not set: the built-in node is NOT compared with a real one");
        }
    }
    folder.map(|folder| folder.join("javatron-4.8.0"))
}

#[actix_web::test]
async fn serves_what_the_official_description_knows() {
    let Some(folder) = recorded() else { return };
    official::compare(&folder.with_file_name("official-4.8.2").join("openapi.yaml")).await;
}

#[actix_web::test]
async fn answers_as_the_real_node_did() {
    let Some(folder) = recorded() else { return };
    let mut report = listed::Report::default();
    calls::compare(&folder, &mut report).await;
    broadcasts::compare(&folder, &mut report).await;
    refusals::compare(&folder, &mut report).await;
    report.judge();
}
