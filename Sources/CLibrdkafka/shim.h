#include <librdkafka/rdkafka.h>
// The in-process broker of tests, demo and development.
#include <librdkafka/rdkafka_mock.h>
