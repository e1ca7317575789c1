//! A private PostgreSQL cluster.
//!
//! PostgreSQL refuses to run as root, so where we are root it runs as its own user, `postgres`.

use crate::process::{ServerError, Watchdog, free_port, run, signal, with_children};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};
use tempfile::TempDir;

/// Seconds that a start or a stop may take.
const PATIENCE_S: &str = "60";

/// How a cluster is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Whether a commit waits for the disk. Without it tests are faster, and nothing can be said about power cuts.
    pub durable: bool,
    /// Connections that the server takes at most.
    pub connections: u32,
    /// More settings of `postgresql.conf`, by name.
    pub settings: Vec<(String, String)>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { durable: true, connections: 200, settings: Vec::new() }
    }
}

impl PostgresOptions {
    /// A cluster that forgets in a power cut, for tests that do not ask about one.
    pub fn fast() -> Self {
        Self { durable: false, ..Self::default() }
    }
}

/// A running cluster. It ends, and its folder goes, when this is dropped or the process ends.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    options: String,
    /// One at a time: a template may not be in use while it is copied.
    copying: Mutex<()>,
    _watchdog: Watchdog,
}

/// Where the programs are and as whom they run.
#[derive(Debug, Clone)]
struct Programs {
    folder: PathBuf,
    /// User and group, where we may not run them as ourselves.
    user: Option<(u32, u32)>,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, or does not start; the message has what it wrote.
    pub fn start(options: &PostgresOptions) -> Result<Self, ServerError> {
        let programs = Programs::find()?;
        let folder = programs.folder_for_data()?;
        let data = folder.join("data");
        let mut initdb = programs.command("initdb");
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
        ]);
        // What is written while the cluster is made need not survive anything.
        run(initdb.arg("--no-sync").arg("-D").arg(&data))?;
        // Begun before the server, so that there is no moment in which nobody would end it.
        let watchdog = Watchdog::start(
            programs.plain_command("/bin/sh".as_ref()),
            // A frozen server does not hear that it is to stop.
            r#"pid=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null) && kill -CONT $pid $(cat "/proc/$pid/task/$pid/children")
               "$1" stop -D "$2/data" -m immediate -s; rm -rf "$2""#,
            &[&programs.folder.join("pg_ctl").to_string_lossy(), &folder.to_string_lossy()],
        )?;
        let port = free_port()?;
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", String::new()),
            ("port", port.to_string()),
            ("max_connections", options.connections.to_string()),
            ("shared_buffers", "64MB".to_owned()),
            // After a crash: not file by file.
            ("recovery_init_sync_method", "syncfs".to_owned()),
        ];
        if !options.durable {
            // Books that live for seconds are not worth tidying up, nor a plan for each value that is asked for.
            let off = ["fsync", "synchronous_commit", "full_page_writes", "autovacuum"];
            settings.extend(off.map(|name| (name, "off".to_owned())));
            settings.push(("plan_cache_mode", "force_generic_plan".to_owned()));
        }
        let more = options.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let options = settings.into_iter().chain(more).map(|(name, value)| format!("-c {name}='{value}'"));
        let options = options.collect::<Vec<_>>().join(" ");
        let server = Self { programs, folder, port, options, copying: Mutex::new(()), _watchdog: watchdog };
        server.start_again()?;
        Ok(server)
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database for the superuser `postgres`.
    pub fn url(&self, database: &str) -> String {
        self.url_as("postgres", database)
    }

    /// The URL of a database for a role. Any password is right.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the superuser; the rows as text, columns apart by `|`.
    ///
    /// # Errors
    ///
    /// The server is not there, or refuses.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, ServerError> {
        let mut psql = self.programs.command("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]);
        run(psql.arg(self.url(database))).map(|rows| rows.trim_end().to_owned())
    }

    /// Makes a database, empty or as a copy of another that nobody is connected to; its URL.
    ///
    /// # Errors
    ///
    /// The server is not there, the name is taken, or the template is in use.
    pub fn create(&self, database: &str, template: Option<&str>) -> Result<String, ServerError> {
        let template = template.map(|name| format!(" TEMPLATE {name}")).unwrap_or_default();
        let _one = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        self.sql("postgres", &format!("CREATE DATABASE {database}{template}"))?;
        Ok(self.url(database))
    }

    /// Ends the server as a crash would: no process has a chance to write anything more.
    ///
    /// # Errors
    ///
    /// It could not be ended.
    pub fn stop_immediate(&self) -> Result<(), ServerError> {
        self.stop("immediate")
    }

    /// Ends the server in order; open connections are cut.
    ///
    /// # Errors
    ///
    /// It could not be ended.
    pub fn stop_fast(&self) -> Result<(), ServerError> {
        self.stop("fast")
    }

    fn stop(&self, mode: &str) -> Result<(), ServerError> {
        run(self.control().args(["stop", "-w", "-s", "-t", PATIENCE_S, "-m", mode])).map(drop)
    }

    /// Starts the server on the same port and data; answers when it takes connections.
    ///
    /// # Errors
    ///
    /// It did not start; the message has the end of its log.
    pub fn start_again(&self) -> Result<(), ServerError> {
        let log = self.folder.join("log");
        let started = run(self
            .control()
            .args(["start", "-w", "-s", "-t", PATIENCE_S, "-o", &self.options])
            .arg("-l")
            .arg(&log));
        match started {
            Err(ServerError::Failed { program, status, output }) => {
                let log = fs::read_to_string(&log).unwrap_or_default();
                Err(ServerError::Failed { program, status, output: format!("{output}\n{log}") })
            }
            other => other.map(drop),
        }
    }

    /// Freezes the server with all its processes: connections stay open and nobody answers.
    ///
    /// # Errors
    ///
    /// It is not running.
    pub fn pause(&self) -> Result<(), ServerError> {
        signal("STOP", &with_children(self.pid()?))
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    ///
    /// It is not running.
    pub fn resume(&self) -> Result<(), ServerError> {
        signal("CONT", &with_children(self.pid()?))
    }

    /// Lets no process of the server write a file beyond this many bytes: for it the disk is full. A server that is
    /// started again has space again.
    ///
    /// # Errors
    ///
    /// It is not running, or `prlimit` (util-linux) is not there.
    pub fn limit_files(&self, bytes: u64) -> Result<(), ServerError> {
        // The first one first: whoever it starts from now on inherits its limit.
        for pid in with_children(self.pid()?) {
            let limit = format!("--fsize={bytes}:unlimited");
            let mut prlimit = self.programs.plain_command("prlimit".as_ref());
            let limited = run(prlimit.args(["--pid", &pid.to_string(), &limit]));
            // One that has ended meanwhile writes nothing any more.
            if limited.is_err() && Path::new(&format!("/proc/{pid}")).exists() {
                return limited.map(drop);
            }
        }
        Ok(())
    }

    /// The first line of its lock file is the process that started all others.
    fn pid(&self) -> Result<u32, ServerError> {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let first = text.lines().next().and_then(|line| line.trim().parse().ok());
        first.ok_or(ServerError::Missing("a running PostgreSQL"))
    }

    fn control(&self) -> Command {
        let mut command = self.programs.command("pg_ctl");
        command.arg("-D").arg(self.folder.join("data"));
        command
    }
}

