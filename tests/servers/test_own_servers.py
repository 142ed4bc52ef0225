"""`config init` and what follows, against servers that answer as the named ones do."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from PIL import Image

from cogview_cli.config.profile_templates import SERVERS
from tests.conftest import Run
from tests.faults.world import history, images, states
from tests.servers import own
from tests.servers.own import KEY, OwnServer, Speak

SPEAK: dict[str, Speak] = {
    "xinference": own.xinference,
    "sglang": own.sglang,
    "vllm-omni": own.vllm_omni,
    "hf-serve": own.hf_serve,
    "litellm": own.litellm,
}


def init(cogview: Run, server: OwnServer, kind: str, *more: str) -> None:
    ended = cogview("config", "init", "gpu", "--for", kind, "--base-url", server.base_url, *more)
    assert ended.code == 0, ended


def serving(kind: str, speak: Speak | None = None) -> OwnServer:
    return OwnServer(speak or SPEAK[kind], models=(SERVERS[kind].model,))


def config_file(text: str) -> None:
    """The profile `gpu` as it stands here."""
    import os

    path = Path(os.environ["COGVIEW_CONFIG_DIR"], "config.toml")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(f"[profiles.gpu]\n{text}", "utf-8")
    path.chmod(0o600)


def test_every_server_that_init_knows_is_tried() -> None:
    assert SPEAK.keys() == SERVERS.keys()


def test_a_written_profile_has_the_port_that_the_server_listens_on(bare: Run) -> None:
    ports = {"xinference": 9997, "sglang": 30000, "vllm-omni": 8000, "litellm": 4000}
    for kind, port in {**ports, "hf-serve": 8080}.items():
        assert bare("config", "init", kind, "--for", kind).code == 0
        told = bare("config", "get", "base-url", "--profile", kind)
        assert told.out == f"http://127.0.0.1:{port}/v1\n", told


@pytest.mark.parametrize("kind", SPEAK)
def test_a_written_profile_makes_pictures(
    kind: str, bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One, and several of a batch that are not the same."""
    with serving(kind) as server:
        init(bare, server, kind)
        if kind == "litellm":
            monkeypatch.setenv("COGVIEW_API_KEY", KEY)
        checked = bare("config", "check", "--profile", "gpu")
        assert checked.code == 0, checked
        ended = bare("gen", "一只猫", "--profile", "gpu", "--size", "512x512")
        assert ended.code == 0, ended
        Path("prompts.txt").write_text("一\n二\n三\n", "utf-8")
        again = bare("batch", "prompts.txt", "--profile", "gpu", "--jobs", "4", "-n", "2")
        assert again.code == 0, again
    assert len(images()) == 7 and len({path.read_bytes() for path in images()}) == 7
    assert "same picture" not in ended.err + again.err
    assert all(asked.body["model"] == SERVERS[kind].model for asked in server.posts)


@pytest.mark.parametrize("kind", [kind for kind in SPEAK if kind != "litellm"])
def test_what_ones_own_machine_makes_costs_nothing(kind: str, bare: Run) -> None:
    with serving(kind) as server:
        init(bare, server, kind)
        ended = bare("gen", "猫", "--profile", "gpu", "--json", "--max-cost", "0")
    image, summary = map(json.loads, ended.out.splitlines())
    assert (image["cost"], summary["cost"], ended.code) == ("0", "0", 0), ended
    assert "authorization" not in server.posts[0].headers


def test_a_profile_is_never_written_over(bare: Run) -> None:
    assert bare("config", "init", "gpu", "--for", "sglang").code == 0
    before = Path(bare("config", "path").out.strip()).read_text("utf-8")
    for name in ("gpu", "zai", "bigmodel", "a.b"):
        ended = bare("config", "init", name, "--for", "xinference")
        assert ended.code == 2 and "hint: " in ended.err, ended
    assert Path(bare("config", "path").out.strip()).read_text("utf-8") == before


@pytest.mark.parametrize(
    "args",
    [("--for", "comfyui"), (), ("--for", "sglang", "--base-url", "ftp://h"),
     ("--for", "sglang", "--model", " ")],
)  # fmt: skip
def test_init_wants_a_server_that_is_known(args: tuple[str, ...], bare: Run) -> None:
    ended = bare("config", "init", "gpu", *args)
    assert ended.code == 2 and not Path(bare("config", "path").out.strip()).exists(), ended


