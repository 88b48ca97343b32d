"""
A real nginx, master and workers, and its access log as the truth.

In: a house.  Out: what its log says of every request, what its namespace counted of connections.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from exact.house import House, wait
from exact.process import Process

CONFIGURATION = """
worker_processes 2; daemon off; user root root; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  sendfile {sendfile}; tcp_nodelay on; keepalive_requests 100000; client_max_body_size 10m;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  log_format books '$status $request_length $bytes_sent $request_time $tcpinfo_rtt';
  access_log {folder}/access.log books;
  upstream back {{ server {upstream}; keepalive 1; }}
  server {{
    listen {port} {options}; listen [::]:{port} {options};
    root {folder}/www; {tls}
    location / {{ try_files $uri =404; }}
    location /back/ {{
      proxy_pass http://back/; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
    location /text {{ return 200 "hello"; }}
  }}
}}
"""
TLS = "ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;"


@dataclass(frozen=True)
class Logged:
    """The access log, summed."""

    statuses: dict[int, int]
    received: int
    sent: int
    request_ms: float
    rtts_us: list[int]

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())


class Nginx(Process):
    """A running nginx; its port is 80 of its own namespace."""

    port = 80

    def __init__(
        self,
        house: House,
        folder: Path,
        *,
        upstream: str = "127.0.0.1:1",
        sendfile: bool = True,
        tls: bool = False,
        http2: bool = False,
        trace: Path | None = None,
    ) -> None:
        self.house = house
        self.folder = folder
        (folder / "www").mkdir()
        folder.joinpath("nginx.conf").write_text(
            CONFIGURATION.format(
                folder=folder,
                port=self.port,
                upstream=upstream,
                sendfile="on" if sendfile else "off",
                options="ssl" if tls else "http2" if http2 else "",
                tls=TLS.format(folder=folder) if tls else "",
            )
        )
        if tls:
            certify(folder)
        error_log = str(folder / "error.log")
        command = ["nginx", "-e", error_log, "-c", str(folder / "nginx.conf")]
        super().__init__(house, command, trace=trace)
        self._opened = house.snmp()["PassiveOpens"]

    def file(self, size: int) -> str:
        """The path of a file of so many bytes."""
        (self.folder / "www" / str(size)).write_bytes(b"x" * size)
        return f"/{size}"

    def start(self) -> None:
        """Open the gate; wait for both workers."""
        self.say()
        wait("nginx and its workers", lambda: len(self.pids) >= 3)
        self.house.wait_listening(self.port)

    def log(self, requests: int) -> Logged:
        """What it logged, once there are so many lines and nothing is left to close."""
        wait(
            f"{requests} requests in nginx's log and its sockets closed",
            lambda: self.log_lines().requests >= requests and not self.house.sockets(self.port),
        )
        self.idle()
        return self.log_lines()

    def log_lines(self) -> Logged:
        """What it has logged so far."""
        text = (self.folder / "access.log").read_text()
        lines = [line.split() for line in text.splitlines()]
        return Logged(
            dict(sorted(Counter(int(line[0]) for line in lines).items())),
            sum(int(line[1]) for line in lines),
            sum(int(line[2]) for line in lines),
            sum(float(line[3]) * 1000 for line in lines),
            [int(line[4]) for line in lines],
        )

    def sizes(self, at: int) -> tuple[int, int]:
        """Bytes of the request and of the answer of one line of the log."""
        line = (self.folder / "access.log").read_text().splitlines()[at].split()
        return int(line[1]), int(line[2])

    @property
    def opened(self) -> int:
        """Connections that its kernel accepted for it."""
        return self.house.snmp()["PassiveOpens"] - self._opened


def certify(folder: Path) -> None:
    """A certificate for TLS."""
    import trustme

    issued = trustme.CA().issue_cert("exact.test")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for at, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(folder / "chain.pem", append=bool(at))
