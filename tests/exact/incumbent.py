"""
What the incumbent said in the same situation, by case and quantity.

Apache SkyWalking Rover, source at 8a3162b (0.8.0-dev), default configuration, run in a virtual
machine (Debian 12, kernel 6.1, software emulation of two CPUs) with two network tasks: a pod with
nginx and a Python upstream, and a pod with the one client.  Truth there was the client's own
ledger, nginx's log, TCP_INFO and the kernel's counters.  Its traffic was of the same kind, not the
same bytes: a figure reads "said of true".  Speed-dependent losses are those of that slow machine;
what is wrong by construction is wrong everywhere.  Two figures are two runs.  A quantity that was
not looked at there has no figure.
"""

REQUESTS, REQUESTS_C = "requests at nginx", "requests at the client"
BYTES, BYTES_C = "bytes read, written at nginx", "bytes read, written at the client"
OPENED, OPENED_C = "opened, closed at nginx", "opened, closed at the client"
SIZES, SIZES_C = (
    "request, response bytes at nginx",
    "request, response bytes at the client",
)
CALLS_C = "calls that read, wrote at the client"
ONE_OPEN = "opened 1, closed 0 of 1"


def ends(
    nginx: str, client: str, *, moved: str = "exact", opened: str = ONE_OPEN
) -> dict[str, str]:
    """The usual columns; the same is true of both ends where one text stands."""
    return {
        REQUESTS: nginx,
        REQUESTS_C: client,
        BYTES: moved,
        BYTES_C: moved,
        OPENED: opened,
        OPENED_C: opened,
    }


STRANGERS = ends("0 of 50", "0 of 50", moved="reads 0, writes exact")
ENCIPHERED = {
    "bytes read, written at the server": "read +1 a connection; -6 % in run 2",
    "bytes read, written at the client": "exact",
    "opened and told as TLS at the client": "0 (is_ssl=false)",
}

