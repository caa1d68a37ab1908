"""`crossmodal serve` as a process: it starts, answers, refuses a taken port, and ends in good order."""

import re
import signal
import socket
import subprocess
import sys
from threading import Thread

import pytest

from served import adapt, ask, bert_folder, build_towers, model_of, save, write_drawings, write_index


@pytest.fixture(scope="session")
def arguments(tmp_path_factory):
    """Return the options of an index of drawings and its model."""
    root = tmp_path_factory.mktemp("served")
    base = save(build_towers(bert_folder(root / "bert")), root / "model")
    files, model = adapt(base, root / "adapter", "lora", rank=2)
    examples = write_drawings(root / "drawings.parquet")
    places = [f"{root / 'drawings.parquet'}#{row}" for row in range(len(examples))]
    write_index(root / "index", model, model_of(files).digest(), examples, places)
    return ["--index", str(root / "index"), "--model", str(base), "--adapter", str(root / "adapter")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(arguments, number):
    command = [sys.executable, "-m", "crossmodal.cli", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"24 items at (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)\n", line)
            assert found, line + process.stderr.read()
            address = found[1]
            assert len(ask(address, "/search?q=a+red+square").json()["hits"]) == 10
            assert ask(address, "/pictures/3").headers["content-type"] == "image/png"
            answers = []
            clients = [Thread(target=lambda: answers.append(ask(address, "/search?q=a"))) for _ in range(8)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            process.send_signal(number)
            assert process.wait(timeout=30) == 0
            assert [answer.status for answer in answers] == [200] * 8
            assert process.stderr.read() == "ended; every answer under way was given\n"
        finally:
            process.kill()


def test_an_answer_under_way_is_given_at_the_end(arguments):
    """The signal comes while a body is being sent: it is answered, then the service ends."""
    command = [sys.executable, "-m", "crossmodal.cli", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(re.search(r":(\d+) ", process.stdout.readline())[1])
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                head = f"POST /search HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 8\r\n"
                client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
                assert client.recv(65536).startswith(b"HTTP/1.1 100 ")  # the service waits for the body
                process.send_signal(signal.SIGTERM)
                client.sendall(b"no image")
                answer = b""
                while chunk := client.recv(65536):
                    answer += chunk
            assert answer.startswith(b"HTTP/1.1 400 ") and b"no PNG" in answer
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_a_port_in_use_is_one_line_before_anything_is_loaded(crossmodal):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = crossmodal("serve", "--port", port, "--index", "/nowhere")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"error: port {port} of 127.0.0.1 is in use; choose another with --port\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "no.such.host.invalid"), "--host no.such.host.invalid: no such name or address"),
        (("--host", "192.0.2.1"), "of 192.0.2.1 is not of this machine"),
        (("--index", "/nowhere"), "/nowhere: no index folder"),
    ],
)
def test_what_is_wrong_is_one_line(crossmodal, options, words):
    done = crossmodal("serve", "--port", 0, *options)
    assert (done.status, done.out) == (1, "") and words in done.err and done.err.count("\n") == 1


def test_only_loopback_is_bound_to_names():
    from crossmodal.serving.guard import LOOPBACK
    from crossmodal.serving.server import hosts_of

    assert hosts_of("127.0.0.1") == hosts_of("localhost") == hosts_of("::1") == LOOPBACK
    assert hosts_of("0.0.0.0") is None
