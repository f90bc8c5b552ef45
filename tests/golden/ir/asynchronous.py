"""Everything async."""


async def work(self, key):
    async with self._lock, other() as held:
        self._clients[key] = await self.connect(key)
    async for row in rows:
        await handle(row)
    else:
        done()
    results = await asyncio.gather(*[one(row) for row in rows], return_exceptions=True)
    return [item async for item in stream if await item.ok()]


async def stream():
    yield 1