impl Programs {
    /// The newest installed ones, as Debian places them, else those on the path.
    fn find() -> Result<Self, ServerError> {
        let debian =
            fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
        let version = |folder: &PathBuf| -> u32 {
            let parent =
                folder.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            parent.and_then(|name| name.split('.').next()?.parse().ok()).unwrap_or(0)
        };
        let newest = debian.filter(|folder| folder.join("initdb").exists()).max_by_key(version);
        let folder = newest.or_else(|| {
            let found = run(Command::new("sh").args(["-c", "command -v initdb"])).ok()?;
            fs::canonicalize(found.trim()).ok()?.parent().map(Path::to_owned)
        });
        let folder = folder.ok_or(ServerError::Missing("PostgreSQL"))?;
        let user = if fs::metadata("/proc/self")?.uid() == 0 { Some(user("postgres")?) } else { None };
        Ok(Self { folder, user })
    }

    /// A folder that belongs to whom the server runs as.
    fn folder_for_data(&self) -> Result<PathBuf, ServerError> {
        // The watchdog removes it: it lives longer than we do.
        let folder = TempDir::with_prefix("leyden-postgres-")?.keep();
        if let Some((user, group)) = self.user {
            chown(&folder, Some(user), Some(group))?;
        }
        Ok(folder)
    }

    fn command(&self, program: &str) -> Command {
        self.plain_command(&self.folder.join(program))
    }

    fn plain_command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Not where we stand, which another user may not be able to enter.
        command.current_dir("/").env("LC_ALL", "C").env_remove("PGOPTIONS");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// The numbers of a user of this machine.
fn user(name: &'static str) -> Result<(u32, u32), ServerError> {
    let users = fs::read_to_string("/etc/passwd")?;
    let numbers = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (found, _password) = (fields.next()?, fields.next()?);
        (found == name).then_some(())?;
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    numbers.ok_or(ServerError::Missing("PostgreSQL (its user `postgres`)"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::{Postgres, PostgresOptions};
    use std::fs;

    #[test]
    fn it_starts_stops_and_starts_again() {
        let server = Postgres::start(&PostgresOptions::default()).unwrap();
        server.create("books", None).unwrap();
        server.sql("books", "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('kept')").unwrap();
        server.stop_immediate().unwrap();
        assert!(server.sql("books", "SELECT 1").is_err());
        server.start_again().unwrap();
        assert_eq!(server.sql("books", "SELECT text FROM notes").unwrap(), "kept");
        server.create("copy", Some("books")).unwrap();
        assert_eq!(server.sql("copy", "SELECT count(*) FROM notes").unwrap(), "1");
        server.pause().unwrap();
        server.resume().unwrap();
        assert_eq!(server.sql("copy", "SHOW fsync").unwrap(), "on");
        server.limit_files(4_096).unwrap();
        assert!(server.sql("copy", "INSERT INTO notes VALUES ('no space')").is_err());
        // With no space it may have ended by itself.
        server.stop_immediate().unwrap_or_default();
        server.start_again().unwrap();
        assert_eq!(server.sql("copy", "SELECT text FROM notes").unwrap(), "kept");
        server.pause().unwrap();
        let (folder, process) = (server.folder.clone(), format!("/proc/{}/exe", server.pid().unwrap()));
        drop(server);
        assert!(!folder.exists());
        // One that ended and was not waited for has no program any more.
        assert!(fs::read_link(process).is_err(), "a frozen server ends too");
    }
}
