"""For operators and developers: health, metrics, configuration, and the API's own description."""

import base64
import hashlib
import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from litestar.routes import HTTPRoute

from madang.api.app import ApiOptions
from madang.contract.limits import CONTRACT_VERSION
from tests.integration.api.api_client import Api, open_api, refused
from tests.server_parts import ADDRESS, PASSWORD

KEY = "the key of the API, thirty-two bytes long"


async def test_alive_and_ready(api: Api) -> None:
    """Alive says that the process answers; ready says whether it should get traffic."""
    client = api.client()
    assert (await client.get("/health/live")).json() == {"ok": True}
    assert (await client.get("/health/ready")).json() == {"ok": True}
    api.is_ready = False
    assert (await client.get("/health/live")).status_code == 200
    response = await client.get("/health/ready")
    assert refused(response, 503, "unavailable")["retryAfterMs"] == 1_500
    assert response.headers["Retry-After"] == "2"


async def test_metrics_are_for_the_operator(tmp_path: Path) -> None:
    """From this machine or with the key; never from afar, and not through a proxy on this machine."""
    async with open_api(tmp_path, ApiOptions(api_key=KEY)) as api:
        local = await api.client(address="127.0.0.1").get("/metrics")
        assert local.status_code == 200
        assert "process_" in local.text
        assert local.headers["Content-Type"].startswith("text/plain")
        assert (await api.client(address="::1").get("/metrics")).status_code == 200
        assert (await api.client(KEY).get("/metrics")).status_code == 200
        for client in (
            api.client(),
            api.client(KEY + "x"),
            api.client("wrong", address="127.0.0.1"),
            api.client(address="127.0.0.1", X_Forwarded_For=ADDRESS),
            api.client(X_Forwarded_For="127.0.0.1"),
        ):
            refused(await client.get("/metrics"), 403, "forbidden")
        headers = {b"Authorization": "Bearer 열쇠".encode()}
        refused(await api.client().get("/metrics", headers=headers), 403, "forbidden")


async def test_without_a_key_no_key_opens(api: Api) -> None:
    """An empty setting is no password."""
    for header in ("Bearer ", "Bearer x"):
        response = await api.client().get("/metrics", headers={"Authorization": header})
        assert response.status_code in (401, 403)


async def test_a_trusted_proxy_names_its_clients(tmp_path: Path) -> None:
    """Behind it each client has its own limit; what a client itself claims counts for nothing."""
    async with open_api(tmp_path, proxies=(ip_network("10.0.0.0/8"),)) as api:
        body = {"username": "ann", "password": "wrong horse"}
        answers = []
        for number in range(11):
            forged = api.client(address="10.0.0.1", X_Forwarded_For=f"192.0.2.{number}, 203.0.113.5")
            answers.append(await forged.post("/api/auth/login", json=body))
        refused(answers[-1], 429, "rate_limited")
        other = api.client(address="10.0.0.1", X_Forwarded_For="203.0.113.6")
        refused(await other.post("/api/auth/login", json=body), 401, "unauthenticated")


async def test_what_a_client_may_know_before(api: Api) -> None:
    """Version, limits, and whether the next account is the administrator's."""
    config = (await api.client().get("/api/config")).json()
    assert config["contract"] == CONTRACT_VERSION
    assert config["limits"]["contentUnits"] == 10_000
    assert (config["registration"], config["firstAccount"]) == ("open", True)
    await api.parts.services.accounts.create("ann", PASSWORD, "Ann")
    assert (await api.client().get("/api/config")).json()["firstAccount"] is False


async def test_under_a_prefix_probes_stay_where_probes_look(tmp_path: Path) -> None:
    """Health answers with and without the prefix; the API only with it."""
    async with open_api(tmp_path, ApiOptions(prefix="/chat", public_url="https://example.com/chat")) as api:
        for path in ("/health/live", "/chat/health/live", "/chat/api/config"):
            assert (await api.client().get(path)).status_code == 200
        refused(await api.client().get("/api/config"), 404, "not_found")


async def test_the_description_lists_every_call(api: Api) -> None:
    """OpenAPI 3.1 with each route, who may call it and the one form of refusals; every reference leads somewhere."""
    response = await api.client().get("/api/openapi.json")
    document: dict[str, Any] = response.json()
    assert document["openapi"].startswith("3.1")
    listed = {(path, method) for path, operations in document["paths"].items() for method in operations}
    routed = {
        (route.path_format, method.lower())
        for route in api.app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS" and handler.resolve_include_in_schema()
    }
    assert listed == routed
    assert ("/api/conversations/{conversation_id}/messages", "post") in listed
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "400" not in operation["responses"]
            assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith(
                "/ApiError"
            )
            assert operation["description"]
    assert document["paths"]["/api/me"]["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    assert document["paths"]["/api/auth/login"]["post"]["security"] == []
    names = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(set(names)) == len(names)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in document["components"]["schemas"]
    message = document["components"]["schemas"]["Message"]
    assert "conversationId" in message["properties"]


async def test_the_page_shows_it_without_loading_anything(api: Api) -> None:
    """HTML without scripts under the strictest policy; every call is on it."""
    response = await api.client().get("/api/docs")
    assert response.headers["Content-Type"].startswith("text/html")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy
    page = response.text
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    for path in (await api.client().get("/api/openapi.json")).json()["paths"]:
        assert path in page
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page
