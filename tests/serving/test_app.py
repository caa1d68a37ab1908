"""The service over a real socket: what it answers, what it refuses, what it never tells."""

import http.client
import json
import socket
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from crossmodal.serving.guard import HEADERS
from crossmodal.serving.limits import Limits
from crossmodal.serving.session import Session
from served import HOSTILE, ask, drawing, running

LIMITS = Limits(body=50_000, seconds=1, waiting=2)
IMAGE = drawing("blue", "circle")


@pytest.fixture(scope="module")
def address(index, drawings) -> Iterator[str]:
    from crossmodal.serving.pictures import Pictures
    from crossmodal.serving.session import open_session
    from served import model_of

    with running(open_session(index[0], model_of(index[1]), Pictures([drawings[0]])), LIMITS) as found:
        yield found


def test_a_text_is_answered_with_json(address, session):
    answer = ask(address, "/search?q=a+red+square&top=4")
    found = answer.json()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (found["query"], found["top"], found["count"]) == ({"text": "a red square"}, 4, 24)
    expected = session.text("a red square", 4)
    assert [(h["rank"], h["id"], h["name"]) for h in found["hits"]] == [
        (h.rank, h.id, h.name) for h in expected
    ]
    assert [h["score"] for h in found["hits"]] == [pytest.approx(h.score, abs=1e-6) for h in expected]
    assert b"\n" not in answer.body


def test_an_image_is_answered_with_what_is_most_like_it(address):
    found = ask(address, "/search?top=2", IMAGE).json()
    assert found["query"] == {"image": {"bytes": len(IMAGE)}} and len(found["hits"]) == 2
    assert found["hits"][0]["id"] == "toy/blue-circle"


def test_pictures_are_sent_by_position(address, drawings):
    for row in (0, 23):
        answer = ask(address, f"/pictures/{row}")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
        assert answer.body == drawings[1][row].image


def test_the_page_answers_as_the_endpoint_does(address):
    page = ask(address, "/?q=a+red+square&top=4").body.decode()
    hits = ask(address, "/search?q=a+red+square&top=4").json()["hits"]
    assert all(f'src="{hit["picture"]}"' in page for hit in hits) and page.count('class="card"') == 5
    like = ask(address, f"/?like={hits[0]['row']}").body.decode()
    assert f"The 10 pictures most like {hits[0]['name']}" in like
    assert "18 of the 24 pictures" in ask(address, "/").body.decode()


