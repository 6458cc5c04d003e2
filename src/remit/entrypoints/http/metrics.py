"""
Metrics that `/metrics` shows: counted since this process started, or measured when it is asked.

Every series of a tenant is labelled with it, so that a tenant's operator is shown its own and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.entrypoints.web.lean_paths import BEGAN
from remit.flow.reading.measure import Measured
from remit.hooks import StepEvent

MOST_SERIES = 1000
"""Of each counter; what goes beyond is counted under `*`, which is nobody's name."""
OTHERS = "*"


class Metrics:
    """Everything one application counts, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._decisions = Counter(
            "remit_decisions",
            "What the gate answered in this process, repeats included.",
            ["tenant", "result", "reason"],
            registry=self._registry,
        )
        self._executions = Counter(
            "remit_executions",
            "Executions this process ended, by status.",
            ["tenant", "status"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "remit_http_request_duration_seconds",
            "From a request to the first byte of its answer.",
            ["method", "route", "status"],
            registry=self._registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self._counters: dict[tuple[str, ...], Counter] = {}
        self._latencies: dict[tuple[str, str, int], Histogram] = {}

    def happened(self, happened: StepEvent) -> None:
        """A watcher of the app."""
        if happened.step == "gate":
            self._one_of(self._decisions, happened.tenant_id, happened.result, happened.reason or "").inc()
        elif happened.step == "execute":
            self._one_of(self._executions, happened.tenant_id, happened.result).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        of = method, route, status
        if (latency := self._latencies.get(of)) is None:
            latency = self._latencies[of] = self._latency.labels(method, route, str(status))
        latency.observe(seconds)

    def page(self, measured: Measured, tenant_id: str | None) -> bytes:
        """In Prometheus' text format: everything, or only what is that tenant's."""
        return generate_latest(_Page(self._registry, measured, tenant_id))

    def _one_of(self, counter: Counter, *labels: str) -> Counter:
        # Reasons come from tenants' own policies: whoever writes those must not fill this process's memory.
        if (known := self._counters.get(labels)) is not None:
            return known
        if len(self._counters) >= MOST_SERIES:
            return counter.labels(*(OTHERS,) * len(labels))
        known = self._counters[labels] = counter.labels(*labels)
        return known


class _Page(Collector):
    def __init__(self, registry: CollectorRegistry, measured: Measured, tenant_id: str | None) -> None:
        self._registry, self._measured, self._tenant_id = registry, measured, tenant_id

    def collect(self) -> Iterator[Metric]:
        for metric in [*self._registry.collect(), *_gauges(self._measured)]:
            if self._tenant_id is not None:
                metric.samples = [s for s in metric.samples if s.labels.get("tenant") == self._tenant_id]
            if metric.samples:
                yield metric


def _gauges(measured: Measured) -> Iterable[Metric]:
    tenant, tool = ["tenant"], ["tenant", "action_type"]
    yield _gauge("remit_queue_length", "Intents that wait for a person.", tenant, measured.waiting)
    yield _gauge(
        "remit_queue_oldest_seconds", "How long the oldest of them has waited.", tenant, measured.oldest_waiting_s
    )
    yield _gauge(
        "remit_publish_lag_seconds",
        "How long the oldest approval that should be published by now has been reserved.",
        tenant,
        measured.publish_lag_s,
    )
    yield _gauge(
        "remit_budget_left",
        "Autonomous actions left today, of accounts with a budget.",
        ["tenant", "account"],
        measured.budget_left,
    )
    yield _gauge(
        "remit_limit_left",
        "What a limit leaves in its window of now: actions, or so much of its unit.",
        ["tenant", "limit", "unit", "of"],
        measured.limit_left,
    )
    yield _gauge(
        "remit_tool_paused_seconds", "How long a tool that kept failing has been paused.", tool, measured.tool_paused_s
    )
    yield _gauge(
        "remit_not_taken_seconds",
        "How long the oldest approval has waited that no worker takes.",
        tool,
        measured.not_taken_s,
    )
    yield GaugeMetricFamily(
        "remit_unmeasured", "Tenants, accounts and limits beyond the number measured.", measured.left_out
    )


def _gauge(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    """One gauge with a sample for each of `values`, which are by one label, or by several together."""
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for labelled, value in values.items():
        gauge.add_metric([labelled] if isinstance(labelled, str) else list(labelled), value)
    return gauge


class Timed:
    """Measures how long each request took until its answer began."""

    def __init__(self, app: ASGIApp, answered: Callable[[str, str, int, float], None]) -> None:
        self._app, self._answered = app, answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = scope.get(BEGAN) or time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route as it is written, not the path: paths hold ids.
                route = getattr(scope.get("route"), "path", "(none)")
                status = message["status"]
                # One that no route takes is any stranger's word: the parser knows dozens.
                method = scope["method"] if route != "(none)" and status != 405 else "(none)"
                self._answered(method, route, status, time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, timed)
