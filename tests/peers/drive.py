"""Asks for a picture with one of the clients: `python drive.py CLIENT BASE_URL PROMPT`.

It runs in the clients' environment, imports nothing of this project, and prints JSON:
`{"url": …}`, or the status and body of the refusal.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

KEY = "id.secret"


def openai(base_url: str, prompt: str) -> dict[str, Any]:
    import openai as sdk

    client = sdk.OpenAI(api_key=KEY, base_url=base_url, max_retries=0)
    try:
        answer = client.images.generate(model="cogview-4-250304", prompt=prompt)
    except sdk.APIStatusError as error:
        return {"status": error.status_code, "body": error.response.json()}
    assert answer.data
    return {"url": answer.data[0].url}


def zhipuai(base_url: str, prompt: str) -> dict[str, Any]:
    import zhipuai as sdk

    client = sdk.ZhipuAI(api_key=KEY, base_url=base_url, max_retries=0)
    try:
        answer = client.images.generations(model="cogview-4-250304", prompt=prompt)
    except sdk.APIStatusError as error:
        return {"status": error.status_code, "body": error.response.json()}
    return {"url": answer.data[0].url}


def huggingface(base_url: str, prompt: str) -> dict[str, Any]:
    """By the vendor's own provider in there, which uses the asynchronous pair."""
    from huggingface_hub import InferenceClient
    from huggingface_hub.hf_api import InferenceProviderMapping
    from huggingface_hub.inference._providers import PROVIDERS, _common, zai_org

    model = "zai-org/GLM-Image"
    mapping = InferenceProviderMapping(
        hf_model_id=model,
        providerId="glm-image",
        provider="zai-org",
        status="live",
        task="text-to-image",
    )
    _common.HARDCODED_MODEL_INFERENCE_MAPPING["zai-org"] = {model: mapping}
    zai_org._POLLING_INTERVAL = 0.05
    PROVIDERS["zai-org"]["text-to-image"].base_url = base_url.removesuffix("/api/paas/v4")
    client = InferenceClient(provider="zai-org", api_key=KEY)
    picture = client.text_to_image(prompt, model=model, width=1024, height=1024)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return {"url": f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"}


CLIENTS = {"openai": openai, "zhipuai": zhipuai, "huggingface": huggingface}

if __name__ == "__main__":
    name, where, what = sys.argv[1:]
    print(json.dumps(CLIENTS[name](where, what)))
