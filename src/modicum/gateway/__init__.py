"""The server: `answer.py` is the day on one screen; `server.py` runs it, `protocol.py` speaks HTTP, `app.py` is its door."""
