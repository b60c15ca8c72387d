#!/usr/bin/env python3
"""Makes Tests/Fixtures/odoo/contract.json out of recorded exchanges with real Odoo servers.

usage: scripts/odoo-contract.py RECORDINGS > Tests/Fixtures/odoo/contract.json

RECORDINGS has odoo-18 and odoo-19 with one file a scenario. Of each exchange that the client makes too, the call is kept,
and of its answer what decides: exception names, states, quantities, which records. Database ids become names: masters by
their code, what a scenario created by a number of its own.
"""
import json
import sys

SCENARIOS = [
    "flow-full", "flow-partial-skip-backorder", "flow-partial-no-backorder",
    "flow-partial-stock-shortage", "hold", "cancel", "repeat-actions", "load-insert-or-ignore",
]
RELATIONS = {
    "partner_id": "res.partner", "product_id": "product.product", "warehouse_id": "stock.warehouse",
    "company_id": "res.company", "picking_ids": "stock.picking", "picking_id": "stock.picking",
    "backorder_id": "stock.picking", "invoice_ids": "account.move", "tag_ids": "crm.tag", "sale_id": "sale.order",
    "move_ids": "stock.move", "active_ids": "sale.order", "active_id": "sale.order", "order_line": "sale.order.line",
    "picking_ids_not_to_backorder": "stock.picking", "sale_line_id": "sale.order.line", "carrier_id": "delivery.carrier",
    "allowed_company_ids": "res.company", "res_id": None,
}
DECIDES = [
    "id", "state", "delivery_status", "invoice_status", "locked", "picking_ids", "invoice_ids", "quantity", "picked",
    "product_uom_qty", "payment_state", "carrier_tracking_ref", "backorder_id", "client_order_ref", "tag_ids",
]
PLACES = {
    "create": ["vals_list"], "write": ["vals"], "load": ["fields", "data"], "read": ["fields"],
    "search_read": ["domain", "fields"],
}
OF_MODEL = {"create", "load", "search_read", "search_count"}
# What the recordings did to prepare or to look, and the client never does.
SKIPPED = ["activity_schedule", "unlink", "process", "export_data", "scheduler", "check_object_reference"]


def masters(folder):
    """Ids of the recorded database: model -> id -> code."""
    found = {}
    path = f"{folder}/{'json2' if folder.endswith('19') else 'jsonrpc'}-lookup.json"
    for exchange in json.load(open(path))["exchanges"]:
        call = read_call(exchange, folder)
        rows = answer_of(exchange, folder)[0]
        if not call or not isinstance(rows, list):
            continue
        for row in rows:
            if not isinstance(row, dict):
                continue
            code = row.get({"res.partner": "ref", "product.product": "default_code", "stock.warehouse": "code",
                            "res.company": "name", "delivery.carrier": "name"}.get(call["model"], ""))
            if code:
                found.setdefault(call["model"], {})[row["id"]] = code
    # Products name themselves wherever a move has one.
    def products(value):
        if isinstance(value, dict):
            pair = value.get("product_id")
            if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str) and pair[1].startswith("["):
                found.setdefault("product.product", {})[pair[0]] = pair[1][1:pair[1].index("]")]
            for item in value.values():
                products(item)
        elif isinstance(value, list):
            for item in value:
                products(item)
    protocol = "json2" if folder.endswith("19") else "jsonrpc"
    for name in SCENARIOS:
        products(json.load(open(f"{folder}/{protocol}-{name}.json")))
    return found


def read_call(exchange, folder):
    request = exchange["request"]
    body = request.get("body")
    if not isinstance(body, dict):
        return None
    if folder.endswith("18"):
        params = body.get("params", {})
        if params.get("service") != "object" or params.get("method") != "execute_kw":
            return None
        args = params["args"]
        if args[2] != "FAKEKEY-API":
            return None
        model, method, places = args[3], args[4], list(args[5]) if len(args) > 5 else []
        named = dict(args[6]) if len(args) > 6 else {}
        ids = None
        if method not in OF_MODEL and places:
            ids = places.pop(0)
        for name in PLACES.get(method, []):
            if places:
                named[name] = places.pop(0)
        if places:
            return None
    else:
        parts = request["path"].split("/")
        if len(parts) < 5 or parts[1:3] != ["json", "2"]:
            return None
        if request["headers"].get("Authorization") != "bearer FAKEKEY-API":
            return None
        model, method, named = parts[3], parts[4], dict(body)
        ids = named.pop("ids", None)
    context = named.pop("context", {})
    return {"model": model, "method": method, "ids": ids, "arguments": named, "context": context}


def answer_of(exchange, folder):
    """(value, exception's name or None)"""
    response = exchange["response"]
    body = response.get("body")
    if folder.endswith("18"):
        if isinstance(body, dict) and "error" in body:
            return None, body["error"]["data"]["name"]
        return (body or {}).get("result") if isinstance(body, dict) else None, None
    if response["status"] >= 400:
        return None, body["name"] if isinstance(body, dict) else f"http.{response['status']}"
    return body, None


class Names:
    def __init__(self, known):
        self.known = {(model, id): f"${model}:{code}" for model, ids in known.items() for id, code in ids.items()}
        self.made = 0

    def of(self, model, id, create=True):
        if not isinstance(id, int) or isinstance(id, bool):
            return id
        key = (model, id)
        if key not in self.known:
            if not create:
                return id
            self.made += 1
            self.known[key] = f"$new:{self.made}"
        return self.known[key]