def test_what_was_in_the_file_stays(bare: Run) -> None:
    config_file('model = "x"')  # no line end
    assert bare("config", "init", "other", "--for", "vllm-omni").code == 0
    text = Path(bare("config", "path").out.strip()).read_text("utf-8")
    assert text.startswith('[profiles.gpu]\nmodel = "x"\n\n[profiles.other]')
    assert bare("config", "get", "model", "--profile", "gpu").out == "x\n"


# --- pictures that are links


def test_a_path_on_the_servers_disk_names_the_way_out(bare: Run) -> None:
    with serving("xinference") as server:
        config_file(
            f'base-url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\nprice = 0\n'
        )
        ended = bare("gen", "猫", "--profile", "gpu")
    assert ended.code == 6 and "--response-format b64_json" in ended.err, ended
    assert own.DISK_PATH in ended.err
    assert states() == ["answer"]


@pytest.mark.parametrize("path", ["file:///srv/1.png", r"C:\\pictures\\1.png", "/a path/1.png"])
def test_no_other_spelling_of_a_path_is_fetched(path: str, bare: Run) -> None:
    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        if asked.method == "GET":
            return own.detail("Not Found", "404 Not Found")
        return own.answer({"created": 1, "data": [{"url": path}]})

    with serving("xinference", speak) as server:
        config_file(
            f'base_url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\nprice = 0\n'
        )
        ended = bare("gen", "猫", "--profile", "gpu")
    assert ended.code == 6 and "--response-format b64_json" in ended.err, ended
    assert ended.err.count("hint: ") == 1


SGLANG = 'model = "zai-org/GLM-Image"\nprice = 0\n'


