-- The views of requirement 001, for people: amounts are TRX, moments are timestamps. Nothing in the service reads them.

CREATE VIEW payment_monitoring_status AS
SELECT pml.order_id,
       pml.payment_address,
       pml.status AS monitoring_status,
       TIMESTAMPTZ 'epoch' + pml.monitoring_started_at * INTERVAL '1 millisecond' AS monitoring_started_at,
       TIMESTAMPTZ 'epoch' + pml.monitoring_stopped_at * INTERVAL '1 millisecond' AS monitoring_stopped_at,
       (pml.detected_amount / 1000000.0)::NUMERIC(20, 6) AS detected_amount,
       pml.detected_from_address,
       o.status AS order_status,
       (o.paid_amount / 1000000.0)::NUMERIC(20, 6) AS paid_amount,
       o.transaction_count,
       TIMESTAMPTZ 'epoch' + o.expires_at * INTERVAL '1 millisecond' AS expires_at,
       TIMESTAMPTZ 'epoch' + o.expires_at * INTERVAL '1 millisecond' < now() AS is_expired
FROM payment_monitoring_logs pml
JOIN orders o ON o.id = pml.order_id
WHERE NOT EXISTS (SELECT 1 FROM payment_monitoring_logs newer
                  WHERE newer.order_id = pml.order_id AND newer.id > pml.id);

CREATE VIEW energy_delegation_stats AS
SELECT ed.order_id,
       COUNT(*) AS total_delegations,
       COUNT(CASE WHEN ed.status = 'success' THEN 1 END) AS successful_delegations,
       COUNT(CASE WHEN ed.status = 'failed' THEN 1 END) AS failed_delegations,
       CAST(SUM(CASE WHEN ed.status = 'success' THEN ed.energy_amount ELSE 0 END) AS BIGINT)
           AS total_energy_delegated,
       TIMESTAMPTZ 'epoch' + MIN(ed.delegated_at) * INTERVAL '1 millisecond' AS first_delegation_at,
       TIMESTAMPTZ 'epoch' + MAX(ed.delegated_at) * INTERVAL '1 millisecond' AS last_delegation_at
FROM energy_delegations ed
GROUP BY ed.order_id;
