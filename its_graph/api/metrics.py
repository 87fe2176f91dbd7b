"""What a server counts, for Prometheus; every application has a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from its_graph.budget import Spend

__all__ = ["Metrics"]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000)


class Metrics:
    """Searches by strategy and how they ended, tokens by kind, FLOPs, and how long searches run."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._started = Counter("its_searches_started", "Runs of searches begun", ["strategy"], registry=registry)
        self._ended = Counter("its_searches_ended", "Runs ended", ["strategy", "status"], registry=registry)
        self._running = Gauge("its_searches_running", "Runs under way", registry=registry)
        self._seconds = Histogram(
            "its_search_seconds", "Wall time of runs", ["strategy"], buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("its_tokens", "Tokens read and written", ["kind"], registry=registry)
        self._flops = Counter("its_flops", "FLOPs of generators and verifiers", registry=registry)

    def started(self, strategy: str) -> None:
        """Count a run that begins, be it a new search or one that goes on."""
        self._started.labels(strategy).inc()
        self._running.inc()

    def spent(self, spend: Spend) -> None:
        """Count what one node used."""
        self._tokens.labels("prompt").inc(spend.prompt_tokens)
        self._tokens.labels("cached").inc(spend.cached_tokens)
        self._tokens.labels("generated").inc(spend.generated_tokens)
        self._tokens.labels("verifier").inc(spend.verifier_tokens)
        self._flops.inc(spend.flops)

    def ended(self, strategy: str, status: str, seconds: float) -> None:
        """Count a run that ended."""
        self._running.dec()
        self._ended.labels(strategy, status).inc()
        self._seconds.labels(strategy).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
