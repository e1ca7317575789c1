//! Secrets that are given as files: what a container's or systemd's secret store puts into a folder. The text of a
//! file takes the place of the key it stands for, so that nobody else knows that there are files.

use super::{DEFAULT, Problems, Secret, Settings};
use std::fmt::Write as _;
use toml::Table;

/// Fills every secret that is given as a file.
pub(super) fn read(settings: &mut Settings, problems: &mut Problems) {
    let passphrase_file = settings.keys.passphrase_file.as_deref();
    fill(&mut settings.keys.passphrase, passphrase_file, "keys.passphrase", problems);
    for (index, node) in settings.chain.nodes.iter_mut().enumerate() {
        let key = format!("chain.nodes[{index}].api_key");
        fill(&mut node.api_key, node.api_key_file.as_deref(), &key, problems);
    }
    database(settings, problems);
    if let Some(path) = &settings.cache.redis_url_file {
        if settings.cache.redis_url.is_some() {
            problems.add("cache.redis_url", BOTH);
        } else if let Some(url) = text_of(path, "cache.redis_url_file", problems) {
            settings.cache.redis_url = Some(url);
        }
    }
}

/// Both at once is a mistake that nobody wants resolved silently.
const BOTH: &str = "is given both as text and as file";

/// The URL of the database, and the password of its role.
fn database(settings: &mut Settings, problems: &mut Problems) {
    let database = &mut settings.database;
    if let Some(path) = &database.url_file {
        // The default names a URL too; only one that somebody wrote stands against the file.
        if default_url().is_some_and(|url| url != database.url) {
            problems.add("database.url", BOTH);
        } else if let Some(url) = text_of(path, "database.url_file", problems) {
            database.url = url;
        }
    }
    if let Some(path) = &database.password_file
        && let Some(password) = text_of(path, "database.password_file", problems)
    {
        match with_password(&database.url, &password) {
            Ok(url) => database.url = url,
            Err(wrong) => problems.add("database.password_file", wrong),
        }
    }
}

/// What the default says of `database.url`.
fn default_url() -> Option<String> {
    let default: Table = DEFAULT.parse().ok()?;
    Some(default.get("database")?.get("url")?.as_str()?.to_owned())
}

/// A URL with the password of the role that it names: `postgres://role@host/name`.
fn with_password(url: &str, password: &str) -> Result<String, &'static str> {
    let (scheme, rest) =
        url.split_once("://").ok_or("database.url names no role that could have a password")?;
    let place = rest.split('/').next().unwrap_or_default();
    let (role, _) = place.rsplit_once('@').ok_or("database.url names no role that could have a password")?;
    if role.contains(':') {
        return Err("database.url holds a password already");
    }
    let mut encoded = String::with_capacity(password.len());
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else if write!(encoded, "%{byte:02X}").is_err() {
            return Err("cannot be written into a URL");
        }
    }
    let rest = rest.strip_prefix(role).unwrap_or(rest);
    Ok(format!("{scheme}://{role}:{encoded}{rest}"))
}

/// Fills a secret from its file, if one is named.
fn fill(secret: &mut Secret, file: Option<&str>, key: &str, problems: &mut Problems) {
    let Some(path) = file else { return };
    if secret.is_given() {
        problems.add(key, BOTH);
    } else if let Some(text) = text_of(path, &format!("{key}_file"), problems) {
        *secret = Secret::new(text);
    }
}

/// The text of a file, without the line's end that editors put there. Empty is a mistake: whoever names a file means
/// something to be in it.
fn text_of(path: &str, key: &str, problems: &mut Problems) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                problems.add(key, &format!("{path} is empty"));
                return None;
            }
            Some(text.to_owned())
        }
        Err(error) => {
            problems.add(key, &format!("{path}: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::with_password;

    #[test]
    fn a_password_is_written_so_that_a_url_holds_it() {
        assert_eq!(
            with_password("postgres://app@db:5432/leyden", "p@ss/w:rd é").as_deref(),
            Ok("postgres://app:p%40ss%2Fw%3Ard%20%C3%A9@db:5432/leyden")
        );
        assert!(with_password("postgres://app:old@db/leyden", "new").is_err());
        assert!(with_password("postgres://db/leyden", "new").is_err());
        assert!(with_password("sqlite:data/leyden.sqlite", "new").is_err());
    }
}
