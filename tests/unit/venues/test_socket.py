"""The default wire over a real loopback socket, and a queue that never waits and never drops in silence."""

import asyncio

import pytest
from websockets.asyncio.server import serve

from edgeworth.venues.streams.hand_over import HandOver
from edgeworth.venues.streams.wire import connect_websocket


def test_the_default_wire_speaks_over_a_real_socket():
    async def answer(connection):
        async for text in connection:
            if text == "bye":
                return
            await connection.send(f"heard {text}")

    async def main():
        async with serve(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            wire = await connect_websocket(f"ws://127.0.0.1:{port}")
            await wire.send("PING")
            assert await wire.receive() == b"heard PING"
            await wire.send("bye")
            with pytest.raises(ConnectionError):
                await wire.receive()
            with pytest.raises(ConnectionError):
                await wire.send("more")
            await wire.close()
            await wire.close()
        with pytest.raises(ConnectionError):
            await connect_websocket(f"ws://127.0.0.1:{port}")

    asyncio.run(main())


def test_a_full_queue_drops_the_oldest_and_counts_it():
    async def main():
        queue = HandOver(3)
        waiting = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        for item in range(5):
            queue.put(item)
        assert await waiting == 2
        assert queue.drain() == [3, 4]
        assert (queue.offered, queue.dropped, len(queue)) == (5, 2, 0)

    asyncio.run(main())
    with pytest.raises(ValueError, match="room"):
        HandOver(0)