def test_a_relative_link_behind_the_key(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the profile says so; then `recover` fetches what is waiting."""
    monkeypatch.setenv("COGVIEW_API_KEY", KEY)
    with serving("sglang") as server:
        config_file(f'base-url = "{server.base_url}"\n{SGLANG}')
        ended = bare("gen", "猫", "--profile", "gpu")
        assert ended.code == 6 and "content-auth = true" in ended.err, ended
        assert not any(asked.with_key for asked in server.gets)
        config_file(f'base-url = "{server.base_url}"\ncontent-auth = true\n{SGLANG}')
        recovered = bare("recover")
        assert recovered.code == 0, recovered
        again = bare("gen", "狗", "--profile", "gpu")
    assert again.code == 0, again
    assert len(server.posts) == 2 and len(images()) == 2


def test_the_key_never_follows_a_link_elsewhere(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another port is another origin; so is where a redirect leads."""
    monkeypatch.setenv("COGVIEW_API_KEY", KEY)
    data = own.picture(1)

    def host(server: OwnServer, asked: own.Asked) -> bytes:
        return own.http("200 OK", data)

    with OwnServer(host) as images_host:

        def speak(server: OwnServer, asked: own.Asked) -> bytes:
            if asked.method == "GET":
                return own.http("302 Found", b"", f"Location: {images_host.origin}/2.png")
            url = "/1.png" if len(server.posts) == 1 else f"{images_host.origin}/1.png"
            return own.answer({"data": [{"url": url}]})

        with serving("sglang", speak) as server:
            secret = 'headers = { "x-own" = "very-secret-value" }\n'
            config_file(f'base-url = "{server.base_url}"\ncontent-auth = true\n{secret}{SGLANG}')
            assert bare("gen", "a", "-n", "2", "--profile", "gpu").code == 0
    assert len(images_host.gets) == 2 and server.gets[0].with_key
    assert server.gets[0].headers["x-own"] == "very-secret-value"
    for asked in images_host.gets:
        assert not {"authorization", "x-own"} & asked.headers.keys()


def test_links_of_plain_http_to_itself(bare: Run) -> None:
    with serving("xinference", own.local_ai) as server:
        config_file(
            f'base-url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\nprice = 0\n'
        )
        assert bare("gen", "猫", "--profile", "gpu").code == 0
    assert len(images()) == 1


# --- seeds


def test_one_seed_for_all_is_told(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("sglang") as server:
        config_file(
            f'base-url = "{server.base_url}"\nauth = "none"\nresponse-format = "b64_json"\n{SGLANG}'
        )
        ended = bare("gen", "猫", "-n", "4", "--profile", "gpu")
    assert ended.code == 0 and len(images()) == 4
    assert len({path.read_bytes() for path in images()}) == 1
    assert "warning: " in ended.err and "same picture" in ended.err, ended
    assert "--extra seed=random" in ended.err
    with serving("sglang") as server:
        monkeypatch.setenv("COGVIEW_BASE_URL", server.base_url)
        again = bare("gen", "猫", "-n", "2", "--profile", "gpu", "--json")
    first, second, _summary = map(json.loads, again.out.splitlines())
    assert "warnings" not in first and "same picture" in second["warnings"][0]


def test_recover_goes_on_without_the_key_of_one_profile(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer stands in no other's way."""
    with serving("sglang") as server:
        config_file(f'base-url = "{server.base_url}"\nauth = "none"\n{SGLANG}')
        assert bare("gen", "猫", "--profile", "gpu").code == 6
        config_file(f'base-url = "{server.base_url}"\ncontent-auth = true\n{SGLANG}')
        ended = bare("recover")
    assert ended.code == 6 and "no API key" in ended.err, ended


def test_a_random_seed_is_another_for_each_picture_and_on_record(bare: Run) -> None:
    with serving("sglang") as server:
        init(bare, server, "sglang")
        assert bare("gen", "猫", "-n", "4", "--profile", "gpu").code == 0
        Path("p.txt").write_text("猫\n狗\n", "utf-8")
        assert bare("batch", "p.txt", "--profile", "gpu", "-n", "2").code == 0
        posts = len(server.posts)
        assert bare("batch", "p.txt", "--profile", "gpu", "-n", "2").code == 0
    seeds = [asked.body["seed"] for asked in server.posts]
    assert len(set(seeds)) == 8 == posts == len(server.posts)
    assert all(type(seed) is int and 0 <= seed < 2**31 for seed in seeds)
    assert sorted(entry.body["seed"] for entry in history()) == sorted(seeds)
    for path in images():
        kept = json.loads(Path(f"{path}.json").read_text("utf-8"))
        assert path.read_bytes() == own.picture(kept["extra"]["seed"])


def test_a_sidecar_repeats_its_fields(bare: Run) -> None:
    with serving("sglang") as server:
        init(bare, server, "sglang")
        assert (
            bare("gen", "猫", "--profile", "gpu", "-o", "cat.png", "--extra", "steps=9").code == 0
        )
        assert bare("gen", "--from", "cat.png.json", "--profile", "gpu").code == 0
        more = ("--extra", "steps=3")
        assert bare("gen", "--from", "cat.png.json", "--profile", "gpu", *more).code == 0
    first, second, third = (asked.body for asked in server.posts)
    assert first == second and first["steps"] == 9
    assert (third["steps"], third["seed"]) == (3, first["seed"])


def test_other_fields_are_other_pictures(bare: Run) -> None:
    """They are part of what a picture is known by; how it comes is not."""
    Path("p.txt").write_text("猫\n", "utf-8")
    with serving("vllm-omni") as server:
        init(bare, server, "vllm-omni")
        batch = ("batch", "p.txt", "--profile", "gpu")
        assert bare(*batch, "--extra", "steps=3").code == 0
        assert bare(*batch, "--extra", "steps=3", "--response-format", "b64_json").code == 0
        assert len(server.posts) == 1
        assert bare(*batch, "--extra", "steps=4").code == 0
    assert [asked.body["steps"] for asked in server.posts] == [3, 4]


@pytest.mark.parametrize("source", ["p.txt", "p.csv"])
def test_failed_rows_ask_for_the_same_picture_again(source: str, bare: Run) -> None:
    Path(source).write_text("prompt\n猫\n" if source == "p.csv" else "猫\n", "utf-8")

    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        if len(server.posts) == 1:
            return own.detail("no", "400 Bad Request")
        return own.vllm_omni(server, asked)

    with serving("vllm-omni", speak) as server:
        init(bare, server, "vllm-omni")
        extra = ("--profile", "gpu", "--extra", "steps=3", "-o", "out")
        assert bare("batch", source, *extra).code == 3
        (failed,) = Path("out").glob("failed.*")
        told = failed.read_text("utf-8-sig")
        assert "steps" not in told and "b64_json" not in told
        ended = bare("batch", str(failed), *extra, "--retry-failed")
    assert ended.code == 0, ended
    assert server.posts[0].body == server.posts[1].body


# --- pace


def test_two_are_in_flight_on_a_server_of_unknown_models(bare: Run) -> None:
    Path("p.txt").write_text("".join(f"{n}\n" for n in range(8)), "utf-8")
    both = threading.Barrier(2)

    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        both.wait(20)
        return own.vllm_omni(server, asked)

    with serving("vllm-omni", speak) as server:
        text = f'base-url = "{server.base_url}"\nauth = "none"\nmodel = "{server.models[0]}"\n'
        config_file(f"{text}price = 0\n")
        assert bare("batch", "p.txt", "--profile", "gpu", "--tier", "V3").code == 0
    assert server.most == 2


def test_the_share_shrinks_when_answers_do_not_come_in_time(bare: Run) -> None:
    """A server that makes one at a time, asked by four at once: later ones are not lost too."""
    Path("p.txt").write_text("".join(f"{n}\n" for n in range(8)), "utf-8")
    release = threading.Event()

    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        if len(server.posts) <= 4:
            release.wait(20)
        return own.vllm_omni(server, asked)

    with serving("vllm-omni", speak) as server:
        init(bare, server, "vllm-omni")
        slow = ("--jobs", "4", "--timeout", "1")
        ended = bare("batch", "p.txt", "--profile", "gpu", *slow)
        release.set()
    assert ended.code == 5, ended
    assert states().count("unknown") == 4 and states().count("saved") == 4


def test_the_time_counts_from_when_the_server_begins(bare: Run) -> None:
    """A 102 says so. Without one the same wait is too long."""
    for says, code in ((b"HTTP/1.1 102 Processing\r\n\r\n", 0), (b"", 5)):
        with _Slow(says) as server:
            config_file(
                f'base-url = "{server.base_url}"\nauth = "none"\nprice = 0\nmodel = "cogview4"\n'
            )
            ended = bare("gen", "猫", "--profile", "gpu", "--timeout", "1")
        assert ended.code == code, ended


class _Slow(OwnServer):
    """Keeps a request waiting, says `begins`, and takes its time again."""

    def __init__(self, begins: bytes) -> None:
        super().__init__(own.vllm_omni)
        self._begins, self._clock = begins, threading.Event()

    def talk(self, link: own.socket.socket) -> None:
        own.read_request(link)
        self._clock.wait(0.8)
        link.sendall(self._begins)
        self._clock.wait(0.9)
        link.sendall(own.inline(own.picture(1)))


def test_ones_own_machine_is_waited_for_longer(bare: Run) -> None:
    config_file("price = 0\n")
    shown = bare("config", "get", "timeout", "--profile", "gpu")
    assert shown.out == "900\n"
    assert bare("config", "get", "timeout").out == "300\n"
    config_file("price = 0\ntimeout = 60\n")
    assert bare("config", "get", "timeout", "--profile", "gpu").out == "60\n"


def test_where_a_picture_is_free_a_gateways_failure_is_repeated(bare: Run) -> None:
    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        if len(server.posts) < 3:
            return own.detail("CUDA error", "500 Internal Server Error")
        return own.vllm_omni(server, asked)

    for price, code in (("0", 0), ("0.01", 5)):
        with serving("vllm-omni", speak) as server:
            text = f'base-url = "{server.base_url}"\nauth = "none"\nmodel = "{server.models[0]}"\n'
            config_file(f"{text}price = {price}\n")
            ended = bare("gen", "猫", "--profile", "gpu")
        assert ended.code == code, ended


# --- sizes


@pytest.mark.parametrize(
    ("rules", "size", "code", "sent"),
    [
        ('"cogview4"', "1440x720", 2, None),
        ('"cogview4"', "1440×704", 0, "1440x704"),
        ('"cogview4"', "16:9", 0, "1024x576"),
        ('"cogview4"', "2048x2048", 2, None),
        ('"glm-image"', "2048x2048", 0, "2048x2048"),
        ('"cogview-4"', "1440x720", 0, "1440x720"),
        ('"none"', "333x777", 0, "333x777"),
        ('"none"', "16:9", 2, None),
    ],
)
def test_size_rules_are_the_profiles(
    rules: str, size: str, code: int, sent: str | None, bare: Run
) -> None:
    with serving("xinference", own.vllm_omni) as server:
        config_file(
            f'base-url = "{server.base_url}"\nauth = "none"\nprice = 0\nmodel = "cogview4"\n'
            f"size-rules = {rules}\n"
        )
        ended = bare("gen", "猫", "--profile", "gpu", "-s", size, "--dry-run")
    assert ended.code == code, ended
    assert "unknown here" not in ended.err
    if sent and size == "16:9":
        width, height = map(int, json.loads(ended.out)["size"].split("x"))
        assert width % 32 == height % 32 == 0 and width * height <= 2**21
        assert abs(width / height - 16 / 9) < 0.02
    elif sent:
        assert json.loads(ended.out)["size"] == sent


def test_a_known_name_is_sent_as_a_server_of_ones_own_spells_it(bare: Run) -> None:
    with OwnServer(own.vllm_omni, models=("GLM-Image",)) as server:
        init(bare, server, "vllm-omni", "--model", "GLM-Image")
        assert bare("gen", "猫", "--profile", "gpu").code == 0
    assert server.posts[0].body["model"] == "GLM-Image"


def test_a_server_that_reads_the_height_first_is_written_to_so(bare: Run) -> None:
    """Only on the wire: names, sidecars, JSON lines and what is known of a picture stay."""
    Path("p.csv").write_text("prompt,size\n一,1024x512\n二,\n三,512*1024\n", "utf-8")
    batch = ("batch", "p.csv", "--profile", "gpu", "-o", "out", "--name", "{index}-{size}")
    with serving("hf-serve") as server:
        init(bare, server, "hf-serve")
        ended = bare("gen", "猫", "--profile", "gpu", "-s", "1024x512", "-o", "cat.png", "--json")
        assert ended.code == 0, ended
        assert json.loads(ended.out.splitlines()[0])["size"] == "1024x512"
        many = bare(*batch)
        assert many.code == 0, many
        again = bare("gen", "--from", "cat.png.json", "--profile", "gpu", "-o", "again.png")
        assert again.code == 0, again
    sizes = [asked.body.get("size") for asked in server.posts]
    assert sizes == ["512x1024", "512x1024", None, "1024x512", "512x1024"]
    for path in ("cat.png", "again.png"):
        with Image.open(path) as picture:
            assert picture.size == (1024, 512)
        assert json.loads(Path(f"{path}.json").read_text("utf-8"))["size"] == "1024x512"
    assert sorted(path.name for path in Path("out").glob("*.png"))[::2] == [
        "1-1024x512.png", "3-512x1024.png",
    ]  # fmt: skip


@pytest.mark.parametrize("order", ["height-width", "width-height"])
def test_the_order_of_a_size_is_no_part_of_what_a_picture_is_known_by(
    order: str, bare: Run
) -> None:
    Path("p.txt").write_text("猫\n", "utf-8")
    batch = ("batch", "p.txt", "--profile", "gpu", "-o", "out", "-s", "1024x512")
    with serving("hf-serve", own.vllm_omni) as server:
        init(bare, server, "hf-serve")
        assert bare(*batch).code == 0
        path = Path(bare("config", "path").out.strip())
        text = path.read_text("utf-8").replace('"height-width"', f'"{order}"')
        path.write_text(text, "utf-8")
        assert bare(*batch).code == 0
        assert len(server.posts) == 1
        assert bare(*batch[:-1], "512x512").code == 0
        assert [asked.body["size"] for asked in server.posts] == ["512x1024", "512x512"]
