"""The neighbour graph of a very large library, by all workers that there are.

The process that groups cuts the comparison into shards and puts it into a folder that all workers see; messages wake
them, they take shard after shard, and it takes shards itself. So it works with any number of workers, none included,
and one that dies costs a while: its shard is taken anew.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator

from app.clustering import sharded
from app.clustering.neighbours.blocks import Floats
from app.clustering.neighbours.build import GraphBuilder, build_graph, search_lists, share_out
from app.clustering.neighbours.graph import NeighbourGraph, symmetric
from app.clustering.neighbours.scan import Found, Phase
from app.services.context import Context
from app.services.graph_folder import ShardFolder
from app.services.presence import count_workers

logger = logging.getLogger(__name__)

# Long enough for a shard on a slow machine: what is taken over too early is done twice
STALE_SECONDS = 600.0
LOOK_SECONDS = 0.1
# Below, one process is as quick: a minute at most
SHARED_NODES = 200_000
# So that nobody waits long for the last one
SHARDS_PER_WORKER = 4


def graph_builder(context: Context) -> GraphBuilder:
    """What builds the neighbour graph: this process, and where the library is very large, other workers with it."""

    def build(embeddings: Floats, /, *, radius: float, k: int) -> NeighbourGraph:
        helpers = count_workers(context) - 1
        if helpers < 1 or len(embeddings) < SHARED_NODES:
            return build_graph(embeddings, radius=radius, k=k)
        shards = SHARDS_PER_WORKER * (helpers + 1)
        return sharded_graph(context, embeddings, radius=radius, k=k, shards=shards, helpers=helpers)

    return build


def sharded_graph(
    context: Context, embeddings: Floats, *, radius: float, k: int = 64, shards: int, helpers: int = 1
) -> NeighbourGraph:
    """Builds the same graph as :func:`app.clustering.neighbours.build_graph` over inverted lists, with others' help.

    Args:
        context: The context; its folder for temporary files must be one that all workers see.
        embeddings: ``float16`` or ``float32`` (n, d), rows no longer than 1; n > 0.
        radius: Largest distance of an edge.
        k: Neighbours per node and comparison.
        shards: Into how many parts the work is cut; some times as many as workers.
        helpers: How many workers are woken for each phase.

    Returns:
        The graph.
    """
    scan = share_out(embeddings, radius=radius, k=k)
    parts = sharded.cut(scan, shards)
    name = f"graph-{uuid.uuid4().hex}"
    folder = _folder(context, name)
    folder.create(scan, parts)
    phases = 0

    def run(phase: Phase) -> Iterator[Found]:
        nonlocal phases
        number, phases = phases, phases + 1
        folder.put_phase(number, phase)
        context.queue.share(name, helpers)
        for shard in range(len(parts)):
            if folder.claim(number, shard, STALE_SECONDS):
                folder.put(number, shard, sharded.look(scan, parts[shard], phase))
        for shard, lists in enumerate(parts):
            while not folder.is_done(number, shard):
                if folder.claim(number, shard, STALE_SECONDS):
                    folder.put(number, shard, sharded.look(scan, lists, phase))
                time.sleep(LOOK_SECONDS)
            yield folder.take(number, shard)

    try:
        edges = search_lists(scan, run)
    finally:
        folder.remove()
    return NeighbourGraph(symmetric(edges, len(embeddings)), complete=False)


def help_compare(context: Context, name: str) -> int:
    """Takes shards of a comparison until none is left in its phase.

    Args:
        context: The context.
        name: Of the folder, from the message.

    Returns:
        How many shards were compared.
    """
    folder, done = _folder(context, name), 0
    try:
        if not folder.exists() or (last := folder.last_phase()) is None:
            return 0
        number, phase = last
        scan, parts = folder.read()
        for shard, lists in enumerate(parts):
            if folder.claim(number, shard, STALE_SECONDS):
                folder.put(number, shard, sharded.look(scan, lists, phase))
                done += 1
            if context.stopping.is_set():
                break
    except FileNotFoundError:
        logger.info("a comparison ended while it was helped with", extra={"comparison": name})
    logger.info("helped to compare", extra={"comparison": name, "shards": done})
    return done


def _folder(context: Context, name: str) -> ShardFolder:
    return ShardFolder(context.settings.temp_folder / name)
