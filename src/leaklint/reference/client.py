"""The audited client: calls the model for one state id over the connection that all clients share."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import openai

from leaklint.reference.audit import AuditRecord, AuditSink
from leaklint.reference.errors import AccessDeniedError, CapacityError, ConfigError, QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai.types.chat import ChatCompletionMessageParam

    from leaklint.reference.configuration import Endpoint
    from leaklint.reference.queries import QuerySpec


def connect(endpoint: Endpoint) -> openai.AzureOpenAI:
    """Open the connection; ConfigError if the environment does not hold the key."""
    api_key = os.environ.get(endpoint.api_key_variable)
    if not api_key:
        raise ConfigError(f"the environment variable {endpoint.api_key_variable} holds no key")
    return openai.AzureOpenAI(
        azure_endpoint=endpoint.url,
        azure_deployment=endpoint.deployment,
        api_version=endpoint.api_version,
        api_key=api_key,
        timeout=endpoint.request_seconds,
        # The executor alone decides about another try, so that every call is audited and none outlives its limits.
        max_retries=0,
    )


class AuditedClient:
    """Numbers and records the calls of one state id. One thread at a time may use it."""

    def __init__(self, state_id: str, connection: openai.AzureOpenAI, deployment: str, audit: AuditSink) -> None:
        self.state_id = state_id
        self.records: list[AuditRecord] = []
        self._connection = connection
        self._deployment = deployment
        self._audit = audit

    def ask(self, spec: QuerySpec, prompt: str) -> str:
        """Ask the model for its answer to `prompt`.

        Raises CapacityError on 429, AccessDeniedError on 401 and 403, QueryError on any other failure.
        """
        started_at, started = time.time(), time.perf_counter()

        def record(answer: str | None, error: str | None) -> None:
            seconds = time.perf_counter() - started
            entry = AuditRecord(self.state_id, len(self.records), prompt, answer, error, started_at, seconds)
            self.records.append(entry)
            self._audit(entry)

        try:
            answer = self._complete(spec, prompt)
        except Exception as error:
            record(None, str(error))
            raise
        record(answer, None)
        return answer

    def _complete(self, spec: QuerySpec, prompt: str) -> str:
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": prompt}]
        if spec.system is not None:
            messages.insert(0, {"role": "system", "content": spec.system})
        try:
            completion = self._connection.chat.completions.create(
                model=self._deployment, messages=messages, extra_body=spec.options
            )
        except openai.APIError as error:
            raise _translated(error) from error
        choice = completion.choices[0] if completion.choices else None
        if choice is None or choice.message.content is None:
            reason = "no choice" if choice is None else choice.finish_reason
            raise QueryError(f"the model gave no text ({reason})")
        return choice.message.content


def _translated(error: openai.APIError) -> Exception:
    if isinstance(error, openai.RateLimitError):
        return CapacityError(_retry_after_seconds(error.response.headers))
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return AccessDeniedError(f"access denied ({error.status_code})")
    if isinstance(error, openai.APITimeoutError):
        return QueryError("the service did not answer in time")
    if isinstance(error, openai.APIStatusError):
        return QueryError(f"the service answered {error.status_code}")
    return QueryError(f"the call failed: {error.message}")


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    return milliseconds / 1000 if milliseconds is not None else _number(headers.get("retry-after"))


def _number(text: str | None) -> float | None:
    """`text` as a number; None for a date, which HTTP allows too: the executor's own wait serves as well."""
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) else None