def named(value, names, model):
    """A request's value with names for ids."""
    if isinstance(value, dict):
        return {key: related(key, item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item, names, model) for item in value]
    return value


def related(field, value, names):
    model = RELATIONS.get(field)
    if field == "domain":
        return [domain(term, names) for term in value]
    if model is None:
        return named(value, names, None)
    if isinstance(value, list):
        if value and all(isinstance(item, list) for item in value):
            return [command(item, names, model) for item in value]
        return [names.of(model, item) for item in value]
    return names.of(model, value)


def command(item, names, model):
    if item and item[0] in (1, 2, 3, 4):
        return [item[0], names.of(model, item[1])] + [named(more, names, model) for more in item[2:]]
    return [named(part, names, model) for part in item]


def domain(term, names):
    if isinstance(term, list) and len(term) == 3 and term[0] in RELATIONS:
        model = RELATIONS[term[0]]
        value = [names.of(model, id) for id in term[2]] if isinstance(term[2], list) else names.of(model, term[2])
        return [term[0], term[1], value]
    return term


def load_cells(call, names):
    columns = call["arguments"]["fields"]
    models = {"company_id/.id": "res.company", "warehouse_id/.id": "stock.warehouse", "partner_id/.id": "res.partner",
              "order_line/product_id/.id": "product.product"}
    for row in call["arguments"]["data"]:
        for index, column in enumerate(columns):
            if column in models and index < len(row) and row[index].isdigit():
                row[index] = names.of(models[column], int(row[index]), create=False)
                if isinstance(row[index], int):
                    row[index] = str(row[index])


def decisive(value, call, names):
    """What of an answer decides."""
    model = call["model"]
    if isinstance(value, dict) and str(value.get("type", "")).startswith("ir.actions."):
        return {"window": value.get("res_model")}
    if isinstance(value, dict) and "messages" in value:
        ids = value["ids"]
        blamed = sorted({m["record"] for m in value["messages"] if "record" in m})
        return {"ids": [names.of(model, id) for id in ids] if ids else False, "blamed": blamed}
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        rows = []
        for row in value:
            kept = {}
            for key in DECIDES:
                if key not in row:
                    continue
                item = row[key]
                if key == "id":
                    kept[key] = names.of(model, item)
                elif key == "backorder_id":
                    kept[key] = bool(item)
                elif key in RELATIONS:
                    kept[key] = [names.of(RELATIONS[key], id) for id in item]
                else:
                    kept[key] = item
            rows.append(kept)
        return rows
    if isinstance(value, list):
        return [names.of(model, id) for id in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return names.of(model, value)
    return value


def mentioned(value):
    """The names of made records in a value."""
    if isinstance(value, str):
        return [value] if value.startswith("$new:") else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [name for item in items for name in mentioned(item)]


def scenario(folder, release, name):
    protocol = "json2" if release == 19 else "jsonrpc"
    known = masters(folder)
    names = Names(known)
    steps = []
    met = set()
    for exchange in json.load(open(f"{folder}/{protocol}-{name}.json"))["exchanges"]:
        call = read_call(exchange, folder)
        if call is None or any(word in call["method"] for word in SKIPPED) or call["ids"] == []:
            continue
        # Who wins a race is not the contract.
        if "race" in exchange["label"] or "client " in exchange["label"]:
            continue
        # Nor what a search by text finds in a database that others use.
        if call["method"] == "search_read" and "client_order_ref" in json.dumps(call["arguments"].get("domain", [])):
            continue
        value, failure = answer_of(exchange, folder)
        if call["method"] in ("read", "search_read") and isinstance(call["arguments"].get("fields"), list):
            call["arguments"]["fields"] = [f for f in call["arguments"]["fields"] if f in DECIDES or f in ("name", "ref")]
        if call["method"] == "load":
            load_cells(call, names)
        step = {"label": exchange["label"], "model": call["model"], "method": call["method"]}
        if call["ids"] is not None:
            step["ids"] = [names.of(call["model"], id) for id in call["ids"]]
        if call["arguments"]:
            step["arguments"] = {key: related(key, item, names) for key, item in call["arguments"].items()}
        if call["context"]:
            step["context"] = {key: related(key, item, names) for key, item in call["context"].items()}
        # What was made by an exchange that is not kept cannot be named.
        if set(mentioned(step)) - met:
            continue
        if failure:
            step["failure"] = failure
        else:
            step["answer"] = decisive(value, call, names)
        met |= set(mentioned(step))
        steps.append(step)
    return {"release": release, "name": name, "steps": steps}


def main():
    out = []
    for release in (18, 19):
        folder = f"{sys.argv[1]}/odoo-{release}"
        for name in SCENARIOS:
            out.append(scenario(folder, release, name))
    print("[")
    print(",\n".join(
        json.dumps({"release": s["release"], "name": s["name"]})[:-1] + ', "steps": [\n'
        + ",\n".join(" " + json.dumps(step, ensure_ascii=True, separators=(",", ":")) for step in s["steps"]) + "\n]}"
        for s in out))
    print("]")


main()
