-- The views of requirement 001.

CREATE VIEW payment_monitoring_status AS
SELECT pml.order_id,
       pml.payment_address,
       pml.status AS monitoring_status,
       pml.monitoring_started_at,
       pml.monitoring_stopped_at,
       pml.detected_amount,
       pml.detected_from_address,
       o.status AS order_status,
       o.paid_amount,
       o.transaction_count,
       o.expires_at,
       o.expires_at < unixepoch() * 1000 AS is_expired
FROM payment_monitoring_logs pml
JOIN orders o ON o.id = pml.order_id
WHERE NOT EXISTS (SELECT 1 FROM payment_monitoring_logs newer
                  WHERE newer.order_id = pml.order_id AND newer.id > pml.id);

CREATE VIEW energy_delegation_stats AS
SELECT ed.order_id,
       COUNT(*) AS total_delegations,
       COUNT(CASE WHEN ed.status = 'success' THEN 1 END) AS successful_delegations,
       COUNT(CASE WHEN ed.status = 'failed' THEN 1 END) AS failed_delegations,
       SUM(CASE WHEN ed.status = 'success' THEN ed.energy_amount ELSE 0 END) AS total_energy_delegated,
       MIN(ed.delegated_at) AS first_delegation_at,
       MAX(ed.delegated_at) AS last_delegation_at
FROM energy_delegations ed
GROUP BY ed.order_id;
