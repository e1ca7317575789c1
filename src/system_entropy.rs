//! The machine's randomness, as the port wants it.

use leyden_ports::Entropy;

/// Random bytes of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Going on with bytes that somebody can guess would give away API keys: without randomness there is no
        // service. The operating systems we run on do not fail here once they have booted.
        #[expect(
            clippy::expect_used,
            clippy::disallowed_methods,
            reason = "the adapter behind the Entropy port; see above"
        )]
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
