"""A bounded queue between a socket and whoever uses its messages: when it is full the oldest goes, and is counted."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class HandOver(Generic[T]):
    """Hand items over without ever making the socket wait; `dropped` counts what nobody fetched in time."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("a queue needs room for one item")
        self._items: deque[T] = deque()
        self._size = size
        self._filled = asyncio.Event()
        self.dropped = 0
        self.offered = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item; the oldest is dropped when there is no room."""
        self.offered += 1
        if len(self._items) >= self._size:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._filled.set()

    async def get(self) -> T:
        """Return the oldest item, waiting for one."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()

    def drain(self) -> list[T]:
        """Return everything there is, without waiting."""
        items = list(self._items)
        self._items.clear()
        return items
