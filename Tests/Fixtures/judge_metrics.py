# Reads a page of metrics from standard input as Prometheus' Python client does; prints how many samples it has.
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

reader = {"text": parser, "openmetrics": openmetrics}[sys.argv[1]]
families = list(reader.text_string_to_metric_families(sys.stdin.buffer.read().decode("utf-8")))
print(sum(len(family.samples) for family in families))
