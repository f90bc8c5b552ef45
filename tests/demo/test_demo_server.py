import http.client
import json
from contextlib import closing

import pytest

from leaklint.demo.server import ChatServer

PATH = "/openai/deployments/a-model/chat/completions?api-version=2024-10-21"
BODY = json.dumps({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "hello"}]})


def post(server, path=PATH, headers=None):
    host = server.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=5)) as connection:
        connection.request("POST", path, BODY, {"api-key": "k"} if headers is None else headers)
        response = connection.getresponse()
        return response.status, dict(response.headers), json.loads(response.read())


def test_it_answers_the_last_message_as_azure_does():
    with ChatServer() as server:
        status, _headers, completion = post(server)
    assert status == 200
    assert completion["model"] == "a-model"
    assert completion["choices"][0]["message"] == {"role": "assistant", "content": "answer to: hello"}


def test_it_refuses_the_first_calls_and_counts_all():
    with ChatServer(refuse=2, refusal_headers={"Retry-After": "7"}) as server:
        answers = [post(server) for _ in range(3)]
        assert server.calls == 3
    assert [status for status, _headers, _body in answers] == [429, 429, 200]
    assert [headers.get("Retry-After") for _status, headers, _body in answers] == ["7", "7", None]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/chat/completions", None, 404),
        (PATH.partition("?")[0], None, 404),
        (PATH, {}, 401),
    ],
)
def test_it_takes_only_calls_that_azure_would_take(path, headers, status):
    with ChatServer() as server:
        assert post(server, path, headers)[0] == status
        assert server.calls == 0


def test_it_ends_while_a_client_keeps_its_connection():
    with ChatServer() as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
        connection.request("POST", PATH, BODY, {"api-key": "k"})
        connection.getresponse().read()
    connection.close()


def test_a_client_that_goes_away_is_no_error(capfd):
    with ChatServer(delay_seconds=0.05, answer=lambda prompt: "x" * 10_000_000) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
        connection.request("POST", PATH, BODY, {"api-key": "k"})
        connection.close()
    assert capfd.readouterr().err == ""


def test_an_error_of_its_own_is_reported(capfd):
    with ChatServer(answer=lambda prompt: 1 // 0) as server, pytest.raises(http.client.RemoteDisconnected):
        post(server)
    assert "ZeroDivisionError" in capfd.readouterr().err
