"""The venue as an ASGI application: HTTP, WebSocket and lifespan over the same `handle` and `connect`."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from edgeworth.sandbox.protocol import Request, Response, Session, json_response, split_path
from edgeworth.sandbox.server.sandbox import Sandbox

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ABORT = "edgeworth.abort"  # extension: end the connection at once, without an answer
_MOST_BODY = 8 << 20
_IDLE_S = 3_600.0
_ABNORMAL = 1006
_ROOT = "point a client's addresses at /gamma, /clob, /data, /binance, /bulk, /news, /site, /ws and /binance-ws"


class SandboxApp:
    """Serve a sandbox by ASGI; answers wait on the sandbox's own clock."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            await _answer(json_response({"error": "Payload exceeds the limit"}, 413), send)
            return
        response = self._respond(scope, body)
        if response.delay_s:
            await self.sandbox.clock.sleep(response.delay_s)
        if response.dropped:
            await _abort(scope, receive)
            return
        await _answer(response, send, head=scope["method"] == "HEAD")

    def _respond(self, scope: Scope, body: bytes) -> Response:
        service, path = split_path(scope["path"])
        if not service:
            known = scope["path"] in {"", "/"}
            return json_response({"sandbox": _ROOT} if known else {"error": "not found"}, 200 if known else 404)
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        query = tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return self.sandbox.handle(Request(service, scope["method"], path, query, headers, body))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        query = tuple(parse_qsl(scope["query_string"].decode("latin-1")))
        try:
            session = self.sandbox.connect(channel_of(scope["path"]), scope["path"], query)
        except ConnectionRefusedError:
            await _abort(scope, None)
            return
        except ValueError:
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        await _Conversation(self.sandbox, session).run(scope, receive, send)


class _Conversation:
    """One open socket: what the client says goes in, what is due goes out."""

    def __init__(self, sandbox: Sandbox, session: Session) -> None:
        self._sandbox, self._session = sandbox, session
        self._said = asyncio.Event()
        self._gone = False
        session.notify = self._said.set

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Talk until either side closes."""
        listener = asyncio.ensure_future(self._listen(receive))
        try:
            while not self._gone:
                self._said.clear()
                for frame in self._session.outgoing():
                    await send({"type": "websocket.send", "text": frame})
                if self._session.closed is not None:
                    await self._close(self._session.closed, scope, send)
                    return
                await self._wait()
        finally:
            self._session.leave()
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self, receive: Receive) -> None:
        while not self._gone:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._gone = True
            else:
                raw = message.get("bytes")
                self._session.receive(message.get("text") or (raw.decode("utf-8", "replace") if raw else ""))
            self._said.set()

    async def _wait(self) -> None:
        """Wait until a frame is due, or the client says something."""
        clock = self._sandbox.clock
        due = self._session.next_due()
        pause = _IDLE_S if due is None else max((due - clock.now()) / 1e6, 0.001)
        timer, said = asyncio.ensure_future(clock.sleep(pause)), asyncio.ensure_future(self._said.wait())
        try:
            await asyncio.wait((timer, said), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            said.cancel()
            await asyncio.gather(timer, said, return_exceptions=True)

    async def _close(self, closed: tuple[int, str], scope: Scope, send: Send) -> None:
        abort = (scope.get("extensions") or {}).get(ABORT)
        if closed[0] == _ABNORMAL and abort is not None:
            abort()
        else:
            code = 1011 if closed[0] == _ABNORMAL else closed[0]
            await send({"type": "websocket.close", "code": code, "reason": closed[1]})


def channel_of(path: str) -> str:
    """Return the socket channel a path leads to, empty when there is none."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["binance-ws"]:
        return "binance"
    return parts[1] if parts[:1] == ["ws"] and len(parts) == 2 and parts[1] in {"market", "user"} else ""


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, None when it is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _MOST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _answer(response: Response, send: Send, *, head: bool = False) -> None:
    headers = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in response.headers]
    if response.status != 304:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})


async def _abort(scope: Scope, receive: Receive | None) -> None:
    """End the connection without a word, as far as the server lets us; else by an error of the application."""
    abort = (scope.get("extensions") or {}).get(ABORT)
    if abort is None:
        raise ConnectionAbortedError("the simulated connection was dropped")
    abort()
    while receive is not None and (await receive())["type"] != "http.disconnect":
        pass
