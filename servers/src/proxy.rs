//! A stretch of wire between a client and a server that can be bad: slow, cut, or with something else at its end.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What the wire does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// Carries what it is given.
    Good,
    /// Carries answers late by so much.
    Slow(Duration),
    /// Carries nothing in either direction, and says so to nobody: what was under way arrives once the wire is good.
    Silent,
    /// Is cut: connections end, and new ones end at once.
    Cut,
    /// Whatever is asked, these bytes come back.
    Garbage(Vec<u8>),
}

#[derive(Debug)]
struct Shared {
    wire: Mutex<(Wire, Vec<TcpStream>)>,
    server: SocketAddr,
}

impl Shared {
    fn wire(&self) -> MutexGuard<'_, (Wire, Vec<TcpStream>)> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wire to a server.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// A good wire to a server.
    pub fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { wire: Mutex::new((Wire::Good, Vec::new())), server });
        let kept = Arc::downgrade(&shared);
        thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(shared) = kept.upgrade() else { return };
                // A connection that cannot be made ends; its client sees that.
                drop(carry(&shared, client));
            }
        })?;
        Ok(Self { shared, address })
    }

    /// Where clients connect to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the wire good or bad, from the next bytes on.
    pub fn set(&self, wire: Wire) {
        let mut shared = self.shared.wire();
        if wire == Wire::Cut {
            for stream in shared.1.drain(..) {
                drop(stream.shutdown(Shutdown::Both));
            }
        }
        shared.0 = wire;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Wire::Cut);
        // Wakes the listener, which then sees that nobody wants it.
        drop(TcpStream::connect(self.address));
    }
}

fn carry(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let server = {
        let mut wire = shared.wire();
        if wire.0 == Wire::Cut {
            return Ok(());
        }
        let server = TcpStream::connect(shared.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        wire.1.extend([client.try_clone()?, server.try_clone()?]);
        server
    };
    for (from, to, answers) in [(client.try_clone()?, server.try_clone()?, false), (server, client, true)] {
        let shared = Arc::clone(shared);
        thread::Builder::new().name("wire".to_owned()).spawn(move || {
            drop(pump(&shared, &from, &to, answers));
            drop(from.shutdown(Shutdown::Both));
            drop(to.shutdown(Shutdown::Both));
        })?;
    }
    Ok(())
}

fn pump(shared: &Shared, mut from: &TcpStream, mut to: &TcpStream, answers: bool) -> io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut bytes)?;
        let wire = loop {
            match shared.wire().0.clone() {
                Wire::Silent => thread::sleep(Duration::from_millis(5)),
                other => break other,
            }
        };
        let part = bytes.get(..count).filter(|part| !part.is_empty());
        let Some(part) = part else { return Ok(()) };
        match wire {
            Wire::Garbage(garbage) if answers => to.write_all(&garbage)?,
            Wire::Slow(late) if answers => {
                thread::sleep(late);
                to.write_all(part)?;
            }
            _ => to.write_all(part)?,
        }
    }
}
