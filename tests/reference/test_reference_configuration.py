import json
import re

import pytest

import leaklint.reference
from leaklint.reference.audit import AuditRecord, json_lines_sink, log_record
from leaklint.reference.client import connect
from leaklint.reference.configuration import Endpoint, load_config
from leaklint.reference.contexts import BatchContext
from leaklint.reference.errors import ConfigError

ENDPOINT = {"url": "http://127.0.0.1:1", "deployment": "a-model"}
QUERY = {"name": "summary", "template": "Summarise: $text"}
RECORD = AuditRecord("batch-001_r0_q0", 0, "secret prompt", "secret answer", None, 1.0, 0.25)


def test_defaults_are_those_of_the_case():
    config = load_config({"endpoint": ENDPOINT, "queries": [QUERY]})
    assert config.alert_above == 100
    assert config.queries[0].render({"text": "hello"}) == "Summarise: hello"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": []}, "queries"),
        ({"queries": [QUERY, QUERY]}, "two are named 'summary'"),
        ({"queries": [{"name": "no name", "template": "x"}]}, "$.queries[0].name"),
        ({"queries": [{"name": "price", "template": "costs $ 5"}]}, "template of 'price'"),
        ({"endpoint": {"url": "ftp://x", "deployment": "d"}}, "$.endpoint.url"),
        ({"endpoint": {"deployment": "d"}}, "`url`"),
        ({"pool_size": 0}, "$.pool_size"),
        ({"pool_sise": 4}, "pool_sise"),
        ({"retry": {"retry_seconds": 0}}, "$.retry.retry_seconds"),
    ],
)
def test_a_wrong_configuration_is_refused_by_the_name_of_its_field(change, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config({"endpoint": ENDPOINT, "queries": [QUERY], **change})


def test_a_missing_key_is_told_by_the_variable(monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ConfigError, match="MY_KEY"):
        connect(Endpoint(url="http://127.0.0.1:1", deployment="d", api_key_variable="MY_KEY"))


def test_the_system_message_and_the_options_reach_the_service(start_server, open_transform):
    queries = [{**QUERY, "system": "Be brief.", "options": {"temperature": 0, "seed": 7}}]
    server = start_server()
    open_transform(server, queries=queries).process({"text": "hello"}, BatchContext(state_id="batch-001"))
    assert server.last_request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Summarise: hello"},
    ]
    assert (server.last_request["temperature"], server.last_request["seed"]) == (0, 7)


def test_the_json_lines_sink_appends_one_line_a_call(tmp_path):
    path = tmp_path / "trail.jsonl"
    sink = json_lines_sink(path)
    sink(RECORD)
    sink(RECORD)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["prompt"] == "secret prompt"


def test_the_log_has_no_texts(caplog):
    with caplog.at_level("INFO", "leaklint.reference.audit"):
        log_record(RECORD)
    assert caplog.messages == ["batch-001_r0_q0 call 0: answered in 0.250 s"]


def test_the_example_in_the_package_docstring_runs(start_server, monkeypatch, capsys):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "no-secret")
    example = leaklint.reference.__doc__.split("::\n", 1)[1].replace(
        "https://example.openai.azure.com", start_server().url
    )
    exec(compile("if True:\n" + example, "<example>", "exec"), {})
    assert capsys.readouterr().out == (
        "answer to: Summarise in one sentence: Bonjour answer to: Name the language of: Bonjour None\n"
    )
