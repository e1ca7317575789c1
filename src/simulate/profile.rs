//! Kinds of worlds: how often what goes wrong. All frequencies are in ten thousand.

use std::str::FromStr;

/// How a kind of world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Fewest and most visits of customers.
    pub(super) visits: (u64, u64),
    /// Visits that are not an order paid to the sun.
    pub(super) wrong: u64,
    /// Of a visit: calls are made twice, at once or again.
    pub(super) repeated: u64,
    /// Of a visit: an operator does something.
    pub(super) operators: u64,
    /// Of a step of an actor: it panics.
    pub(super) panics: u64,
    /// Of a slot: the power is cut.
    pub(super) cuts: u64,
    /// Of a panic: the power goes with it, at that very step.
    pub(super) fatal: u64,
    /// Of a read: the books cannot be read.
    pub(super) read_errors: u64,
    /// Of a commit: it is refused.
    pub(super) write_errors: u64,
    /// Of a commit: its answer is lost.
    pub(super) lost_answers: u64,
    /// Of a question to the books: it takes its time.
    pub(super) slow_books: u64,
    /// Of a question to a node: no answer, at once or late.
    pub(super) node_errors: u64,
    /// Of a slot: some node falls behind, or stays on another fork, for a while.
    pub(super) node_moods: u64,
    /// Of a broadcast: it goes wrong.
    pub(super) broadcasts: u64,
    /// Of a slot: the chain forks.
    pub(super) forks: u64,
    /// Of a fork: it turns back later.
    pub(super) flips: u64,
    /// Of a fork: what was in its blocks is lost or comes back later.
    pub(super) vanishing: u64,
    /// Of a seed: one fork goes below the solid block.
    pub(super) below_solid: u64,
    /// Of a slot: no block.
    pub(super) missed: u64,
    /// Of a seed: the machine's clock is wrong, and may jump.
    pub(super) skewed: u64,
    /// Of a seed: the pool is too small for everybody.
    pub(super) scarce: u64,
    /// Whether money goes back by itself.
    pub(super) refunds: bool,
    /// Whether what was too little may be completed by another payment, and what is late is served where it can be.
    pub(super) generous: bool,
    /// Of a seed: somebody sits at the operators' desk.
    pub(super) desk: u64,
    /// Whether the service reaches the chain over a pool of several machines.
    pub(super) fleet: bool,
}

const CALM: Profile = Profile {
    name: "calm",
    about: "nothing goes wrong but what customers do",
    visits: (2, 6),
    wrong: 2_000,
    repeated: 1_500,
    operators: 0,
    panics: 0,
    cuts: 0,
    fatal: 0,
    read_errors: 0,
    write_errors: 0,
    lost_answers: 0,
    slow_books: 0,
    node_errors: 0,
    node_moods: 0,
    broadcasts: 0,
    forks: 0,
    flips: 0,
    vanishing: 0,
    below_solid: 0,
    missed: 50,
    skewed: 0,
    scarce: 500,
    refunds: false,
    generous: false,
    desk: 1_000,
    fleet: false,
};

/// Everything goes wrong, now and then.
const NOW_AND_THEN: Profile = Profile {
    panics: 60,
    cuts: 100,
    fatal: 1_000,
    read_errors: 20,
    write_errors: 60,
    lost_answers: 60,
    slow_books: 300,
    node_errors: 300,
    node_moods: 200,
    broadcasts: 1_500,
    forks: 200,
    flips: 2_500,
    vanishing: 3_000,
    missed: 400,
    skewed: 2_000,
    ..CALM
};

/// All kinds.
pub const PROFILES: &[Profile] = &[
    CALM,
    Profile {
        name: "faults",
        about: "everything, now and then",
        scarce: 2_000,
        operators: 800,
        wrong: 3_500,
        ..NOW_AND_THEN
    },
    Profile {
        name: "forks",
        about: "the chain turns, at every depth, back again, with and without the payments",
        forks: 700,
        flips: 4_000,
        vanishing: 5_000,
        below_solid: 150,
        node_moods: 200,
        missed: 600,
        ..CALM
    },
    Profile {
        name: "crashes",
        about: "actors panic, the power fails, the books refuse or do not answer",
        panics: 250,
        cuts: 400,
        fatal: 3_000,
        read_errors: 100,
        write_errors: 300,
        lost_answers: 300,
        slow_books: 800,
        ..CALM
    },
    Profile {
        name: "nodes",
        about: "nodes are silent, late, on other forks, and answer broadcasts with anything",
        node_errors: 1_200,
        node_moods: 900,
        broadcasts: 5_000,
        forks: 150,
        missed: 400,
        ..CALM
    },
    Profile {
        name: "fleet",
        about: "several machines behind one pool: they differ honestly, lose their heads, are late and start anew",
        visits: (3, 8),
        wrong: 5_000,
        refunds: true,
        node_moods: 600,
        forks: 400,
        flips: 2_500,
        missed: 400,
        cuts: 60,
        fleet: true,
        ..CALM
    },
    Profile {
        name: "money",
        about: "payments are wrong in every way, and the pool is often too small",
        visits: (4, 10),
        wrong: 8_500,
        repeated: 3_000,
        operators: 1_500,
        desk: 3_000,
        scarce: 4_000,
        forks: 60,
        ..CALM
    },
    Profile {
        name: "refunds",
        about: "payments are wrong, what they did not buy goes back, and everything goes wrong now and then",
        visits: (3, 8),
        wrong: 8_000,
        refunds: true,
        desk: 6_000,
        scarce: 3_000,
        ..NOW_AND_THEN
    },
    Profile {
        name: "generous",
        about: "too little is completed by a second payment, what is late is served, and much goes wrong",
        visits: (3, 8),
        wrong: 8_000,
        refunds: true,
        generous: true,
        desk: 2_000,
        operators: 300,
        panics: 40,
        cuts: 60,
        node_errors: 200,
        node_moods: 100,
        broadcasts: 1_000,
        forks: 80,
        missed: 300,
        skewed: 1_000,
        scarce: 1_500,
        ..NOW_AND_THEN
    },
    Profile {
        name: "load",
        about: "many customers at once",
        visits: (10, 20),
        wrong: 3_000,
        panics: 20,
        scarce: 2_000,
        ..CALM
    },
    Profile {
        name: "storm",
        about: "everything, all the time",
        visits: (3, 9),
        wrong: 5_000,
        repeated: 4_000,
        operators: 2_000,
        desk: 3_000,
        panics: 250,
        cuts: 350,
        fatal: 3_000,
        read_errors: 100,
        write_errors: 250,
        lost_answers: 250,
        slow_books: 1_000,
        node_errors: 900,
        node_moods: 800,
        broadcasts: 4_000,
        forks: 800,
        flips: 4_000,
        vanishing: 5_000,
        missed: 1_000,
        skewed: 5_000,
        scarce: 3_000,
        ..CALM
    },
];

impl FromStr for &'static Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        PROFILES.iter().find(|profile| profile.name == name).ok_or_else(|| {
            let known: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
            format!("unknown profile `{name}`; there are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{PROFILES, Profile};

    #[test]
    fn profiles_are_found_by_their_names() {
        for profile in PROFILES {
            assert_eq!(profile.name.parse::<&'static Profile>(), Ok(profile));
        }
        assert!("sunny".parse::<&'static Profile>().is_err());
    }
}
