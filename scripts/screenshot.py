"""Draws docs/images/madang.png, the picture of the README: two people talking, on a desktop and on a phone.

    .venv/bin/python -m scripts.screenshot

Starts a server on a data folder of its own, lets people talk through it, and photographs the page in Chromium.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, async_playwright

from tests.people import PASSWORD, Person
from tests.server_process import ServerProcess

PICTURE: Final = Path("docs/images/madang.png")
FLAGS: Final = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TALK: Final = (
    ("junho", "내일 점심 어디서 먹을까요?"),
    ("haneul", "비 온다던데 가까운 데로 가요 ☔"),
    ("seoyeon", "그럼 마당국수 어때요? 12시 10분쯤"),
    ("mina", "좋아요! 제가 자리 잡아 둘게요"),
    ("junho", "네 명 맞죠? 저는 비빔국수요"),
    ("mina", "네, 네 명. 내일 봐요 🙂"),
)
NAMES: Final = {"mina": "김미나", "junho": "박준호", "haneul": "이하늘", "seoyeon": "최서연"}


async def _people(server: ServerProcess) -> dict[str, Person]:
    people = {}
    for username, name in NAMES.items():
        person = await Person.sign_up(server, username)
        await person.http("PATCH", "/api/me", {"name": name})
        people[username] = person
    return people


async def _talk(server: ServerProcess) -> None:
    people = await _people(server)
    mina = people["mina"]
    for other, last in (("haneul", "사진 고마워요!"), ("seoyeon", "회의 자료 보냈어요")):
        direct = await mina.http("POST", "/api/conversations", {"type": "direct", "memberIds": [people[other].id]})
        await people[other].http("POST", f"/api/conversations/{direct.json()['id']}/messages", {"content": last})
    notes = (await mina.http("GET", "/api/conversations")).json()[-1]
    await mina.http("POST", f"/api/conversations/{notes['id']}/messages", {"content": "우유, 사과, 두부 사기"})
    room = await mina.group(*(person for name, person in people.items() if name != "mina"), name="점심 모임")
    for username, content in TALK:
        await people[username].http("POST", f"/api/conversations/{room}/messages", {"content": content})
    await people["junho"].http("POST", f"/api/conversations/{room}/read", {})


async def _page(browser: Browser, server: ServerProcess, width: int, height: int, *, dark: bool) -> Page:
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        locale="ko-KR",
        color_scheme="dark" if dark else "light",
        device_scale_factor=1.5,
        base_url=server.url,
    )
    await context.request.post("/api/auth/login", data={"username": "mina", "password": PASSWORD})
    page = await context.new_page()
    await page.goto("/")
    await page.get_by_test_id("conversation").filter(has_text="점심 모임").click()
    await page.get_by_test_id("message-text").filter(has_text="내일 봐요").wait_for()
    await page.wait_for_timeout(700)  # pictures of faces and the read marks settle
    return page


def _write_page(folder: Path, desktop: bytes, phone: bytes) -> str:
    (folder / "desktop.png").write_bytes(desktop)
    (folder / "phone.png").write_bytes(phone)
    page = folder / "page.html"
    page.write_text(
        "<style>body{margin:0;background:#f4efe6;position:relative}img{position:absolute;"
        "box-shadow:0 12px 40px #0003;border-radius:12px}</style>"
        '<img src="desktop.png" style="left:36px;top:36px;width:900px">'
        '<img src="phone.png" style="right:36px;top:36px;height:580px;border-radius:22px">',
        encoding="utf-8",
    )
    return page.as_uri()


async def _compose(browser: Browser, desktop: bytes, phone: bytes) -> None:
    page = await browser.new_page(viewport={"width": 1305, "height": 652})
    with tempfile.TemporaryDirectory() as folder:
        await page.goto(_write_page(Path(folder), desktop, phone))
        await page.screenshot(path=PICTURE)


async def main() -> None:
    """Draw the picture."""
    chromium = os.environ.get("MADANG_TEST_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder:
        async with ServerProcess(Path(folder)) as server, async_playwright() as playwright:
            await _talk(server)
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            desktop = await _page(browser, server, 1180, 760, dark=False)
            phone = await _page(browser, server, 390, 760, dark=True)
            await _compose(browser, await desktop.screenshot(), await phone.screenshot())
            await browser.close()
    sys.stdout.write(f"wrote {PICTURE}\n")


if __name__ == "__main__":
    asyncio.run(main())
