"""The health check of our images: does an address of this container answer? It must not know what serves there."""

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 4.0


def problem(port: int, path: str) -> str:
    """Why `http://127.0.0.1:<port><path>` is not well; empty when it answers 200. No proxy is asked."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"no answer from port {port}: {error!r}"
    finally:
        connection.close()
    return "" if status == HTTPStatus.OK else f"port {port} answers {status} to {path}"


if __name__ == "__main__":
    sys.exit(problem(int(sys.argv[1]), sys.argv[2]) or 0)
