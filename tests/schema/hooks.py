"""What the document cannot say by itself: where things that exist are found.

Most generated ids name nothing, and a refusal is all that they reach. Half of them are replaced by ids of orders, payments,
refunds and transactions that the running service has just been asked for.
"""

import os
import random

import requests
import schemathesis

BASE = os.environ["LEYDEN_API"]
KEY = os.environ["LEYDEN_KEY"]
LISTS = {
    "orderId": ("/api/v1/orders", "orderId"),
    "order": ("/api/v1/orders", "orderId"),
    "paymentId": ("/api/v1/payments", "paymentId"),
    "payment": ("/api/v1/payments", "paymentId"),
    "txHash": ("/api/v1/payments", "txHash"),
    "refundId": ("/api/v1/refunds", "refundId"),
    "repairId": ("/api/v1/repairs", "repairId"),
    "reconciliationId": ("/api/v1/reconciliations", "reconciliationId"),
}
CONFIGS = {"modeType": "energy_flash", "resourceType": "energy"}
known: dict[str, list[str]] = {}
chance = random.Random(1)


def learn(name):
    if name not in known or chance.random() < 0.01:
        path, member = LISTS[name]
        answer = requests.get(BASE + path, params={"limit": 100}, headers={"X-API-Key": KEY}, timeout=10)
        rows = answer.json().get("data", []) if answer.ok else []
        known[name] = [row[member] for row in rows if member in row]
    return known[name]


def real(parameters):
    if not parameters:
        return parameters
    for name in list(parameters):
        if name in CONFIGS and chance.random() < 0.5:
            parameters[name] = CONFIGS[name]
        elif name in LISTS and chance.random() < 0.5 and learn(name):
            parameters[name] = chance.choice(known[name])
    return parameters


@schemathesis.hook
def before_call(context, case, kwargs):
    # Only of what is meant to be good: what is meant to be bad stays bad.
    mode = getattr(getattr(case, "meta", None), "generation", None)
    if mode is not None and mode.mode.is_negative:
        return
    real(case.path_parameters)
    real(case.query)
    if isinstance(case.body, dict):
        real(case.body)
