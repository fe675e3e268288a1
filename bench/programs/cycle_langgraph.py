"""LangGraph with its PostgreSQL checkpointer: three nodes, a checkpoint before each goes on (durability "sync").

The checkpoints hold what the nodes return; the graph is spared writing rows of its own.
"""

import asyncio
import os
import sys
from typing import TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench.programs.meter import Meter
from bench.programs.rows import Stencils

WIDTH = 32
stencils = Stencils()


class State(TypedDict, total=False):
    number: int
    task: str
    execution: str
    judged: list[str]


async def dispatch(state: State) -> State:
    return {"task": stencils.rows("task", [state["number"]])}


async def work(state: State) -> State:
    return {"execution": stencils.rows("execution", [state["number"]])}


async def judge(state: State) -> State:
    return {"judged": stencils.judged([state["number"]])}


async def main(cycles: int) -> None:
    """Run the graphs and print how many a second."""
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    url = os.environ["BENCH_DATABASE_URL"]
    async with AsyncConnectionPool(url, kwargs=settings, min_size=16, max_size=16) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        graph = StateGraph(State)
        for node in (dispatch, work, judge):
            graph.add_node(node.__name__, node)
        for first, second in ((START, "dispatch"), ("dispatch", "work"), ("work", "judge"), ("judge", END)):
            graph.add_edge(first, second)
        compiled = graph.compile(checkpointer=saver)

        async def run(numbers: range) -> None:
            left = iter(numbers)

            async def one_after_the_other() -> None:
                for number in left:
                    config = {"configurable": {"thread_id": str(number)}}
                    await compiled.ainvoke({"number": number}, config, durability="sync")

            await asyncio.gather(*(one_after_the_other() for _ in range(WIDTH)))

        await run(range(WIDTH))
        meter = Meter()
        await run(range(WIDTH, WIDTH + cycles))
        print(meter.told(cycles))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
