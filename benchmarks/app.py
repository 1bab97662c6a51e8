"""What a changed control on Compare costs: server time and bytes, through a real websocket.

    python benchmarks/app.py [--variants 3] [--rows 10000] [--epochs 20] [--changes 30]

Starts the app, opens Compare as a browser would, and moves a learning rate: to values never seen (computed) and back to
values seen before (from the caches). The time runs from the message that carries the change to the one that says the
script has finished; the bytes are all that the server sent between the two.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import websockets  # the client; Streamlit itself brings the server
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# names of the protocol's fields that carry a widget's identity, and of the field that takes a number
RATE_LABEL = "Learning rate, typed"


class Answer(NamedTuple):
    """What one rerun cost: seconds on the clock, seconds of the server's processor time, bytes sent."""

    seconds: float
    processor: float
    size: int


def processor_seconds(process: int) -> float:
    """The processor time a process has used, in steps of a hundredth of a second; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Session:
    """One visitor's connection."""

    socket: Any
    server: int
    page: str
    query: str = ""
    widgets: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    async def rerun(self, changes: dict[str, float] | None = None) -> Answer:
        """Ask for a rerun with some numbers changed."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.page
        for identity, value in (changes or {}).items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id = identity
            state.double_value = value
        started, busy = time.perf_counter(), processor_seconds(self.server)
        await self.socket.send(message.SerializeToString())
        received = 0
        while True:
            data = await asyncio.wait_for(self.socket.recv(), 120)
            received += len(data)
            answer = ForwardMsg()
            answer.ParseFromString(data)
            self._note(answer)
            if answer.WhichOneof("type") == "script_finished":
                seconds = time.perf_counter() - started
                return Answer(seconds, processor_seconds(self.server) - busy, received)

    def _note(self, answer: ForwardMsg) -> None:
        if answer.WhichOneof("type") != "delta" or answer.delta.WhichOneof("type") != "new_element":
            return
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "number_input" and element.number_input.label == RATE_LABEL:
            self.widgets[f"{element.number_input.label} {len(self.widgets)}"] = element.number_input.id
        if kind in ("exception",) or (kind == "alert" and "Something went wrong" in element.alert.body):
            self.failures.append(str(element)[:500])


def start_app(environment: dict[str, str] | None = None) -> tuple[subprocess.Popen[bytes], int]:
    """The app on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port),
               "--server.address", "127.0.0.1", "--server.headless", "true",
               "--server.fileWatcherType", "none"]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return server, port
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise RuntimeError("the app did not start within 30 seconds")


def experiment_token(variants: int, rows: int, epochs: int) -> str:
    """A link's token for the comparison that is measured: two features, the usual rules."""
    import gd_core as gd

    base = (
        gd.Variant(schedule=gd.Constant(0.1), label="batch"),
        gd.Variant(sampling=gd.MiniBatch(32), schedule=gd.Constant(0.1), label="mini-batch"),
        gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.01), label="stochastic"),
        gd.Variant(sampling=gd.MiniBatch(32), rule=gd.Adam(), schedule=gd.Constant(0.05), label="Adam"),
    )
    chosen = tuple(replace(base[i % 4], label=f"{base[i % 4].label} {i}") for i in range(variants))
    data = gd.Generated("linear", n_samples=rows, n_features=2, noise=1.0, condition_number=10.0)
    return gd.Experiment(data, variants=chosen, budget=gd.Budget(epochs=epochs)).to_link_token()


async def measure(server: int, port: int, variants: int, rows: int, epochs: int, changes: int) -> None:
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    origin = f"http://127.0.0.1:{port}"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=2**26, origin=origin) as connection:
        session = Session(connection, server, page="compare", query=f"e={experiment_token(variants, rows, epochs)}")
        first = await session.rerun()
        # the compiled parts are loaded in the background: wait until the page answers at its own speed
        await asyncio.sleep(2)
        rates = list(session.widgets.values())
        if not rates:
            raise RuntimeError("Compare showed no learning rate")
        moved = rates[min(1, len(rates) - 1)]
        values = [round(0.02 * 1.07**i, 6) for i in range(changes)]
        computed = [await session.rerun({moved: value}) for value in values]
        seen = [await session.rerun({moved: value}) for value in values[-16:]]
        print(f"{variants} variants, {rows:,} rows, {epochs} epochs; first answer {first.seconds * 1000:,.0f} ms")
        for title, found in (("computed", computed), ("seen before", seen)):
            times = sorted(answer.seconds * 1000 for answer in found)
            sizes = sorted(answer.size / 1000 for answer in found)
            busy = statistics.mean(answer.processor * 1000 for answer in found)
            print(
                f"  {title:12} median {statistics.median(times):6.1f} ms   p95 {times[int(0.95 * len(times))]:6.1f}   "
                f"processor {busy:6.1f} ms   median {statistics.median(sizes):6.1f} kB   largest {sizes[-1]:6.1f} kB"
            )
        if session.failures:
            raise RuntimeError(f"the page failed: {session.failures[0]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--changes", type=int, default=30)
    chosen = parser.parse_args()
    server, port = start_app()
    try:
        asyncio.run(measure(server.pid, port, chosen.variants, chosen.rows, chosen.epochs, chosen.changes))
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
