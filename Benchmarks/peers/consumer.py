"""The reference load without Sluice: a Kafka consumer in Python that keeps the same keys, states, journal and backlog.

As a competent team writes it: confluent-kafka, psycopg 3 in pipeline mode, orjson, batches of records in one transaction,
arrays through unnest, offsets committed after the transaction, one process a core. `--manner single` is the same with one
transaction an event. It reads the first records of its topic and ends, so that its rate can be compared.
"""

import argparse
import ctypes
import datetime
import hashlib
import multiprocessing
import signal
import struct
import sys

import orjson
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

STATES = {"received": 1, "validated": 2, "allocated": 3, "shipped": 5, "invoiced": 6}
CHANNEL = "reference"
BATCH = 1000

FIND_KEYS = """
    SELECT r.i FROM unnest(%b::text[], %b::text[]) WITH ORDINALITY AS r(e, k, i)
    JOIN LATERAL (SELECT 1 FROM journal WHERE legal_entity = r.e AND channel = 'reference' AND event_id = r.k LIMIT 1) j
        ON true
"""
LOAD_ORDERS = """
    SELECT r.i, o.revision, o.version, o.document FROM unnest(%b::text[], %b::text[]) WITH ORDINALITY AS r(e, k, i)
    JOIN LATERAL (SELECT revision, version, document FROM orders
                  WHERE legal_entity = r.e AND order_ref = r.k LIMIT 1) o ON true
"""
INSERT_JOURNAL = """
    INSERT INTO journal (source_offset, occurred_at, logged_at, recorded_at, content_hash, sequence, order_version,
                         source_partition, outcome, disposition, status, milestone, state_before, state_after,
                         legal_entity, channel, event_id, order_ref, warehouse, payload)
    SELECT o, t, l, %b::timestamptz, h, s, v, p, 1, 1, a, 0, b, a, e, 'reference', k, r, w, d
    FROM unnest(%b::bigint[], %b::timestamptz[], %b::timestamptz[], %b::bigint[], %b::bigint[], %b::bigint[],
                %b::integer[], %b::smallint[], %b::smallint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[])
        AS r(o, t, l, h, s, v, p, a, b, e, k, r, w, d)
"""
INSERT_DUPLICATES = """
    INSERT INTO duplicates (source_offset, recorded_at, source_partition, legal_entity, channel, event_id)
    SELECT o, %b::timestamptz, p, e, 'reference', k FROM unnest(%b::bigint[], %b::integer[], %b::text[], %b::text[])
        AS r(o, p, e, k)
    ON CONFLICT DO NOTHING
"""
WRITE_ORDERS = """
    INSERT INTO orders AS o (revision, version, updated_at, state_since, state, legal_entity, order_ref, document)
    SELECT n, v, %b::timestamptz, t, s, e, k, d
    FROM unnest(%b::bigint[], %b::bigint[], %b::timestamptz[], %b::smallint[], %b::text[], %b::text[], %b::text[])
        AS r(n, v, t, s, e, k, d)
    ON CONFLICT (legal_entity, order_ref) DO UPDATE
    SET revision = excluded.revision, version = excluded.version, updated_at = excluded.updated_at,
        state_since = excluded.state_since, state = excluded.state, document = excluded.document
    WHERE o.revision = excluded.revision - 1
"""
LEARN_REFERENCES = """
    INSERT INTO order_references (learned_at, kind, legal_entity, issuer, value, order_ref)
    SELECT %b::timestamptz, 2, e, '', v, k FROM unnest(%b::text[], %b::text[], %b::text[]) AS r(e, v, k)
    ON CONFLICT DO NOTHING
"""
MARK_BACKLOG = """
    INSERT INTO backlog (since, due_at, class, legal_entity, order_ref)
    SELECT %b::timestamptz, %b::timestamptz, 1, e, k FROM unnest(%b::text[], %b::text[]) AS r(e, k)
    ON CONFLICT DO NOTHING
"""


class Order:
    """The state of one order, kept as JSON in its row."""

    __slots__ = ("revision", "version", "state", "since", "facts")

    def __init__(self):
        self.revision = 0
        self.version = 0
        self.state = 0
        self.since = None
        self.facts = {"times": {}, "sequence": 0}

    @classmethod
    def read(cls, revision, version, document):
        order = cls()
        order.revision = revision
        order.version = version
        order.facts = orjson.loads(document)
        order.state = order.facts["state"]
        order.since = datetime.datetime.fromisoformat(order.facts["times"][str(order.state)])
        return order

    def apply(self, event):
        before = self.state
        status = STATES[event["status"]]
        if event["sequence"] > self.facts["sequence"]:
            self.facts["sequence"] = event["sequence"]
            self.state = max(self.state, status)
        self.facts["times"].setdefault(str(status), event["occurred_at"])
        self.facts["lines"] = event["lines"]
        self.facts["currency"] = event["currency"]
        self.facts["total"] = event["total"]
        self.facts["customer"] = event["customer"]
        self.facts["references"] = event["references"]
        self.facts["warehouse"] = event["warehouse"]
        self.facts["state"] = self.state
        self.since = datetime.datetime.fromisoformat(self.facts["times"][str(self.state)])
        self.version += 1
        return before, self.state


