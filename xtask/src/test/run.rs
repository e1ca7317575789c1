//! Runs programs in two lanes, and prints what each said when it has ended.

use super::{
    lanes::Lanes,
    programs::{Kind, Program},
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// How often is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// How long it ran.
    pub took: Duration,
    /// Whether all its tests passed.
    pub passed: bool,
}

/// Where programs run, and for how long.
#[derive(Debug)]
pub struct Runner {
    /// Paths are shown from here.
    pub root: PathBuf,
    /// Where what they print is kept while they run.
    pub scratch: PathBuf,
    /// No program may run for longer. One that does is ended, and what it printed says how far it came.
    pub limit: Duration,
}

impl Runner {
    /// Runs all of them.
    ///
    /// # Errors
    ///
    /// A program cannot be started, or what it prints cannot be kept.
    pub fn run(&self, programs: Vec<Program>) -> io::Result<Vec<Outcome>> {
        let lanes = Mutex::new(Lanes::new(programs));
        let next = |waiting| lanes.lock().map_or(None, |mut lanes| lanes.next(waiting));
        let said = Mutex::new(());
        let lane = |waiting| -> io::Result<Vec<Outcome>> {
            let mut outcomes = Vec::new();
            while let Some(program) = next(waiting) {
                let (outcome, output) = self.run_one(&program)?;
                let _one_at_a_time = said.lock();
                self.tell(&program, &outcome, output)?;
                outcomes.push(outcome);
            }
            Ok(outcomes)
        };
        thread::scope(|scope| {
            let beside = scope.spawn(|| lane(true));
            let mut outcomes = lane(false)?;
            outcomes.extend(beside.join().unwrap_or_else(|_| Err(io::Error::other("a lane panicked")))?);
            Ok(outcomes)
        })
    }

    #[expect(clippy::disallowed_methods, reason = "how long a program ran is what a person wants to know")]
    fn run_one(&self, program: &Program) -> io::Result<(Outcome, File)> {
        let file = program.executable.file_name().unwrap_or_default();
        let path = self.scratch.join(file).with_extension("log");
        let output = File::create(&path)?;
        let begun = Instant::now();
        let mut child = Command::new(&program.executable)
            .current_dir(&program.folder)
            // As cargo sets it; ours is that of this program.
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let passed = loop {
            if let Some(status) = child.try_wait()? {
                break status.success();
            }
            if begun.elapsed() > self.limit {
                child.kill()?;
                child.wait()?;
                break false;
            }
            thread::sleep(LOOK);
        };
        Ok((Outcome { name: program.name.clone(), took: begun.elapsed(), passed }, File::open(path)?))
    }

    fn tell(&self, program: &Program, outcome: &Outcome, mut output: File) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let what = match program.kind {
            Kind::Unit => "unittests ",
            Kind::Integration => "",
        };
        writeln!(out, "\n     Running {what}{}", self.shown(&program.source).display())?;
        output.seek(SeekFrom::Start(0))?;
        let mut text = Vec::new();
        output.read_to_end(&mut text)?;
        out.write_all(&text)?;
        if outcome.took > self.limit {
            writeln!(
                out,
                "ended after {} s, which is the most a test program may take",
                self.limit.as_secs()
            )?;
        }
        out.flush()
    }

    fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