@pytest.mark.parametrize(
    ("path", "data", "status", "words"),
    [
        ("/search", None, 400, "no query"),
        ("/search?q=", None, 400, "no query"),
        (f"/search?q={'x' * 401}", None, 400, "at most 400"),
        ("/search?q=a&top=0", None, 400, "from 1 to 100"),
        ("/search?q=a&top=101", None, 400, "from 1 to 100"),
        ("/search?q=a&top=x", None, 400, "from 1 to 100"),
        ("/search", b"", 400, "the body is empty"),
        ("/search", b"no image", 400, "no PNG, JPEG"),
        ("/search", IMAGE[: len(IMAGE) // 2], 400, "cannot be decoded"),
        ("/search", b"\xff\xd8\xff" + bytes(50_000), 413, "larger than 50000 bytes"),
        ("/search?top=0", IMAGE, 400, "from 1 to 100"),
        ("/pictures/24", None, 404, "no such picture"),
        ("/pictures/99999999999999999999999", None, 404, "no such picture"),
        ("/pictures/..%2f..%2fetc%2fpasswd", None, 404, "no such page"),
        ("/nothing", None, 404, "no such page"),
        ("/health", b"x", 405, "POST is not answered here"),
    ],
)
def test_what_cannot_be_answered_is_one_line_of_json(address, path, data, status, words):
    answer = ask(address, path, data)
    assert answer.status == status and b"\n" not in answer.body
    assert set(answer.json()) == {"error"} and words in answer.json()["error"]


@pytest.mark.parametrize("path", ["/?q=a&top=0", f"/?q={'x' * 401}", "/?like=24", "/?like=x"])
def test_a_page_says_what_is_wrong(address, path):
    answer = ask(address, path)
    assert answer.status in (400, 404) and answer.headers["content-type"].startswith("text/html")
    assert 'class="problem" role="alert">' in answer.body.decode()


@pytest.mark.parametrize("path", ["/", "/search?q=a", "/search", "/pictures/0", "/nothing", "/page.js"])
def test_every_answer_has_the_headers(address, path):
    headers = ask(address, path).headers
    assert all(headers[name.lower()] == value for name, value in HEADERS.items())
    assert "server" not in headers and "unsafe" not in headers["content-security-policy"]


def test_no_answer_tells_a_path_of_the_machine(address, drawings, index):
    paths = [
        str(drawings[0].parent).encode(),
        str(index[0].parent).encode(),
        b".parquet",
        b"/tmp",
        b"Traceback",
    ]
    for path in (
        "/",
        "/?q=a+red+square",
        "/search?q=a+red+square&top=24",
        "/health",
        "/search?q=",
        "/page.js",
    ):
        body = ask(address, path).body
        assert not [p for p in paths if p in body], path
    body = ask(address, "/search", b"\xff\xd8\xff no image").body
    assert not [p for p in paths if p in body]


def test_a_hostile_caption_is_text(address):
    assert HOSTILE not in ask(address, "/?q=a+red+square&top=24").body.decode()
    captions = [hit["caption"] for hit in ask(address, "/search?q=a+red+square&top=24").json()["hits"]]
    assert HOSTILE in captions


def test_other_names_are_refused(address):
    """A page of another site may have its name point here."""
    port = address.rpartition(":")[2]
    for host in (f"evil.example:{port}", "evil.example", "", "127.0.0.1.evil.example"):
        answer = ask(address, "/search?q=a", Host=host)
        assert answer.status == 400 and "answered under localhost" in answer.json()["error"]
    for host in (f"localhost:{port}", "LOCALHOST", f"[::1]:{port}"):
        assert ask(address, "/health", Host=host).status == 200


def connection(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)


def test_a_body_without_a_length_is_cut_off(address):
    """Chunked, it is counted as it comes."""
    client = connection(address)
    client.request("POST", "/search", body=iter([b"\xff\xd8\xff", *[bytes(10_000)] * 6]), encode_chunked=True)
    answer = client.getresponse()
    assert answer.status == 413 and "larger than" in json.load(answer)["error"]


def test_a_body_that_does_not_come_is_not_waited_for(address):
    client = connection(address)
    client.putrequest("POST", "/search")
    client.putheader("Content-Length", "100")
    client.endheaders(b"only this")
    answer = client.getresponse()
    assert answer.status == 408 and "did not arrive within 1 s" in json.load(answer)["error"]


def test_what_is_no_http_is_closed_and_the_rest_goes_on(address):
    host, _, port = address.removeprefix("http://").rpartition(":")
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n" + b"x" * 100_000, b"GET\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
    assert ask(address, "/health").status == 200


class Slow(Session):
    """A session that answers when it is told to."""

    def __init__(self, session: Session) -> None:
        self.__dict__ |= session.__dict__
        self.go, self.asked = Event(), 0

    def text(self, query, top):
        self.asked += 1
        assert self.go.wait(30)
        return Session.text(self, query, top)


def test_too_many_at_once_are_turned_away_and_the_others_answered(session):
    slow = Slow(session)
    with running(slow, LIMITS, workers=1) as address:
        answers = []

        def one():
            answers.append(ask(address, "/search?q=a"))
            if len(answers) == 3:
                slow.go.set()

        threads = [Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200, 200, 200, 503, 503, 503], "one at work, two waiting"
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.headers["retry-after"] == "1" and "too many" in refused.json()["error"]


def test_a_failure_is_one_line_without_its_reason(session, capfd):
    class Broken(Slow):
        def text(self, query, top):
            raise RuntimeError("/secret/path")

    with running(Broken(session)) as address:
        answer = ask(address, "/search?q=a")
        assert answer.status == 500 and answer.json() == {
            "error": "the search failed; the service's own output says why"
        }
        assert all(answer.headers[name.lower()] == value for name, value in HEADERS.items())
        assert ask(address, "/health").status == 200
    assert "/secret/path" in capfd.readouterr().err
