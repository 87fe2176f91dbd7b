"""A search behind OpenAI's API: serve it, call it with OpenAI's client, read its tree over HTTP."""

import asyncio
from typing import Any

import httpx
from openai import AsyncOpenAI

from its_graph.api.app import create_app
from its_graph.api.model_catalog import ServedModel
from its_graph.api.server import serving
from its_graph.embedded import load

QUESTION = "Compute 84 / 6 / 2 - (54 + 86) / 4 / 7 + 21."


async def main() -> None:
    """Request the answer of a beam search; its steps stream as reasoning before it."""
    async with (
        serving(create_app({"embedded": ServedModel(*load())})) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        httpx.AsyncClient(base_url=url) as http,
    ):
        stream = await client.chat.completions.create(
            model="beam_search/embedded",
            messages=[{"role": "user", "content": QUESTION}],
            seed=7,
            stream=True,
            extra_body={"options": {"n": 16, "width": 4}, "budget": {"tokens": 60_000}},
        )
        reasoning = answer = ""
        its: dict[str, Any] = {}
        async for chunk in stream:
            delta = chunk.choices[0].delta
            reasoning += (delta.model_extra or {}).get("reasoning_content", "")
            answer += delta.content or ""
            its = (chunk.model_extra or {}).get("its", its)
        search = (await http.get(f"/search/{its['search']}")).json()
        print(f"{len(reasoning.splitlines())} reasoning steps, {len(answer.split('Step')) - 1} in the answer")
        print(answer.splitlines()[-1])
        print(f"{its['strategy']}, {its['spend']['calls']} calls, {len(search['result']['candidates'])} candidates")


asyncio.run(main())
