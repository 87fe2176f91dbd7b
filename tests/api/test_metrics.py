"""Prometheus metrics."""

from prometheus_client.parser import text_string_to_metric_families

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, GatedGenerator, Served, serve, start_search, wait_for_status


async def metrics_of(served: Served) -> dict[tuple[str, ...], float]:
    text = (await served.http.get("/metrics")).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value for sample in samples}


async def test_searches_tokens_and_flops_are_metrics_of() -> None:
    models = {"toy": ServedModel(ToyGenerator(parameters=1_000), ToyVerifier(parameters=2_000))}
    async with serve(models) as served:
        search = await start_search(served.http, strategy="beam_search")
        spends = [
            (await wait_for_status(served.http, search, "done"))["spend"],
            (await served.openai.chat.completions.create(model="toy", messages=QUESTION)).model_extra["its"]["spend"],
        ]
        counts = await metrics_of(served)
    assert counts["its_searches_started_total", "beam_search"] == 1
    assert counts["its_searches_ended_total", "done", "beam_search"] == 1
    assert counts["its_searches_ended_total", "done", "single"] == 1
    assert counts["its_searches_running",] == 0
    assert counts["its_search_seconds_count", "beam_search"] == 1
    for kind in ("prompt", "generated", "verifier"):
        assert counts["its_tokens_total", kind] == sum(spend[f"{kind}_tokens"] for spend in spends) > 0
    assert counts["its_flops_total",] == sum(spend["flops"] for spend in spends) > 0


async def test_running_and_cancelled_searches_are_metrics_of(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        id = await start_search(served.http)
        await gated.batch_requested.acquire()
        assert (await metrics_of(served))["its_searches_running",] == 1
        await served.http.post(f"/search/{id}/cancel")
        counts = await metrics_of(served)
        assert counts["its_searches_running",] == 0
        assert counts["its_searches_ended_total", "cancelled", "best_of_n"] == 1
        gated.allow_batches(100)
        await served.http.post(f"/search/{id}/resume")
        await wait_for_status(served.http, id, "done")
        assert (await metrics_of(served))["its_searches_started_total", "best_of_n"] == 2


async def test_every_application_has_its_own_metrics() -> None:
    async with serve() as served, serve() as other:
        for _ in range(2):
            await wait_for_status(served.http, await start_search(served.http), "done")
        assert (await metrics_of(served))["its_searches_started_total", "best_of_n"] == 2
        assert ("its_searches_started_total", "best_of_n") not in await metrics_of(other)
