"""
Spans of what happens to intents, sent where OpenTelemetry's own environment variables say.

An intent's `trace_id` is the trace's id, so that what proposer, gate, approver and worker did to it stands in one
trace, whichever process did it. Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set and `remit[otel]` is installed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from remit.core.canonical import sha256_hex
from remit.hooks import Hook, StepEvent
from remit.wiring import Remit

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, Tracer

log = logging.getLogger(__name__)

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@contextmanager
def traced(remit: Remit, environ: Mapping[str, str]) -> Iterator[None]:
    """Turn what `remit` does in this context into spans, and send the last of them at its end."""
    if not environ.get(ENDPOINT):
        yield
        return
    try:
        provider = _provider(environ)
    except ImportError:
        log.warning("%s is set and nothing is sent: install remit[otel]", ENDPOINT)
        yield
        return
    remit.hooks.add(spans(provider.get_tracer("remit")))
    try:
        yield
    finally:
        provider.shutdown()


def _provider(environ: Mapping[str, str]) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = environ.get("OTEL_SERVICE_NAME", "remit")
    provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def spans(tracer: Tracer) -> Hook:
    """A watcher that makes a span of each step."""
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    def happened(step: StepEvent) -> None:
        # A decision about nothing stored has no trace.
        if step.trace_id is None:
            return
        attributes = {
            "remit.tenant_id": step.tenant_id,
            "remit.action_intent_id": step.action_intent_id,
            "remit.trace_id": step.trace_id,
            "remit.result": step.result,
            "remit.reason": step.reason or "",
        }
        parent = set_span_in_context(NonRecordingSpan(_parent(step.trace_id)))
        span = tracer.start_span(f"remit {step.step}", context=parent, attributes=attributes, start_time=step.began_ns)
        span.end(end_time=step.ended_ns)

    return happened


def _parent(trace_id: str) -> SpanContext:
    """The intent, as the span that the steps of it stand under. A trace id of another form is hashed into one."""
    from opentelemetry.trace import SpanContext, TraceFlags

    fits = re.fullmatch(r"[0-9a-f]{32}", trace_id) and int(trace_id, 16)
    text = trace_id if fits else sha256_hex(trace_id.encode())[:32]
    return SpanContext(
        trace_id=int(text, 16),
        span_id=int(sha256_hex(text.encode())[:16], 16) or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
