//! `leyden verify`, from the command line to its exit code.

use crate::run;
use leyden::SystemClock;
use leyden_domain::{AccountId, Address, Timestamp};
use leyden_ports::store::{NewPoolAccount, PoolStore as _};
use leyden_store::{OpenOptions, SqlStore};
use std::{path::Path, sync::Arc};

const URL: &str = "sqlite:data/leyden.sqlite";

/// Books with one pool account.
async fn books(folder: &Path) -> String {
    let url = format!("sqlite:{}", folder.join("data/leyden.sqlite").display());
    let store = SqlStore::open(&url, Arc::new(SystemClock), OpenOptions::default()).await.unwrap();
    let address: Address = "TMuA6YqfCeX8EhbfYEg5y7S4DqzSJireY9".parse().unwrap();
    let at = Timestamp::from_ms(1);
    let account = NewPoolAccount { id: AccountId::new(at, [1; 10]), address, permission_id: Some(2) };
    store.upsert_pool_account(account, at).await.unwrap();
    store.close().await;
    url
}

async fn by_hand(url: &str, sql: &'static str) {
    use sqlx::Connection as _;
    let mut conn = sqlx::SqliteConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_row_changed_by_hand_is_named_and_may_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert_eq!(run(here, &["verify"], "").code, 69, "nothing is there, and nothing is made");
    assert!(!here.join("data/leyden.sqlite").exists());
    assert_eq!(run(here, &["migrate"], "").code, 0);
    let url = books(here).await;

    let right = run(here, &["verify", "--database", URL], "");
    assert_eq!(right.code, 0, "{}{}", right.out, right.err);
    assert!(right.out.contains("2 entries") && right.out.contains("1 rows"), "{}", right.out);
    let head = right.out.lines().find_map(|line| line.strip_prefix("head        2 ")).unwrap();
    let noted = run(here, &["verify", "--from", &format!("2:{head}"), "--json"], "");
    assert_eq!(noted.code, 0, "{}", noted.err);
    let json: serde_json::Value = serde_json::from_str(&noted.out).unwrap();
    assert_eq!((&json["ok"], &json["head"]["hash"]), (&true.into(), &head.into()));
    assert_eq!(run(here, &["verify", "--from", "two"], "").code, 2);
    let other = run(here, &["verify", "--from", &format!("2:{}", "0".repeat(64))], "");
    assert_eq!(other.code, 1, "{}", other.out);

    by_hand(&url, "UPDATE energy_pools SET permission_id = 3").await;
    let different = run(here, &["verify"], "");
    assert_eq!(different.code, 1);
    let said = "permission_id is 3, and the journal says 2";
    assert!(different.out.contains("DIFFERENCE  energy_pools acc_"), "{}", different.out);
    assert!(different.out.contains(said), "{}", different.out);
    let accepted = run(here, &["verify", "--accept", "the key was replaced"], "");
    assert!(accepted.code == 0 && accepted.out.contains(said), "{}{}", accepted.out, accepted.err);
    assert_eq!(run(here, &["verify"], "").code, 0);

    by_hand(&url, "DROP TRIGGER journal_no_update; UPDATE journal SET at = at + 1 WHERE seq = 1").await;
    let broken = run(here, &["verify"], "");
    assert!(broken.code == 1 && broken.out.contains("journal: entry 1 has the hash"), "{}", broken.out);
}