FIGURES: dict[str, dict[str, str]] = {
    "connection older than the task, 10 requests": ends(
        "10 of 10", "10 of 10", opened="opened 0, closed not looked at"
    ),
    "keep-alive, 60 requests, 40x200 10x404 10x500": ends("60; 59 of 60", "60 of 60"),
    "30 connections, one request each": ends(
        "29; 30 of 30", "29; 30 of 30", opened="opened 30, closed 30 of 30"
    ),
    "slow upstream (600, 250, 20 ms), 11": ends("11 of 11", "11 of 11"),
    "mixed upstream, 25 (5 chunked, 5 POST 3 KB)": ends("15; 19 of 25", "16; 19 of 25"),
    "3 x 1 MB down": ends("0 of 3", "0 of 3"),
    "3 x 1 MB down by sendfile": ends("0 of 3", "0 of 3"),
    "3 x 1 MB up": ends("0 of 3", "0 of 3"),
    "TLS keep-alive, 30": ENCIPHERED
    | {
        "opened, closed at the server": ONE_OPEN,
        "opened, closed at the client": ONE_OPEN,
    },
    "TLS, 10 connections": ENCIPHERED
    | {
        "opened, closed at the server": "opened 10, closed 10; 9 of 10",
        "opened, closed at the client": "opened 10, closed 10; 9 of 10",
    },
    "TLS inside: nginx, Python client, keep": {
        "requests at the server": "30 of 30",
        "requests at the client": "0 of 30: it calls SSL_read_ex and SSL_write_ex",
    },
    "TLS inside: nginx, Python client, fresh": {
        "requests at the server": "10 of 10",
        "requests at the client": "0 of 10: it calls SSL_read_ex and SSL_write_ex",
    },
    "client outside, 25": {REQUESTS: "25 of 25", BYTES: "exact", OPENED: ONE_OPEN},
    "client on the node, 20": {REQUESTS: "20 of 20", BYTES: "exact", OPENED: ONE_OPEN},
    "8 connections flat out, 800": ends(
        "41; 45 of 800",
        "144; 100 of 800",
        moved="-6 to -9 %; -15 to -18 %",
        opened="opened 8, closed 0 of 8",
    ),
    "one connection flat out, 60 x 404": ends(
        "7; 18 of 60", "20; 36 of 60", opened="opened 1, closed 1; 0 of 1"
    ),
    "one connection, 100 requests 10 ms apart": ends("52 of 100", "62 of 100"),
    "16 connections, 160 requests over 6 s": ends(
        "91 of 160", "113 of 160", moved="-22 %", opened="opened 16, closed 0 of 16"
    ),
    "12 threads of an unrelated process blocked in recvfrom, 50 requests": STRANGERS,
    "12 threads of an unrelated process blocked in accept4, 10 connections": {
        REQUESTS: "0 of 10",
        REQUESTS_C: "10 of 10",
        BYTES: "0",
        BYTES_C: "exact",
        OPENED: "opened 0 of 10",
    },
    "the same 50 requests without those threads": ends("49; 50 of 50", "48; 50 of 50"),
    "10 refused connects": {"failed connects at the client": "0 of 10 reported"},
    "HEAD": {
        REQUESTS: "3 of 10",
        REQUESTS_C: "3 of 10",
        SIZES: "response mean 952 of 238",
    },
    "request head in two sends": {
        REQUESTS: "10 of 10",
        REQUESTS_C: "10 of 10",
        SIZES_C: "request mean 80 of 187",
    },
    "request's first 24 bytes one by one": {
        REQUESTS: "2 of 3",
        REQUESTS_C: "2 of 3",
        SIZES_C: "request mean 18, 25 of 187",
    },
    "pipelined, 5 x 4": {
        REQUESTS: "5 of 20",
        REQUESTS_C: "5 of 20",
        SIZES: "request mean 748 of 187",
    },
    "Expect: 100-continue": {
        REQUESTS: "4 of 5",
        REQUESTS_C: "4 of 5",
        SIZES: "response mean 165 of 190",
    },
    "chunked request body": {
        REQUESTS: "5 of 5",
        REQUESTS_C: "5 of 5",
        SIZES: "request mean 314 of 325",
    },
    "sendmsg of head and body": {
        REQUESTS: "10 of 10",
        REQUESTS_C: "10 of 10",
        SIZES_C: "request mean 414 of 307",
    },
    "client gives up after 150 ms (nginx logs 499)": {
        REQUESTS: "0 of 5",
        REQUESTS_C: "0 of 5",
    },
    "half a request, then close": {
        "requests at the server": "0 of 0",
        "bytes read, written at the server": "exact",
    },
    "answer read 16 bytes at a time": {
        REQUESTS: "5 of 5",
        REQUESTS_C: "3 of 5",
        SIZES_C: "response mean 347 of 850",
    },
    "IPv6": {REQUESTS: "10 of 10", REQUESTS_C: "10 of 10"},
    "IPv4 control": {REQUESTS: "10 of 10", REQUESTS_C: "10 of 10"},
    "answers of 850 to 200,244 bytes, three each": {
        SIZES: "means 476, 480, 480, -, 484, 726, 1,708, 3,172",
        SIZES_C: "means exact to 3,240 and at 20,242; 143,360 and 266,240 for the two largest",
        REQUESTS_C: "0 of 3 of 10,242 and 30,242; 2 and 1 of 3 of the two largest",
    },
    "answers of 850 to 200,244 bytes by writes, three each": {
        SIZES: "means 476, 480, 480, -, 484, 726, 1,708, 3,172",
    },
    "requests of 220 to 200,282 bytes, three each": {
        SIZES: "means exact, 2,048, 5,120, 27,648",
    },
    "each answer peeked at before it is read": {BYTES_C: "a peek counts as a read"},
    "durations at 15/s": {
        "mean duration at the client, ms": "5 to 12 of 7 to 15",
    },
    "durations flat out, 8 connections": {
        "mean duration at the client, ms": "947; 1,693 of 95; 59",
        "mean duration at nginx, ms": "329; -13 of less than the client's",
    },
    "50 ms delay, 30 requests": {
        "round trip at the client, ms": "61.9 of 64.8",
        "round trip samples at the client": "28",
        "round trip samples at nginx": "0",
        "round trip at nginx, ms": "none",
    },
    "50 ms delay, 10 short connections": {
        "round trip at the client, ms": "51.4 of 50.5 to 51.6",
        "round trip samples at nginx": "0",
        "round trip at nginx, ms": "none",
    },
    "10 % loss server to client, 60 requests": {
        "retransmits at the server": "0 of 9",
        "drops at the server": "0 of 10",
    },
    "10 % loss server to client, 2 x 1 MB down": {
        "retransmits at the server": "42 of 165",
        "drops at the server": "0 of 90",
    },
    "10 % loss client to server, 60 requests": {
        "retransmits at the client": "0 of 9",
        "drops at the client": "0 of 14",
    },
    "10 % loss client to server, 2 x 1 MB up": {
        "retransmits at the client": "27 of 147",
        "drops at the client": "0 of 42",
    },
    "sampled: flat out over 16 connections, 3 slow and 2 failed on each": {
        "slow sampled at the client": "0 of 7; 0 of 3",
        "false samples at the client": "46 + 8; 41 + 11 (two runs) of requests of 60 to 95 ms",
    },
    "sampled: 60 x 404 in under a second": {
        "status_4xx sampled at the client": "10, 7; 13, 11 of 60",
    },
    "sampled: 10 x 404 and 10 x 500 among 60": {
        "status_4xx sampled at the client": "20 of 20 with 5xx",
        "status_4xx sampled at the server": "20 of 20 with 5xx",
    },
    "sampled: 2 x 1 MB up, slow": {"slow sampled at the client": "0 of 2"},
    "sampled: 5 uploads after 30 downloads of other bytes": {
        "false samples at the client": "5 of 5: other processes' bytes in the body",
        "false samples at the server": "5 of 5: other processes' bytes in the body",
    },
    "agent, backend, GraphQL: keep-alive, 60 requests, three statuses": {
        REQUESTS: "0 of 121 by master and worker (its task held the master alone)",
    },
}
"""Said of true, by case and quantity."""
