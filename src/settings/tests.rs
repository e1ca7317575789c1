//! What the configuration accepts, refuses and reports.

use super::{DEFAULT, Environment, Problems, Settings};
use leyden_domain::Sun;

const ADDRESS: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

fn read(text: &str, variables: &[(&'static str, &'static str)]) -> Result<Settings, Problems> {
    Settings::from_layers(&[text], &Environment::of(variables.iter().copied()))
}

fn keys(problems: &Problems) -> Vec<&str> {
    problems.iter().map(|problem| problem.key.as_str()).collect()
}

#[test]
fn the_default_stands_by_itself() {
    let settings = read("", &[]).unwrap();
    assert_eq!(settings.http.listen.port(), 3001);
    assert_eq!(settings.sales.energy_per_transfer, 65_000);
    assert_eq!(settings.sales.energy_per_first_transfer, 131_000);
    assert!(settings.warnings().is_empty());
    let missing = settings.check_for_serving().unwrap_err();
    assert_eq!(keys(&missing), ["chain.nodes", "payments.addresses"]);
}

#[test]
fn the_default_written_out_changes_nothing() {
    assert!(read(DEFAULT, &[]).is_ok());
}

#[test]
fn the_demo_is_a_valid_configuration() {
    assert!(Settings::demo(&Environment::default()).is_ok());
}

#[test]
fn every_mistake_is_reported_under_its_key() {
    let text = "
        [http]
        listen = 'nowhere'
        body_limit_byte = 10
        [payments]
        addresses = ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u']
        timeout = '30'
        [sales]
        single_price_trx = '1.0000001'
        enabled = 'yes'
        [nonsense]
        a = 1
    ";
    let problems =
        read(text, &[("LEYDEN__CHAIN__POLL_INTERVAL", "often"), ("LEYDEN__NO__KEY", "1")]).unwrap_err();
    assert_eq!(
        keys(&problems),
        [
            "LEYDEN__NO__KEY",
            "chain.poll_interval",
            "http.body_limit_byte",
            "http.listen",
            "nonsense",
            "payments.addresses[0]",
            "payments.timeout",
            "sales.enabled",
            "sales.single_price_trx",
        ]
    );
    assert!(problems.to_string().contains("did you mean `body_limit_bytes`?"), "{problems}");
}

#[test]
fn a_price_that_could_be_paid_and_never_served_is_refused() {
    let text = "[sales]\nsingle_price_trx = '0.05'\nmin_amount_trx = '0.06'\nmax_transactions = 1001\nrental = '721h'";
    let problems = read(text, &[]).unwrap_err();
    assert_eq!(
        keys(&problems),
        ["sales.max_transactions", "sales.min_amount_trx", "sales.rental", "sales.single_price_trx"]
    );
    assert!(read(text, &[("LEYDEN__PAYMENTS__DUST_TRX", "0.01")]).is_err());
}

#[test]
fn broken_toml_names_its_line() {
    let problems = read("[http]\nlisten = \n", &[]).unwrap_err();
    assert_eq!(keys(&problems), ["line 2"]);
}

#[test]
fn the_names_of_requirement_001_are_honoured() {
    let settings = read(
        "",
        &[
            ("TRON_PAYMENT_ADDRESS", ADDRESS),
            ("PAYMENT_MONITORING_INTERVAL", "10000"),
            ("PAYMENT_TIMEOUT", "1800000"),
            ("MAX_CONCURRENT_MONITORING", "100"),
            ("ENERGY_FLASH_ENABLED", "false"),
            ("DEFAULT_ENERGY_PER_TRANSACTION", "15000"),
            ("ENERGY_FLASH_DEFAULT_EXPIRY_HOURS", "2"),
            ("REDIS_URL", "redis://user:hunter2@localhost:6379"),
            ("REDIS_PAYMENT_MONITORING_KEY_PREFIX", "p:"),
            ("REDIS_CACHE_TTL", "60"),
            ("LOG_LEVEL", "debug"),
            ("LOG_PAYMENT_MONITORING", "false"),
            ("LOG_ENERGY_DELEGATION", "0"),
        ],
    )
    .unwrap();
    assert_eq!(settings.payments.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), [ADDRESS]);
    assert_eq!(settings.chain.poll_interval.span().ms(), 10_000);
    assert_eq!(settings.payments.timeout.span().ms(), 1_800_000);
    assert_eq!(settings.payments.max_open_orders, 100);
    assert!(!settings.sales.enabled);
    assert_eq!(settings.sales.energy_per_transfer, 15_000);
    assert_eq!(settings.sales.rental.span().ms(), 7_200_000);
    assert_eq!(settings.cache.redis_key_prefix, "p:");
    assert_eq!(settings.cache.price_ttl.span().ms(), 60_000);
    assert_eq!(settings.cache.resource_ttl.span().ms(), 60_000);
    assert_eq!(settings.log.level, "debug");
    assert!(!settings.log.payment_monitoring && !settings.log.energy_delegation);
    assert_eq!(settings.warnings().len(), 2, "nobody refunds; energy that no USDT transfer can do with");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_java_tron_answers_for_solid_blocks_on_the_port_after() {
    let nodes = "[chain]\nnodes = [\
        { url = 'http://10.0.0.5:8090/' },\
        { url = 'https://node.example' },\
        { url = 'http://10.0.0.6:8090', solidity_url = 'http://10.0.0.7:9000/' },\
        { url = 'http://10.0.0.8:9090', kind = 'trongrid' },\
        { url = 'https://api.trongrid.io' },\
        { url = 'http://[::1]:8090' }]";
    let settings = read(nodes, &[]).unwrap();
    let urls: Vec<_> = settings.chain.nodes.iter().map(super::sections::Node::shown_solidity_url).collect();
    let expected = [
        "http://10.0.0.5:8091",
        "https://node.example",
        "http://10.0.0.7:9000",
        "http://10.0.0.8:9090",
        "https://api.trongrid.io",
        "http://[::1]:8091",
    ];
    assert_eq!(urls, expected);
    let wrong = read("[chain]\nnodes = [{ url = 'http://a:1', solidity_url = 'ftp://a' }]", &[]).unwrap_err();
    assert!(wrong.to_string().contains("chain.nodes[0].solidity_url"), "{wrong}");
}

