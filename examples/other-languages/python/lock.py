# A lock that lives as long as its connection: it is given back at the end of the block, and when this process dies.
import contextlib, http.client, json, os, threading
from urllib.parse import quote, urlsplit

@contextlib.contextmanager
def lock(pool, name, wait="10s"):
    sidecar = urlsplit(os.environ.get("HOLDFAST_URL", "http://localhost:4653")).netloc
    connection = http.client.HTTPConnection(sidecar)
    path = f"/v1/locks/{pool}/{quote(name, safe='')}/acquire?hold=connection&wait={wait}"
    connection.request("POST", path, headers={"Accept": "text/event-stream"})
    socket, answer, lost = connection.sock, connection.getresponse(), threading.Event()
    data = ""
    while '"fence":' not in data:  # a problem has a code, a grant its fence, and who waits neither
        data = answer.readline().decode().removeprefix("data: ")
        if '"code":' in data or not data:
            raise RuntimeError(data)
    def watch():  # the end of the stream, however it comes, is the end of the lock
        with contextlib.suppress(OSError, http.client.HTTPException): answer.read()
        lost.set()
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield json.loads(data)["fence"], lost
    finally:
        with contextlib.suppress(OSError): socket.shutdown(2)
