# SPDX-License-Identifier: MIT
"""Status 0 when the application answers that all is well. Imports next to nothing: it runs every few seconds."""
import socket
import sys

with socket.create_connection(("127.0.0.1", 8000), 2) as connection:
    connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
    answer = connection.recv(4096)
sys.exit(b" 200 " not in answer.split(b"\r\n")[0])
