-- Which instance does the work of a singleton. Each taking has a new epoch; a write that was decided in an older one
-- is refused.

CREATE TABLE leases (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder     TEXT COLLATE "C" NOT NULL,
    epoch      BIGINT NOT NULL CHECK (epoch > 0),
    taken_at   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITH (fillfactor = 20);
