"""What the vendor's SDK leads to: a pool of threads, each with its call and its download."""

import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from zai import ZhipuAiClient


def one(client: ZhipuAiClient, folder: Path, numbered: tuple[int, str]) -> None:
    """One prompt to one file."""
    number, prompt = numbered
    answer = client.images.generations(model="cogview-4-250304", prompt=prompt)
    urllib.request.urlretrieve(str(answer.data[0].url), folder / f"{number}.png")


def main(base_url: str, prompts: str, folder: str, width: str) -> None:
    """All prompts of a file, `width` at once."""
    client = ZhipuAiClient(api_key="id.secret", base_url=base_url)
    lines = Path(prompts).read_text("utf-8").splitlines()
    with ThreadPoolExecutor(int(width)) as pool:
        for _ in pool.map(partial(one, client, Path(folder)), enumerate(lines)):
            pass


main(*sys.argv[1:])