def apply(connection, records, numbers):
    """Applies the records in one transaction: two round trips of questions and answers, and one that writes."""
    now = datetime.datetime.now(datetime.timezone.utc)
    events = [orjson.loads(record.value()) for record in records]
    keys = list(dict.fromkeys((event["legal_entity"], event["order_ref"]) for event in events))
    with connection.pipeline():
        found = connection.execute(
            FIND_KEYS, ([event["legal_entity"] for event in events], [event["event_id"] for event in events]), prepare=True
        )
        loaded = connection.execute(LOAD_ORDERS, ([key[0] for key in keys], [key[1] for key in keys]), prepare=True)
        taken = {(events[i - 1]["legal_entity"], events[i - 1]["event_id"]) for (i,) in found.fetchall()}
        orders = {keys[i - 1]: Order.read(*rest) for i, *rest in loaded.fetchall()}
    journal, duplicates, references, touched = [], [], [], {}
    for record, event in zip(records, events):
        key = (event["legal_entity"], event["event_id"])
        position = (record.offset(), numbers[record.partition()])
        if key in taken:
            duplicates.append((*position, *key))
            continue
        taken.add(key)
        name = (event["legal_entity"], event["order_ref"])
        order = orders.get(name) or orders.setdefault(name, Order())
        before, after = order.apply(event)
        touched[name] = order
        for reference in event["references"]:
            references.append((event["legal_entity"], reference["value"], event["order_ref"]))
        logged = datetime.datetime.fromtimestamp(record.timestamp()[1] / 1000, datetime.timezone.utc)
        digest = struct.unpack("<q", hashlib.blake2b(record.value(), digest_size=8).digest())[0]
        journal.append((
            position[0], datetime.datetime.fromisoformat(event["occurred_at"]), logged, digest, event["sequence"],
            order.version, position[1], after, before, *key, event["order_ref"], event["warehouse"], record.value(),
        ))
    with connection.pipeline():
        write(connection, now, journal, duplicates, references, touched)
        connection.commit()


def write(connection, now, journal, duplicates, references, touched):
    """Sends every row that the transaction adds or changes, in key order."""
    if journal:
        journal.sort(key=lambda row: (row[9], row[10]))
        connection.execute(INSERT_JOURNAL, (now, *map(list, zip(*journal))), prepare=True, binary=True)
    if duplicates:
        connection.execute(INSERT_DUPLICATES, (now, *map(list, zip(*duplicates))), prepare=True)
    if references:
        connection.execute(LEARN_REFERENCES, (now, *map(list, zip(*sorted(set(references))))), prepare=True)
    if touched:
        rows = []
        for name in sorted(touched):
            order = touched[name]
            rows.append((
                order.revision + 1, order.version, order.since, order.state, *name, orjson.dumps(order.facts).decode(),
            ))
        connection.execute(WRITE_ORDERS, (now, *map(list, zip(*rows))), prepare=True)
        names = sorted(touched)
        connection.execute(MARK_BACKLOG, (now, now, [n[0] for n in names], [n[1] for n in names]), prepare=True)


def consume(options, process):
    """Reads this process's partitions until it has its share of the records."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing is left behind when the parent is killed.
    partitions = [p for p in range(options.partitions) if p % options.processes == process]
    share = options.limit // options.processes + (1 if process < options.limit % options.processes else 0)
    consumer = Consumer({
        "bootstrap.servers": options.brokers, "group.id": options.group, "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })
    if options.limit == 0:
        ends = [consumer.get_watermark_offsets(TopicPartition(options.topic, p), timeout=30) for p in partitions]
        share = sum(high - low for low, high in ends)
    consumer.assign([TopicPartition(options.topic, p, OFFSET_BEGINNING) for p in partitions])
    with psycopg.connect(options.url, options="-c search_path=sluice") as connection:
        numbers = {}
        for partition in partitions:
            row = connection.execute(
                "INSERT INTO source_partitions (topic, partition) VALUES (%s, %s) RETURNING id",
                (options.topic, partition)).fetchone()
            numbers[partition] = row[0]
        connection.commit()
        done = 0
        size = BATCH if options.manner == "batched" else 1
        while done < share:
            records = consumer.consume(num_messages=min(size, share - done), timeout=10)
            if not records:
                sys.exit("no more records")
            for record in records:
                if record.error():
                    sys.exit(str(record.error()))
            apply(connection, records, numbers)
            done += len(records)
            consumer.commit(asynchronous=True)
    consumer.close()


def main():
    parser = argparse.ArgumentParser()
    for name in ["brokers", "group", "topic", "url"]:
        parser.add_argument(f"--{name}", required=True)
    # limit: records of all processes together; 0: all that the partitions hold.
    for name in ["limit", "partitions", "processes"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--manner", choices=["batched", "single"], default="batched")
    options = parser.parse_args()
    children = [multiprocessing.Process(target=consume, args=(options, n)) for n in range(options.processes)]
    for child in children:
        child.daemon = True
        child.start()
    for child in children:
        child.join()
    sys.exit(max(abs(child.exitcode) for child in children))


if __name__ == "__main__":
    main()
