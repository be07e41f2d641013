"""A real ``twin listen`` for tests: its two processes are found by their log, and may be killed."""

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress

from sensors.brokers import mqtt_write as write
from sensors.brokers.mqtt_packets import Connect, Publish
from tests.parts.stopping import stop
from tests.parts.twin_process import COMMAND, environment, until

STARTED = re.compile(r"listener_part_started +part=(\w+) pid=(\d+)")
BEGIN_S = 1_795_000_000


class Listener:
    """``twin listen`` on a folder; ``pids`` of its parts are those of the newest start."""

    def __init__(self, folder, **settings):
        self.log = folder / "listener.log"
        self.settings = {"TWIN_DATA_DIR": folder / "data", **settings}
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def start(self):
        ready = self.log.exists() and self.printed().count("listener_part_ready")
        with self.log.open("ab") as log:
            command = [*COMMAND, "listen"]
            env = environment(**self.settings)
            self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        until(lambda: self.printed().count("listener_part_ready") >= ready + 2, "both parts", 180)

    def kill(self):
        """Kill all three processes at once."""
        for pid in (self.process.pid, self.pid("endpoint"), self.pid("applier")):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(30)

    def printed(self):
        return self.log.read_text("utf-8", "replace")

    def pid(self, part):
        """Return the newest process of a part (0: none was started)."""
        found = [int(pid) for name, pid in STARTED.findall(self.printed()) if name == part]
        return found[-1] if found else 0

    def stop_part(self, part):
        stop(self.pid(part))

    def kill_part(self, part):
        """Kill and wait for the next one to be started; return its pid."""
        old = self.pid(part)
        os.kill(old, signal.SIGKILL)
        return until(lambda: self.pid(part) != old and self.pid(part), f"a new {part}")


class Device:
    """Publishes numbered readings with QoS 1 and sends again what was not acknowledged."""

    def __init__(self, port, topic, client="device-d1"):
        self.sent = self.acknowledged = 0
        self.acknowledged_at = 0.0
        self._target, self._topic, self._client = ("127.0.0.1", port), topic, client
        self._waiting = {}
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._socket = None
        self._ended = False
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    @property
    def in_flight(self):
        return len(self._waiting)

    def publish(self, count):
        """Send the next ``count`` readings in one piece."""
        with self._lock:
            packets = []
            for n in range(self.sent, self.sent + count):
                packet_id = (n % 65_535 + 1).to_bytes(2)
                payload = f'{{"v":{n},"t":{BEGIN_S + n},"n":{n}}}'.encode()
                self._waiting[packet_id] = Publish(self._topic, payload, packet_id)
                packets.append(write.publish(self._waiting[packet_id]))
            self.sent += count
        self._send(b"".join(packets))

    def settle(self, limit_s=120):
        """Wait until everything is acknowledged."""
        until(lambda: not self._waiting, "all acknowledgements", limit_s)

    def close(self):
        self._ended = True
        if self._socket is not None:
            self._socket.close()
        self._thread.join(10)

    def _send(self, data):
        with self._sending:
            link = self._socket
            try:
                if link is not None:
                    link.sendall(data)
            except OSError:
                self._lose(link)

    def _lose(self, link):
        """Let ``_hear`` end, and send no more: unless the next link has taken its place already."""
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if self._socket is link:
                self._socket = None

    def _live(self):
        while not self._ended:
            try:
                with socket.create_connection(self._target, timeout=10) as link:
                    self._greet(link)
                    self._hear(link)
            except OSError:
                time.sleep(0.01)

    def _greet(self, link):
        link.sendall(write.connect(Connect(4, self._client)))
        if link.recv(4) != write.connack(0):
            raise ConnectionError
        link.settimeout(None)  # before anybody sends on it
        with self._lock:
            self._socket = link
            again = [write.publish(p, duplicate=True) for p in self._waiting.values()]
            threading.Thread(target=self._send, args=(b"".join(again),), daemon=True).start()

    def _hear(self, link):
        rest = b""
        while data := link.recv(65_536):
            rest += data
            whole = len(rest) // 4 * 4
            ids = [rest[i + 2 : i + 4] for i in range(0, whole, 4)]
            rest = rest[whole:]
            with self._lock:
                self.acknowledged += sum(self._waiting.pop(i, None) is not None for i in ids)
                self.acknowledged_at = time.monotonic()


def stopped_in_flight(listener, device, part, waiting, chance=random):
    """Stop a part at a random moment of a burst, with ≥ 200 on their way; return how many."""
    device.publish(500)
    time.sleep(chance.uniform(0, 0.03))
    listener.stop_part(part)
    while waiting() < 200:
        if device.in_flight < 4_000:
            device.publish(300)
        time.sleep(0.01)
    return waiting()
