"""The fair peer for CPU: an httpx loop as short as can be that decodes what it has downloaded."""

import asyncio
import sys
from pathlib import Path

import httpx
from PIL import Image


def decode(path: Path) -> None:
    """Every pixel, as the program itself checks it. Raises for what is no picture."""
    with Image.open(path) as image:
        image.load()


async def one(
    client: httpx.AsyncClient, slots: asyncio.Semaphore, url: str, prompt: str, path: Path
) -> None:
    """One prompt to one checked file; the slot is free before the download."""
    async with slots:
        answer = await client.post(url, json={"model": "cogview-4-250304", "prompt": prompt})
    image = answer.json()["data"][0]["url"]
    async with client.stream("GET", image) as response:
        with path.open("wb") as file:
            async for chunk in response.aiter_raw():
                file.write(chunk)
    await asyncio.to_thread(decode, path)


async def main(base_url: str, prompts: str, folder: str, width: str) -> None:
    """All prompts of a file, `width` generations at once."""
    slots, out = asyncio.Semaphore(int(width)), Path(folder)
    lines = Path(prompts).read_text("utf-8").splitlines()
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": "Bearer id.secret"}
    async with httpx.AsyncClient(
        limits=limits, headers=headers, timeout=60, verify=False
    ) as client:
        url = f"{base_url}/images/generations"
        await asyncio.gather(
            *(one(client, slots, url, line, out / f"{n}.png") for n, line in enumerate(lines))
        )


asyncio.run(main(*sys.argv[1:]))
