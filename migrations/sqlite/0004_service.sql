-- What the service keeps beside the money. Seeded rows carry the moment 0 until the store that made them stamps them.

CREATE TABLE price_configs (
    id         INTEGER NOT NULL PRIMARY KEY,
    mode_type  TEXT    NOT NULL UNIQUE,
    config     TEXT    NOT NULL,
    is_active  INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE resource_consumption_configs (
    id            INTEGER NOT NULL PRIMARY KEY,
    resource_type TEXT    NOT NULL UNIQUE,
    config        TEXT    NOT NULL,
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

INSERT INTO price_configs (mode_type, config, is_active, created_at, updated_at)
VALUES ('energy_flash',
        '{"single_price": 1.5, "max_transactions": 10, "expiry_hours": 1, "min_amount": 1.0, "description": "能量闪租服务 - 1.5 TRX/笔，最多10笔，1小时时效"}',
        1, 0, 0);

-- trx_transfer_energy is kept for readers of requirement 001: a plain TRX transfer costs bandwidth and no energy.
INSERT INTO resource_consumption_configs (resource_type, config, is_active, created_at, updated_at)
VALUES ('energy',
        '{"usdt_standard_energy": 65000, "usdt_first_transfer_energy": 131000, "trx_transfer_energy": 268, "trc20_transfer_energy": 65000, "contract_call_energy": 10000, "description": "标准能量消耗配置"}',
        1, 0, 0);

CREATE TABLE api_keys (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    secret_hash TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    created_at  INTEGER NOT NULL
) STRICT;

-- Private keys as the key store sealed them; nothing here opens them. permission_id -1 is the owner permission.
CREATE TABLE sealed_keys (
    address       TEXT    NOT NULL,
    permission_id INTEGER NOT NULL,
    sealed        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (address, permission_id)
) STRICT;

CREATE TABLE quotes (
    id         TEXT    NOT NULL PRIMARY KEY,
    quote      TEXT    NOT NULL,
    recipient  TEXT,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX idx_quotes_expires_at ON quotes (expires_at);

-- One row for each time that an order's payment was watched for.
CREATE TABLE payment_monitoring_logs (
    id                    INTEGER NOT NULL PRIMARY KEY,
    order_id              TEXT    NOT NULL REFERENCES orders (id),
    payment_address       TEXT    NOT NULL,
    monitoring_started_at INTEGER NOT NULL,
    monitoring_stopped_at INTEGER,
    status                TEXT    NOT NULL DEFAULT 'monitoring'
                                  CHECK (status IN ('monitoring', 'completed', 'timeout', 'error')),
    detected_tx_hash      TEXT,
    detected_amount       INTEGER,
    detected_from_address TEXT,
    error_message         TEXT,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL
) STRICT;
CREATE INDEX idx_payment_monitoring_order_id ON payment_monitoring_logs (order_id, id);
CREATE INDEX idx_payment_monitoring_address ON payment_monitoring_logs (payment_address);
CREATE INDEX idx_payment_monitoring_status ON payment_monitoring_logs (status);
CREATE INDEX idx_payment_monitoring_started_at ON payment_monitoring_logs (monitoring_started_at DESC);
CREATE INDEX idx_payment_monitoring_stopped_at ON payment_monitoring_logs (monitoring_stopped_at)
    WHERE monitoring_stopped_at IS NOT NULL;
CREATE UNIQUE INDEX idx_payment_monitoring_running ON payment_monitoring_logs (order_id)
    WHERE status = 'monitoring';

-- One row, written to find out whether writing works.
CREATE TABLE pings (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    pinged_at INTEGER NOT NULL
) STRICT;
INSERT INTO pings (id, pinged_at) VALUES (1, 0);
