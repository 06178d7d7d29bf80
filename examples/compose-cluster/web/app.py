# SPDX-License-Identifier: MIT
"""The web application: POST /notes, GET /notes/N, DELETE /notes/N, GET /health."""
import http.server

import store


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text=""):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def number(self):
        return int(self.path.rpartition("/")[2])

    def do_GET(self):  # pylint: disable=invalid-name
        try:
            if self.path == "/health":
                store.query("SELECT 1")
                store.cache().ping()
                self.answer(200, "well")
                return
            found = store.get(self.number())
            self.answer(404 if found is None else 200, found or "")
        except Exception as error:  # pylint: disable=broad-except
            self.answer(503, repr(error))

    def do_POST(self):  # pylint: disable=invalid-name
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(201, str(store.add(text)))

    def do_DELETE(self):  # pylint: disable=invalid-name
        store.remove(self.number())
        self.answer(204)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        if self.path != "/health":
            print(self.requestline, args[1], flush=True)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
