//! The files of the repository, read once.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that are never committed, by name.
const SKIPPED: [&str; 6] = [".git", "target", "node_modules", "__pycache__", ".venv", ".pytest_cache"];
/// Folders that are never committed, by path.
const SKIPPED_AT_ROOT: [&str; 1] = ["data"];

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// From the root, with forward slashes.
    pub path: String,
    /// Its text; `None` where it is none.
    pub text: Option<String>,
}

impl File {
    /// Its text, or an empty one.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Its lines, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text().lines().enumerate().map(|(index, line)| (index.saturating_add(1), line))
    }

    /// Whether its name ends so, after a dot.
    pub fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|its| its == extension)
    }

    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }
}

/// All files.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads everything under `root` that could be committed.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        walk(root, &PathBuf::new(), &mut files)?;
        files.sort_by(|a: &File, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// All of them, by path.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The Rust ones.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// One of them.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is a file or a folder of this path.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

fn walk(root: &Path, at: &Path, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(at))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = at.join(name.as_ref());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let at_root = at.as_os_str().is_empty();
            let skipped =
                SKIPPED.contains(&name.as_ref()) || (at_root && SKIPPED_AT_ROOT.contains(&name.as_ref()));
            if !skipped {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() {
            let text = String::from_utf8(fs::read(root.join(&path))?).ok();
            files.push(File { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
    Ok(())
}
