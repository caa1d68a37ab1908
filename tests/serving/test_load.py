"""Many clients at once: nothing is lost, nothing is mixed up. Run with -rP to see the times."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from served import drawing, running

REQUESTS, CLIENTS = 1000, 8
IMAGE = drawing("green", "square")


def test_a_thousand_requests_of_eight_clients_are_all_answered(session):
    queries = [
        f"a {size} {colour} circle" for size in ("big", "small", "the") for colour in ("red", "blue", "grey")
    ]
    expected = {query: [hit.id for hit in session.text(query, 5)] for query in queries}

    def client(number):
        """Ask one query after another over one connection; return milliseconds."""
        connection, times = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60), []
        for i in range(number, REQUESTS, CLIENTS):
            query = queries[i % len(queries)]
            start = perf_counter()
            if i % 25 == 24:  # among the texts some images
                connection.request("POST", "/search?top=5", IMAGE)
                wanted = None
            else:
                connection.request("GET", f"/search?q={query.replace(' ', '+')}&top=5")
                wanted = expected[query]
            answer = connection.getresponse()
            found = json.load(answer)
            times.append(1000 * (perf_counter() - start))
            assert answer.status == 200, found
            ids = [hit["id"] for hit in found["hits"]]
            assert ids == wanted or (wanted is None and ids[0] == "toy/green-square")
        return times

    session.image(IMAGE, 1)  # builds the image tower
    with running(session) as address, ThreadPoolExecutor(CLIENTS) as pool:
        times = [ms for each in pool.map(client, range(CLIENTS)) for ms in each]
    assert len(times) == REQUESTS
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    print(f"{REQUESTS} requests, {CLIENTS} clients: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms")
