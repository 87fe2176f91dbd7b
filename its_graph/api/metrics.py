"""Prometheus metrics of a server; every application has its own registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from its_graph.budget import Spend

__all__ = ["Metrics"]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000)


class Metrics:
    """Search runs by strategy and final status, tokens by kind, FLOPs, and run time."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._started = Counter("its_searches_started", "Search runs started", ["strategy"], registry=registry)
        self._ended = Counter("its_searches_ended", "Search runs ended", ["strategy", "status"], registry=registry)
        self._running = Gauge("its_searches_running", "Search runs in progress", registry=registry)
        self._seconds = Histogram(
            "its_search_seconds", "Wall-clock time of search runs", ["strategy"], buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("its_tokens", "Tokens read and generated", ["kind"], registry=registry)
        self._flops = Counter("its_flops", "FLOPs of generators and verifiers", registry=registry)

    def record_start(self, strategy: str) -> None:
        """Count a run that starts: a new search or a resumed one."""
        self._started.labels(strategy).inc()
        self._running.inc()

    def record_spend(self, spend: Spend) -> None:
        """Count what one node used."""
        self._tokens.labels("prompt").inc(spend.prompt_tokens)
        self._tokens.labels("cached").inc(spend.cached_tokens)
        self._tokens.labels("generated").inc(spend.generated_tokens)
        self._tokens.labels("verifier").inc(spend.verifier_tokens)
        self._flops.inc(spend.flops)

    def record_end(self, strategy: str, status: str, seconds: float) -> None:
        """Count a run that ended."""
        self._running.dec()
        self._ended.labels(strategy, status).inc()
        self._seconds.labels(strategy).observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
