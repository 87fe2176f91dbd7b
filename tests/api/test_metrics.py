"""What Prometheus is told."""

from prometheus_client.parser import text_string_to_metric_families

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, GatedGenerator, Served, begun, serve, stood


async def counted(served: Served) -> dict[tuple[str, ...], float]:
    text = (await served.http.get("/metrics")).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


async def test_searches_tokens_and_flops_are_counted() -> None:
    models = {"toy": ServedModel(ToyGenerator(parameters=1_000), ToyVerifier(parameters=2_000))}
    async with serve(models) as served:
        spends = [
            (await stood(served.http, await begun(served.http, strategy="beam_search"), "done"))["spend"],
            (await served.openai.chat.completions.create(model="toy", messages=QUESTION)).model_extra["its"]["spend"],
        ]
        counts = await counted(served)
    assert counts["its_searches_started_total", "beam_search"] == 1
    assert counts["its_searches_ended_total", "done", "beam_search"] == 1
    assert counts["its_searches_ended_total", "done", "single"] == 1
    assert counts["its_searches_running",] == 0
    assert counts["its_search_seconds_count", "beam_search"] == 1
    for kind in ("prompt", "generated", "verifier"):
        assert counts["its_tokens_total", kind] == sum(spend[f"{kind}_tokens"] for spend in spends) > 0
    assert counts["its_flops_total",] == sum(spend["flops"] for spend in spends) > 0


async def test_what_runs_and_what_was_cancelled(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        id = await begun(served.http)
        await gated.asked.acquire()
        assert (await counted(served))["its_searches_running",] == 1
        await served.http.post(f"/search/{id}/cancel")
        counts = await counted(served)
        assert counts["its_searches_running",] == 0
        assert counts["its_searches_ended_total", "cancelled", "best_of_n"] == 1
        gated.let_through(100)
        await served.http.post(f"/search/{id}/resume")
        await stood(served.http, id, "done")
        assert (await counted(served))["its_searches_started_total", "best_of_n"] == 2


async def test_every_application_counts_for_itself() -> None:
    async with serve() as one, serve() as other:
        for _ in range(2):
            await stood(one.http, await begun(one.http), "done")
        assert (await counted(one))["its_searches_started_total", "best_of_n"] == 2
        assert ("its_searches_started_total", "best_of_n") not in await counted(other)