#[test]
fn our_own_names_win_and_an_empty_variable_is_none() {
    let settings = read(
        "[sales]\nsingle_price_trx = '3'",
        &[("PAYMENT_TIMEOUT", "1000"), ("LEYDEN__PAYMENTS__TIMEOUT", "7s"), ("LOG_LEVEL", "")],
    )
    .unwrap();
    assert_eq!(settings.payments.timeout.span().ms(), 7_000);
    assert_eq!(settings.sales.single_price_trx, Sun::from_trx(3));
    assert_eq!(settings.log.level, "info");
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    let text = format!(
        "[keys]\npassphrase_file = '{}'\n[chain]\nnodes = [{{ url = 'https://node.test/v3/pathsecret', api_key = 'k1' }}]",
        file.display()
    );
    let settings = read(&text, &[]).unwrap();
    assert_eq!(settings.keys.passphrase.expose(), Some("correct horse"));
    let printed = format!("{settings:?}");
    for secret in ["correct horse", "pathsecret", "k1"] {
        assert!(!printed.contains(secret), "{secret}");
    }
    let both = read(&format!("{text}\n"), &[("LEYDEN__KEYS__PASSPHRASE", "x")]).unwrap_err();
    assert_eq!(keys(&both), ["keys.passphrase"]);
}

#[test]
fn urls_and_the_databases_password_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (url, password) = (file("url", "postgres://app@db/leyden\n"), file("password", "hunter 2\n"));
    let redis = file("redis", "redis://:hunter3@cache:6379\n");
    let text = format!(
        "[database]\nurl_file = '{url}'\npassword_file = '{password}'\n[cache]\nredis_url_file = '{redis}'\n"
    );
    let settings = read(&text, &[]).unwrap();
    assert_eq!(settings.database.url, "postgres://app:hunter%202@db/leyden");
    let printed = format!("{settings:?}");
    assert!(!printed.contains("hunter"), "{printed}");

    let twice =
        read(&text, &[("REDIS_URL", "redis://other"), ("LEYDEN__DATABASE__URL", "postgres://other/x")]);
    assert_eq!(keys(&twice.unwrap_err()), ["cache.redis_url", "database.password_file", "database.url"]);
    let empty = format!("[keys]\npassphrase_file = '{}'\n", file("empty", "\n"));
    assert_eq!(keys(&read(&empty, &[]).unwrap_err()), ["keys.passphrase_file"]);
}

#[test]
fn refunds_that_would_burn_more_than_they_are_are_refused() {
    let wrong = |text: &str| {
        let refused = read(&format!("[refund]\n{text}"), &[]).unwrap_err();
        keys(&refused).into_iter().map(ToOwned::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(wrong("minimum_usdt = '9.9'"), ["refund.minimum_usdt"]);
    assert_eq!(wrong("usdt_fee_limit_trx = '31'"), ["refund.minimum_usdt"]);
    assert_eq!(wrong("minimum_trx = '0.01'"), ["refund.minimum_trx"]);
    for covered in [
        "minimum_usdt = '1'\nfee_usdt = '10'",
        "minimum_usdt = '5'\nusdt_fee_limit_trx = '15'",
        "minimum_trx = '0.01'\nfee_trx = '0.3'",
    ] {
        assert!(read(&format!("[refund]\n{covered}"), &[]).is_ok(), "{covered}");
    }
}
