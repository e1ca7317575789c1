//! One instance of the service as a process: started, watched, started again when it dies, and ended with the
//! demonstration however that ends. It reads from a pipe that only we hold: a line on it asks for an orderly end, and
//! its closing ends the process at once.

use super::{doors::Doors, show::Say};
use crate::cli::Failure;
use leyden_domain::{Span, Timestamp};
use leyden_ports::Clock;
use std::{
    fs::{self, OpenOptions},
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
};

/// Exit code for a configuration that is not fit: starting again would not help.
const BAD_CONFIGURATION: i32 = 78;
/// How long an instance may fail to start before that is the demonstration's end. A database may be away for a while.
const PATIENCE: Span = Span::from_secs(120);
/// Between two starts.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an orderly end may take.
const GRACE: Duration = Duration::from_secs(15);
/// Lines of the log that an error shows.
const SHOWN: usize = 8;

/// One instance.
pub(super) struct Instance {
    /// Counts from 0; people count from 1.
    pub(super) number: usize,
    pub(super) config: PathBuf,
    pub(super) environment: Vec<(String, String)>,
    /// Where it writes its log.
    pub(super) log: PathBuf,
    pub(super) doors: Arc<Doors>,
    pub(super) say: Say,
    pub(super) clock: Arc<dyn Clock>,
}

/// How a life of the process ended.
enum Life {
    /// Because we asked for it.
    Asked,
    /// By itself, after it had served.
    Died(ExitStatus),
    /// Before it served.
    Stillborn(ExitStatus),
}

impl Instance {
    /// Keeps it running until it is told to stop. An error: it does not start.
    pub(super) async fn tend(&self, mut stopping: watch::Receiver<bool>) -> Result<(), Failure> {
        let mut failing_since: Option<Timestamp> = None;
        loop {
            match self.live(&mut stopping).await? {
                Life::Asked => return Ok(()),
                Life::Died(status) => {
                    failing_since = None;
                    self.tell(format_args!("ended ({status}); starting it again"))?;
                }
                Life::Stillborn(status) => {
                    let now = self.clock.now();
                    let since = *failing_since.get_or_insert(now);
                    if status.code() == Some(BAD_CONFIGURATION) || now.since(since) > PATIENCE {
                        let log = self.end_of_log();
                        let number = self.number.saturating_add(1);
                        return Err(Failure::new(format!(
                            "instance {number} does not start ({status}):\n{log}"
                        )));
                    }
                }
            }
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn live(&self, stopping: &mut watch::Receiver<bool>) -> Result<Life, Failure> {
        let mut child = self.start()?;
        let pid = child.id().unwrap_or_default();
        // Taken out of the process, because waiting for its end would close it.
        let mut pipe = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(|| Failure::new("no pipe"))?).lines();
        let mut served = false;
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => {
                    self.doors.set(self.number, None);
                    end(&mut child, pipe.take()).await?;
                    return Ok(Life::Asked);
                }
                line = lines.next_line(), if !served => {
                    let Ok(Some(line)) = line else {
                        // It closed its output: its end is near.
                        return Ok(Life::Stillborn(child.wait().await?));
                    };
                    if let Some(base) = line.strip_prefix("listening on ") {
                        served = true;
                        self.doors.set(self.number, Some(base.to_owned()));
                        self.tell(format_args!("pid {pid}   {base}"))?;
                    }
                }
                status = child.wait() => {
                    self.doors.set(self.number, None);
                    let status = status?;
                    return Ok(if served { Life::Died(status) } else { Life::Stillborn(status) });
                }
            }
        }
    }

    fn start(&self) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        // This very program, also where the file that it was started from has been replaced since.
        Command::new("/proc/self/exe")
            .arg0("leyden")
            .arg("serve")
            .arg("--config")
            .arg(&self.config)
            .arg("--while-stdin-is-open")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C is for the demonstration, which then ends its instances in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn tell(&self, what: impl std::fmt::Display) -> Result<(), Failure> {
        self.say.line(format_args!("instance {}   {what}", self.number.saturating_add(1)))
    }

    fn end_of_log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n")
    }
}

/// Asks for an orderly end, and does not wait for it for ever: it may be frozen.
async fn end(child: &mut Child, pipe: Option<ChildStdin>) -> io::Result<()> {
    if let Some(mut pipe) = pipe {
        // Where nobody reads any more there is nobody to ask.
        let _asked = pipe.write_all(b"end\n").await;
        if tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
            return Ok(());
        }
    }
    child.kill().await
}
